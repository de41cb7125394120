//! An HTTP service on one pool: sockets, hashing and the store take turns on all cores.
//!
//! `cargo run --release -p smp-executor --example http_service_smp` listens on port 8080 until Ctrl-C, and then answers what it has begun:
//!
//! ```text
//! curl localhost:8080/health
//! curl -X PUT -d 'a value' localhost:8080/items/name; curl localhost:8080/items/name
//! curl -d 'a password' localhost:8080/hash
//! ```
//!
//! With `-- --check` it drives itself, stops under load, says how many requests were begun and answered, and fails if these differ. `--sockets tokio`
//! takes tokio's sockets in place of those of `async-io`.

#[path = "../../common/examples/http_service/mod.rs"]
mod http_service;
#[path = "../../common/examples/http_service/sockets.rs"]
mod sockets;

use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use http_service::{Listener, Options, Platform, Store, Unavailable};
use smp_executor::{AsyncIo, Reactor, Role, SmpExecutor, SmpHandle, Spawn};
use sockets::{Arguments, AsyncIoListener, Sockets, TokioListener};
use tokio::runtime::Builder;

/// On this executor, labels for the metrics.
const COMPUTE: Role = Role::new("compute");
const DATABASE: Role = Role::new("database");

#[derive(Clone)]
struct OnePool {
    pool: SmpHandle,
    /// Any worker may use it, so it needs a lock.
    store: Arc<Mutex<Store>>,
}

impl Platform for OnePool {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        drop(self.pool.spawn_future(task));
        Ok(())
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        Ok(self.pool.try_spawn_in(COMPUTE, work)?.await?)
    }

    async fn with_store<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let store = Arc::clone(&self.store);
        let query = move || query(&store.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.pool.try_spawn_in(DATABASE, query)?.await?)
    }
}

/// Idle workers wait for the sockets themselves.
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
    let executor = SmpExecutor::builder().reactor(reactor).build()?;
    let store = Arc::new(Mutex::new(Store::open(options.store.as_deref())?));
    http_service::run(options, OnePool { pool: executor.handle(), store }, listener)?;
    println!("{}", executor.shutdown());
    Ok(())
}
