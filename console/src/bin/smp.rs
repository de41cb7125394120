//! A pool under tokio-console: which tasks there are, what wakes them, how long each poll takes.
//!
//! `cd console && cargo run --release --bin smp`
//!
//! Meanwhile, in another terminal: `cargo install tokio-console`, `tokio-console`. It runs for ten minutes, or for so many seconds as its
//! argument says. With `--short` it looks for itself: it records what the console would be told for a second, prints how much that was, and
//! fails if something is missing.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use smp_executor::{Role, SmpExecutor, Spawn};
use tokio::sync::mpsc;

/// Labels: they name the tasks, and any worker runs them.
const CONNECTION: Role = Role::new("connection");
const HASH: Role = Role::new("hash");

fn main() -> Result<(), Box<dyn Error>> {
    executor_console::run(serve)
}

/// Four connections, each of which spawns a task for what it is sent.
fn serve(time: Duration) -> Result<(), Box<dyn Error>> {
    let pool = SmpExecutor::new()?;
    let connections = (0..4).map(|_| {
        let (request, mut requests) = mpsc::channel::<u64>(4);
        let handle = pool.handle();
        pool.spawn_future_in(CONNECTION, async move {
            while let Some(number) = requests.recv().await {
                let hashed = handle.spawn_in(HASH, move || hash(number));
                hashed.expect("the pool runs what its own tasks spawn").await?;
            }
            Ok::<_, smp_executor::JoinError>(())
        })?;
        Ok(request)
    });
    let connections = connections.collect::<Result<Vec<_>, smp_executor::SpawnError>>()?;
    let begun = Instant::now();
    for number in 0_u64.. {
        if begun.elapsed() >= time {
            break;
        }
        // A connection that has enough to do gets no more.
        let _ = connections[number as usize % connections.len()].try_send(number);
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(connections);
    println!("{}", pool.shutdown());
    Ok(())
}

/// Takes its worker for some milliseconds.
fn hash(number: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2 + number % 4) {
        black_box(number);
    }
}
