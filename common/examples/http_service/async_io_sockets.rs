//! Sockets of `async-io`, which any executor can wait for: its one thread waits for all of them, and wakes the tasks.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use async_io::Async;
use smol_hyper::rt::FuturesIo;

use crate::http_service::Listener;

/// Where connections come from.
#[derive(Debug)]
pub(crate) struct AsyncIoListener(Async<TcpListener>);

impl AsyncIoListener {
    /// Listens.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        Async::<TcpListener>::bind(address).map(Self)
    }
}

impl Listener for AsyncIoListener {
    type Stream = FuturesIo<Async<TcpStream>>;

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _from) = self.0.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(FuturesIo::new(stream))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}
