//! Hands out jobs to several processes, kills one of them, and looks whether all has been done.

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use async_nats::{Client, jetstream};
use futures_util::StreamExt;

use crate::{JOBS, RESULTS, STOP, job};

const NUMBER_OF_JOBS: u64 = 200;
const NUMBER_OF_WORKERS: usize = 3;
/// After so long without acknowledgement a job is given to somebody else. In earnest: several times what a job takes.
const ACK_WAIT: Duration = Duration::from_secs(1);
/// The longest pause between two results.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends with the example, however that ends.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // Errors mean that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) async fn run(url: String) -> Result<()> {
    let client = connect(&url).await?;
    let queue = jetstream::new(client.clone());
    // In a work queue a message stays until it is acknowledged, and then it is gone.
    let jobs = stream(&queue, JOBS, RetentionPolicy::WorkQueue).await?;
    let results = stream(&queue, RESULTS, RetentionPolicy::Limits).await?;
    let consumer = jobs.create_consumer(pull::Config {
        durable_name: Some(JOBS.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        ..pull::Config::default()
    });
    let mut consumer: PullConsumer = consumer.await?;
    for number in 1..=NUMBER_OF_JOBS {
        queue.publish(JOBS, number.to_string().into()).await?.await?;
    }

    let program = std::env::current_exe()?;
    let start = |_| Ok(Worker(Command::new(&program).args(["worker", &url]).spawn()?));
    let mut workers = (0..NUMBER_OF_WORKERS).map(start).collect::<Result<Vec<_>>>()?;

    let done = collect(&results, &mut workers[0]).await?;
    for (process, number) in &done {
        println!("process {process} has done {number} jobs");
    }

    let again = consumer.info().await?.delivered.consumer_sequence - NUMBER_OF_JOBS;
    println!("{again} jobs were handed out again");
    ensure!(again > 0, "the process that was killed had no job, which shows nothing");
    all_acknowledged(jobs).await?;
    stop(&client, workers.split_off(1)).await
}

/// Waits for the result of each job; kills `victim` after a quarter of them. Returns how many each process has done.
async fn collect(results: &Stream, victim: &mut Worker) -> Result<BTreeMap<u32, u64>> {
    let consumer: PullConsumer = results.create_consumer(pull::Config::default()).await?;
    let mut messages = consumer.messages().await?;
    let (mut open, mut done) = ((1..=NUMBER_OF_JOBS).collect::<Vec<_>>(), BTreeMap::new());
    while !open.is_empty() {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await;
        let message =
            message.context("no result for too long")?.context("the stream has ended")??;
        let (number, result, process) = job::from_text(&message.payload)?;
        ensure!(result == job::collatz(number), "job {number} has a wrong result");
        open.retain(|job| *job != number);
        *done.entry(process).or_default() += 1;
        message.ack().await.map_err(anyhow::Error::from_boxed)?;
        if open.len() as u64 == NUMBER_OF_JOBS * 3 / 4 {
            println!("process {} is killed, with {} jobs open", victim.0.id(), open.len());
            victim.0.kill()?; // SIGKILL: it gets no chance to give anything back
        }
    }
    Ok(done)
}

/// The server keeps a job until it is acknowledged. Results come before that, so the last ones may take a moment.
async fn all_acknowledged(mut jobs: Stream) -> Result<()> {
    for _ in 0..100 {
        let left = jobs.info().await?.state.messages;
        if left == 0 {
            println!("all {NUMBER_OF_JOBS} jobs are done and acknowledged");
            return Ok(());
        }
        tokio::time::sleep(PATIENCE / 100).await;
    }
    anyhow::bail!("jobs are done and have not been acknowledged")
}

/// Tells the workers to end, until they have: one may only just have begun to listen.
async fn stop(client: &Client, workers: Vec<Worker>) -> Result<()> {
    for mut worker in workers {
        let status = loop {
            client.publish(STOP, "".into()).await?;
            if let Some(status) = worker.0.try_wait()? {
                break status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        ensure!(status.success(), "a worker has failed: {status}");
    }
    Ok(())
}

async fn stream(
    queue: &jetstream::Context,
    name: &str,
    retention: RetentionPolicy,
) -> Result<Stream> {
    let subjects = vec![name.to_owned()];
    let config = Config { name: name.to_owned(), subjects, retention, ..Config::default() };
    Ok(queue.create_stream(config).await?)
}

/// Connects as soon as the server listens.
async fn connect(url: &str) -> Result<Client> {
    let mut attempts = 0;
    loop {
        match async_nats::connect(url).await {
            Ok(client) => return Ok(client),
            Err(error) if attempts == 100 => return Err(error.into()),
            Err(_) => attempts += 1,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
