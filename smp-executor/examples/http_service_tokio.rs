//! The HTTP service of `http_service_smp` on tokio's multi-threaded runtime, to compare with.
//!
//! `cargo run --release -p smp-executor --example http_service_tokio`; the requests and the options are the same. As tokio's documentation
//! advises, what computes or blocks runs on threads of its own, and not more of it computes at once than there are cores.

#[path = "../../common/examples/http_service/mod.rs"]
mod http_service;
#[path = "../../common/examples/http_service/tokio_sockets.rs"]
mod tokio_sockets;

use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use http_service::{Options, Platform, Store, Unavailable};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use tokio_sockets::TokioListener;

#[derive(Clone)]
struct Tokio {
    runtime: Handle,
    cores: Arc<Semaphore>,
    store: Arc<Mutex<Store>>,
}

impl Platform for Tokio {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        self.runtime.spawn(task);
        Ok(())
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let _core = self.cores.acquire().await?;
        Ok(self.runtime.spawn_blocking(work).await?)
    }

    async fn with_store<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let store = Arc::clone(&self.store);
        let query = move || query(&store.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.runtime.spawn_blocking(query).await?)
    }
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options } = Arguments::parse();
    let runtime = Runtime::new()?;
    let cores = Arc::new(Semaphore::new(std::thread::available_parallelism()?.get()));
    let store = Arc::new(Mutex::new(Store::open(options.store.as_deref())?));
    let platform = Tokio { runtime: runtime.handle().clone(), cores, store };
    let listener = TokioListener::bind(runtime.handle().clone(), options.address())?;
    http_service::run(&options, platform, listener)
}
