//! What the service wants of whatever it runs on.

use std::future::Future;
use std::net::SocketAddr;
use std::{fmt, io};

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

/// Why something has not been run: there was no room, or it panicked.
#[derive(Debug)]
pub(crate) struct Unavailable(String);

impl<E: std::error::Error> From<E> for Unavailable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
