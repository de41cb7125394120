//! What the service wants of whatever it runs on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use hyper::rt::{Read, Write};

use super::Store;

/// Where the parts of the service run.
pub(crate) trait Platform: Clone + Send + Sync + 'static {
    /// Runs what reads and writes sockets.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()>;

    /// Runs what computes for long.
    fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Unavailable>> + Send;

    /// Runs what needs the store.
    fn with_store<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Unavailable>> + Send;
}

/// Something has not been run to its end: there was no room, or it panicked. The client need not know which.
#[derive(Debug)]
pub(crate) struct Unavailable;

impl<E: std::error::Error> From<E> for Unavailable {
    fn from(_why: E) -> Self {
        Self
    }
}

/// How connections come.
pub(crate) trait Listener: Send + Sync + 'static {
    /// One of them.
    type Stream: Read + Write + Send + Unpin + 'static;

    /// Waits for the next one.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Where it listens.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}
