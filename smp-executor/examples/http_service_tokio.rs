//! The HTTP service of `http_service_smp` on tokio's multi-threaded runtime, to compare with.
//!
//! `cargo run --release -p smp-executor --example http_service_tokio`; the requests and the options are the same. As tokio's documentation
//! advises, what computes or blocks runs on threads of its own, and not more of it computes at once than there are cores.

#[path = "../../common/examples/http_service/mod.rs"]
mod http_service;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use http_service::{Listener, Options, Platform, Store, Unavailable};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;

#[derive(Clone)]
struct Tokio {
    runtime: Handle,
    cores: Arc<Semaphore>,
    store: Arc<Mutex<Store>>,
}

struct TokioListener(TcpListener);

impl Platform for Tokio {
    type Listener = TokioListener;

    fn listen(&self, address: SocketAddr) -> io::Result<TokioListener> {
        self.runtime.block_on(TcpListener::bind(address)).map(TokioListener)
    }

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

impl Listener for TokioListener {
    type Stream = TokioIo<TcpStream>;

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _from) = self.0.accept().await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = Runtime::new()?;
    let cores = Arc::new(Semaphore::new(std::thread::available_parallelism()?.get()));
    let store = Arc::new(Mutex::new(Store::open(options.store.as_deref())?));
    let platform = Tokio { runtime: runtime.handle().clone(), cores, store };
    http_service::run(&options, platform)
}
