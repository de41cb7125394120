//! Timers and sockets, of `async-io` and of tokio, on any executor: one text that the tests of both include.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use async_compat::Compat;
use async_io::{Async, Timer};
use executor_common::{JoinHandle, Role, Spawn};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The role of all tasks here.
pub(crate) const IO: Role = Role::new("io");

const SHORT: Duration = Duration::from_millis(5);
const CLIENTS: usize = 8;
const LINE: &[u8; 6] = b"hello\n";

fn local() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Where tasks have been polled.
#[derive(Clone, Default)]
pub(crate) struct Polled(Arc<Mutex<Vec<ThreadId>>>);

impl Polled {
    fn here(&self) {
        self.0.lock().unwrap().push(thread::current().id());
    }

    /// Fails unless somebody has been polled, and nobody elsewhere than on these threads.
    pub(crate) fn only_on(&self, threads: &[ThreadId]) {
        let polled = self.0.lock().unwrap();
        assert!(!polled.is_empty(), "nobody was polled");
        assert!(polled.iter().all(|thread| threads.contains(thread)), "polled elsewhere");
    }
}

fn spawn<F>(executor: &impl Spawn, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    executor.spawn_future_in(IO, future).expect("it takes tasks")
}

/// Each client has its line back, and the server has seen as many bytes.
fn assert_echoed(
    clients: Vec<JoinHandle<io::Result<[u8; LINE.len()]>>>,
    server: JoinHandle<io::Result<u64>>,
) {
    for client in clients {
        assert_eq!(&client.join().unwrap().unwrap(), LINE);
    }
    assert_eq!(server.join().unwrap().unwrap(), (CLIENTS * LINE.len()) as u64);
}

/// A timer of `async-io` ends no sooner than it should, and its task goes on on the executor.
pub(crate) fn async_io_timer(executor: &impl Spawn, polled: &Polled) {
    let polled = polled.clone();
    let begin = Instant::now();
    let task = spawn(executor, async move {
        polled.here();
        Timer::after(SHORT).await;
        polled.here();
        Instant::now()
    });
    assert!(task.join().unwrap() - begin >= SHORT);
}

/// Clients and an echo server with a task for each connection, on sockets of `async-io`.
pub(crate) fn async_io_echo(
    executor: &(impl Spawn + Clone + Send + Sync + 'static),
    polled: &Polled,
) {
    let listener = Async::<TcpListener>::bind(local()).unwrap();
    let address = listener.get_ref().local_addr().unwrap();
    let (spawner, server_polled) = (executor.clone(), polled.clone());
    let server = spawn(executor, async move {
        let mut connections = Vec::new();
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept().await?;
            let polled = server_polled.clone();
            connections.push(spawn(&spawner, async move {
                let copied = futures_lite::io::copy(&stream, &stream).await;
                polled.here();
                copied
            }));
        }
        let mut bytes = 0;
        for connection in connections {
            bytes += connection.await.map_err(io::Error::other)??;
        }
        io::Result::Ok(bytes)
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let polled = polled.clone();
            spawn(executor, async move {
                let mut stream = Async::<TcpStream>::connect(address).await?;
                stream.write_all(LINE).await?;
                let mut answer = [0; LINE.len()];
                stream.read_exact(&mut answer).await?;
                polled.here();
                io::Result::Ok(answer)
            })
        })
        .collect();
    assert_echoed(clients, server);
}

/// A timer of tokio, and its own time limit for what does not come.
pub(crate) fn tokio_timer(executor: &impl Spawn, polled: &Polled) {
    let polled = polled.clone();
    let begin = Instant::now();
    let task = spawn(
        executor,
        Compat::new(async move {
            polled.here();
            tokio::time::sleep(SHORT).await;
            let never = tokio::time::timeout(SHORT, std::future::pending::<()>()).await;
            polled.here();
            assert!(never.is_err());
            Instant::now()
        }),
    );
    assert!(task.join().unwrap() - begin >= 2 * SHORT);
}

/// As [`async_io_echo`], on sockets of tokio. Each task is wrapped by itself.
pub(crate) fn tokio_echo(executor: &(impl Spawn + Clone + Send + Sync + 'static), polled: &Polled) {
    let (tell, told) = std::sync::mpsc::channel();
    let (spawner, server_polled) = (executor.clone(), polled.clone());
    let server = spawn(
        executor,
        Compat::new(async move {
            let listener = tokio::net::TcpListener::bind(local()).await?;
            tell.send(listener.local_addr()?).map_err(io::Error::other)?;
            let mut connections = Vec::new();
            for _ in 0..CLIENTS {
                let (mut stream, _) = listener.accept().await?;
                let polled = server_polled.clone();
                connections.push(spawn(
                    &spawner,
                    Compat::new(async move {
                        let (mut read, mut write) = stream.split();
                        let copied = tokio::io::copy(&mut read, &mut write).await;
                        polled.here();
                        copied
                    }),
                ));
            }
            let mut bytes = 0;
            for connection in connections {
                bytes += connection.await.map_err(io::Error::other)??;
            }
            io::Result::Ok(bytes)
        }),
    );
    let address = told.recv().unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let polled = polled.clone();
            spawn(
                executor,
                Compat::new(async move {
                    let mut stream = tokio::net::TcpStream::connect(address).await?;
                    stream.write_all(LINE).await?;
                    let mut answer = [0; LINE.len()];
                    stream.read_exact(&mut answer).await?;
                    polled.here();
                    io::Result::Ok(answer)
                }),
            )
        })
        .collect();
    assert_echoed(clients, server);
}
