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
use http_service::{Platform, Store, Unavailable};
use smp_executor::{Role, SmpExecutor, SmpHandle, Spawn};
use sockets::{Arguments, AsyncIoListener, Sockets, TokioListener};
use tokio::runtime::Builder;

/// On this executor, labels for the metrics.
const IO: Role = Role::new("io");
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
        self.pool.spawn_future_in(IO, task)?;
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

fn main() -> anyhow::Result<()> {
    let Arguments { options, sockets } = Arguments::parse();
    let executor = SmpExecutor::new()?;
    let store = Arc::new(Mutex::new(Store::open(options.store.as_deref())?));
    let platform = OnePool { pool: executor.handle(), store };
    match sockets {
        Sockets::AsyncIo => {
            let listener = AsyncIoListener::bind(options.address())?;
            http_service::run(&options, platform, listener)?;
        }
        Sockets::Tokio => {
            let waiting = Builder::new_multi_thread().worker_threads(1).enable_io().build()?;
            let listener = TokioListener::bind(waiting.handle().clone(), options.address())?;
            http_service::run(&options, platform, listener)?;
        }
    }
    println!("{}", executor.shutdown());
    Ok(())
}
