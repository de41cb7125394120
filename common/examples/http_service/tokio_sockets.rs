//! Sockets of tokio, which any executor can wait for too: whoever polls them, the runtime waits for them, and wakes the tasks.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use crate::http_service::Listener;

/// Where connections come from.
#[derive(Debug)]
pub(crate) struct TokioListener {
    listener: TcpListener,
    runtime: Handle,
}

impl TokioListener {
    /// Listens.
    pub(crate) fn bind(runtime: Handle, address: SocketAddr) -> io::Result<Self> {
        let listener = runtime.block_on(TcpListener::bind(address))?;
        Ok(Self { listener, runtime })
    }
}

impl Listener for TokioListener {
    type Stream = TokioIo<TcpStream>;

    async fn accept(&self) -> io::Result<Self::Stream> {
        let accepted = poll_fn(|context| {
            // A new socket belongs to the runtime in whose context it is made, and ours may be polled by a thread that has none.
            let _context = self.runtime.enter();
            self.listener.poll_accept(context)
        });
        let (stream, _from) = accepted.await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
