//! Drives the service from outside, and stops it in the middle.

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use async_io::Async;
use executor_common::CancellationToken;
use futures_lite::future;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use smol_hyper::rt::FuturesIo;

use super::Platform;
use super::service::{Service, hash};

/// Each has a connection and a thread.
const CLIENTS: u64 = 8;
/// So many are answered before the server is told to stop.
const ANSWERS: usize = 400;
/// Enough to be the slowest kind of request also here, where the program is not optimised.
pub(crate) const ROUNDS: u32 = 1_000;
/// Whatever takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Clients ask one request after the other, each in a connection of its own, until the server has gone. Each answer must be the right one, and
/// the server must have begun exactly as many requests as the clients have answers to.
pub(crate) fn check<P: Platform>(
    address: SocketAddr,
    service: &Service<P>,
    stop: &CancellationToken,
    ended: &Receiver<()>,
) -> Result<()> {
    let (answered, answers) = channel();
    let rounds = service.rounds();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client =
                Client { address, number, rounds, stop: stop.clone(), answered: answered.clone() };
            std::thread::spawn(move || async_io::block_on(client.run()))
        })
        .collect();
    drop(answered);

    for _ in 0..ANSWERS {
        answers.recv_timeout(LIMIT).context("the clients get no more answers")?;
    }
    println!("stopping, with {CLIENTS} clients at work");
    stop.cancel();
    ended.recv_timeout(LIMIT).context("the server does not end")?;
    let answered = ANSWERS as u64 + count_until_all_are_gone(&answers)?;
    for client in clients {
        client.join().expect("a client does not panic")?;
    }
    let begun = service.begun();
    println!("{begun} requests begun, {answered} answered");
    ensure!(begun == answered, "{} requests were lost", begun.abs_diff(answered));
    Ok(())
}

fn count_until_all_are_gone(answers: &Receiver<()>) -> Result<u64> {
    let limit = Instant::now() + LIMIT;
    let mut count = 0;
    loop {
        match answers.recv_timeout(limit.saturating_duration_since(Instant::now())) {
            Ok(()) => count += 1,
            Err(RecvTimeoutError::Disconnected) => return Ok(count),
            Err(RecvTimeoutError::Timeout) => {
                bail!("the server has ended, and its connections have not")
            }
        }
    }
}

struct Client {
    address: SocketAddr,
    number: u64,
    rounds: u32,
    stop: CancellationToken,
    answered: Sender<()>,
}

impl Client {
    /// Asks over one connection after the other, until there are none.
    async fn run(self) -> Result<()> {
        while let Ok(stream) = Async::<TcpStream>::connect(self.address).await {
            let (sender, connection) = http1::handshake(FuturesIo::new(stream)).await?;
            let (_ended, asked) = future::zip(connection, self.ask_all(sender)).await;
            asked?;
        }
        ensure!(self.stop.is_cancelled(), "the server refuses connections");
        Ok(())
    }

    /// Asks for everything in turn, until the server ends the connection.
    async fn ask_all(&self, mut server: SendRequest<Full<Bytes>>) -> Result<()> {
        let item = format!("/items/{}", self.number);
        let password = format!("password {}", self.number);
        let hashed = hash(password.as_bytes(), self.rounds);
        for turn in 0.. {
            let value = format!("value {turn}");
            let turn = [
                (Method::GET, "/health", "", "ok\n"),
                (Method::PUT, &item, &value, ""),
                (Method::GET, &item, "", &value),
                (Method::POST, "/hash", &password, &hashed),
            ];
            for (method, path, body, expected) in turn {
                let Some(answer) = self.ask(&mut server, method, path, body).await? else {
                    return Ok(());
                };
                ensure!(answer == expected, "{path} was answered with {answer:?}");
                self.answered.send(())?;
            }
        }
        Ok(())
    }

    /// The answer, or none if the server has ended the connection. It may do so after it has been told to stop, and before the request has come.
    async fn ask(
        &self,
        server: &mut SendRequest<Full<Bytes>>,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<Option<Bytes>> {
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let request =
            Request::builder().method(method).uri(path).header("host", "localhost").body(body)?;
        let answer = async {
            server.ready().await?;
            server.send_request(request).await
        };
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(_gone) if self.stop.is_cancelled() => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("no answer from {path}")),
        };
        ensure!(answer.status() == StatusCode::OK, "{path} was answered with {}", answer.status());
        // An answer that has begun must come to its end, whatever happens.
        Ok(Some(answer.into_body().collect().await?.to_bytes()))
    }
}
