//! An HTTP service on cores with roles: who hashes passwords for long keeps nobody waiting who only wants a short answer.
//!
//! `cargo run --release -p amp-executor --example http_service_amp` listens on port 8080 until Ctrl-C, and then answers what it has begun:
//!
//! ```text
//! curl localhost:8080/health
//! curl -X PUT -d 'a value' localhost:8080/items/name; curl localhost:8080/items/name
//! curl -d 'a password' localhost:8080/hash
//! ```
//!
//! With `-- --check` it drives itself, stops under load, says how many requests were begun and answered, and fails if these differ. `--sockets tokio`
//! takes tokio's sockets in place of those of `async-io`.
//! `AMP_ROLES="io=0;database=1;compute=2-7"` says which cores the roles have.

#[path = "../../common/examples/http_service/mod.rs"]
mod http_service;
#[path = "../../common/examples/http_service/sockets.rs"]
mod sockets;

use amp_executor::cpu::{CpuControl, SystemCpus};
use amp_executor::{
    AmpExecutor, AsyncIo, Reactor, Role, RoleConfig, RoleHandle, RolePlan, with_state,
};
use clap::Parser;
use http_service::{Listener, Options, Platform, Store, Unavailable};
use sockets::{Arguments, AsyncIoListener, Sockets, TokioListener};
use tokio::runtime::Builder;

const IO: Role = Role::new("io");
const COMPUTE: Role = Role::new("compute");
const DATABASE: Role = Role::new("database");

#[derive(Clone)]
struct Roles {
    io: RoleHandle,
    compute: RoleHandle,
    database: RoleHandle,
}

impl Platform for Roles {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        self.io.spawn_future(task)?;
        Ok(())
    }

    /// Where the channel is full, the client hears so at once.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        Ok(self.compute.try_spawn(work)?.await?)
    }

    /// Queries are short: they wait for room.
    async fn with_store<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        Ok(self.database.call(|| with_state(|store: &mut Store| query(store))).await??)
    }
}

/// The first core serves, the second one has the store, all others compute. Of two cores, one computes.
fn plan() -> anyhow::Result<RolePlan> {
    if let Some(plan) = RolePlan::from_env()? {
        return Ok(plan);
    }
    let cores: Vec<usize> = SystemCpus.allowed()?.iter().collect();
    let on = |role, cores: &[usize]| RoleConfig::new(role).cores(cores.iter().copied());
    let plan = match cores.as_slice() {
        [one] => [IO, DATABASE, COMPUTE].map(|role| on(role, &[*one]).shared()),
        [one, other] => {
            [on(IO, &[*one]).shared(), on(DATABASE, &[*one]).shared(), on(COMPUTE, &[*other])]
        }
        [first, second, others @ ..] => {
            [on(IO, &[*first]), on(DATABASE, &[*second]), on(COMPUTE, others)]
        }
        [] => anyhow::bail!("there is no core"),
    };
    Ok(RolePlan::new(plan)?)
}

/// Where the I/O role has nothing to do, its workers wait for the sockets themselves.
fn main() -> anyhow::Result<()> {
    let Arguments { options, sockets } = Arguments::parse();
    match sockets {
        Sockets::AsyncIo => serve(&options, AsyncIo, AsyncIoListener::bind(options.address())?),
        Sockets::Tokio => {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let listener = TokioListener::bind(runtime.handle().clone(), options.address())?;
            serve(&options, runtime, listener)
        }
    }
}

fn serve(options: &Options, reactor: impl Reactor, listener: impl Listener) -> anyhow::Result<()> {
    let path = options.store.clone();
    let amp = AmpExecutor::builder()
        .plan(plan()?)
        .reactor(IO, reactor)
        // The connection is made on the database's core, stays there, and needs no lock.
        .state(DATABASE, move |_core| {
            Store::open(path.as_deref()).expect("the store can be opened")
        })
        .shutdown_order([IO, COMPUTE, DATABASE])
        .build()?;
    amp.placement().iter().for_each(|worker| println!("{worker}"));
    let (io, compute, database) = (amp.role(IO)?, amp.role(COMPUTE)?, amp.role(DATABASE)?);
    http_service::run(options, Roles { io, compute, database }, listener)?;
    println!("{}", amp.shutdown());
    Ok(())
}
