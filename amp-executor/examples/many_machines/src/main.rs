//! Work for several machines: jobs in a work queue of NATS JetStream, and processes that take from it, each an AMP executor with two
//! roles. The role `io` pulls jobs and acknowledges them; the role `compute` does them. A job is acknowledged when its result is
//! stored, and not before, so that a process that is killed in the middle loses none: the server gives its jobs to others.
//!
//! `cargo run --release --manifest-path amp-executor/examples/many_machines/Cargo.toml`
//!
//! starts a `nats-server` (Debian: `apt-get install nats-server`) and three workers, gives them 200 jobs, kills one worker with SIGKILL
//! after a quarter of them, and prints who has done how many. It fails unless every job has been done at least once, with the right
//! result, and been acknowledged. About 5 s. Where there is no `nats-server` it says so, with exit code 2.
//!
//! On machines of your own: `nats-server --jetstream` on one, and `many-machines worker nats://HOST:4222` on each of the others; then what
//! `coordinator.rs` does, for your jobs.
//!
//! **The client and the executor.** `async-nats` needs tokio's reactor and timers. `async_compat::Compat` around a future gives it
//! those, on one thread for the whole process, while the future itself runs where it was spawned: on the core of `io`. That thread
//! is no worker and is not pinned; it reads the socket and wakes the future.

mod coordinator;
mod job;
mod server;
mod worker;

use std::process::ExitCode;

use amp_executor::block_on;
use anyhow::{Result, bail};
use async_compat::Compat;

/// The stream of jobs, and what workers call each other's place in it.
const JOBS: &str = "jobs";
/// The stream of results.
const RESULTS: &str = "results";
/// What workers listen to: the end.
const STOP: &str = "stop";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let Some(server) = server::Server::start()? else {
                eprintln!("there is no nats-server; on Debian: apt-get install nats-server");
                return Ok(ExitCode::from(2));
            };
            block_on(Compat::new(coordinator::run(server.url())))?;
        }
        ["worker", url] => worker::run(url)?,
        _ => bail!("usage: many-machines [worker URL]"),
    }
    Ok(ExitCode::SUCCESS)
}
