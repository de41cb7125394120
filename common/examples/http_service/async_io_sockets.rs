//! Sockets of `async-io`, which any executor can wait for: its one reactor waits for all of them, and wakes the tasks.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_lite::AsyncWrite;
use hyper::rt::{self, ReadBufCursor};

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
    type Stream = Connection;

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _from) = self.0.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Connection::new(stream))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}

/// What is read at once at most.
const CHUNK_BYTES: usize = 8 << 10;

/// A connection that spares system calls.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Async<TcpStream>,
    /// All has been read that there was: hyper asks after each request, and `Async` would ask the system each time.
    is_drained: bool,
    chunk: Box<[u8; CHUNK_BYTES]>,
}

impl Connection {
    fn new(stream: Async<TcpStream>) -> Self {
        Self { stream, is_drained: false, chunk: Box::new([0; CHUNK_BYTES]) }
    }

    /// Reads into the chunk.
    fn poll_chunk(&mut self, context: &mut Context<'_>, limit: usize) -> Poll<io::Result<usize>> {
        loop {
            if self.is_drained {
                // At once, if something has come since.
                ready!(self.stream.poll_readable(context))?;
                self.is_drained = false;
            }
            match self.stream.get_ref().read(&mut self.chunk[..limit]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_drained = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => {
                    self.is_drained = outcome.as_ref().is_ok_and(|count| *count < limit);
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

impl rt::Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let limit = buffer.remaining().min(CHUNK_BYTES);
        let count = ready!(self.poll_chunk(context, limit))?;
        buffer.put_slice(&self.chunk[..count]);
        Poll::Ready(Ok(()))
    }
}

impl rt::Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}
