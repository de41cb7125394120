//! Two roles under tokio-console: which tasks there are, what wakes them, how long each poll takes.
//!
//! `cd console && cargo run --release --bin amp`
//!
//! Meanwhile, in another terminal: `cargo install tokio-console`, `tokio-console`. It runs for ten minutes, or for so many seconds as its
//! argument says. With `--short` it looks for itself: it records what the console would be told for a second, prints how much that was, and
//! fails if something is missing.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, Role, RolePlan, RoleRequest};
use tokio::sync::mpsc;

const IO: Role = Role::new("io");
const COMPUTE: Role = Role::new("compute");

fn main() -> Result<(), Box<dyn Error>> {
    executor_console::run(serve)
}

/// Four connections on the I/O role, each of which has what it is sent hashed on the other one.
fn serve(time: Duration) -> Result<(), Box<dyn Error>> {
    let plan = RolePlan::suggest([RoleRequest::new(IO), RoleRequest::new(COMPUTE).background()])?;
    let amp = AmpExecutor::builder().plan(plan.into_plan()).build()?;
    let (io, compute) = (amp.role(IO)?, amp.role(COMPUTE)?);
    let connections = (0..4).map(|_| {
        let (request, mut requests) = mpsc::channel::<u64>(4);
        let compute = compute.clone();
        io.spawn_future(async move {
            while let Some(number) = requests.recv().await {
                compute.call(move || hash(number)).await?;
            }
            Ok::<_, amp_executor::CallError>(())
        })?;
        Ok(request)
    });
    let connections = connections.collect::<Result<Vec<_>, amp_executor::SpawnError>>()?;
    let mut number = 0;
    let clients = io.spawn_every(Duration::from_millis(10), move || {
        number += 1;
        // A connection that has enough to do gets no more.
        let _ = connections[number as usize % connections.len()].try_send(number);
    })?;
    std::thread::sleep(time);
    clients.stop();
    println!("{}", amp.shutdown());
    Ok(())
}

/// Takes its core for some milliseconds.
fn hash(number: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2 + number % 4) {
        black_box(number);
    }
}
