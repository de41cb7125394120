//! A pool under load that comes in waves, for `benches top` to look at.
//!
//! `cargo run --release -p smp-executor --features serve-metrics --example smp_shown`
//!
//! Meanwhile, in another terminal: `cargo run --release -p benches -- top`. It runs for ten minutes, or for so many seconds as its
//! argument says, and prints the file in which the snapshots are.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use smp_executor::{MetricsServer, Role, SmpExecutor, Spawn};

/// Labels: what is spent on them is shown apart, and any worker runs them.
const PAGE: Role = Role::new("page");
const IMAGE: Role = Role::new("image");

/// Takes its worker for so long.
fn work(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        black_box(time);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(600);
    let pool = SmpExecutor::new()?;

    // All that it takes to be seen.
    let executor = pool.handle();
    let interval = Duration::from_millis(100);
    let server = MetricsServer::start("shown", "smp", interval, move || executor.metrics())?;
    println!("{}", server.path().display());

    let end = Instant::now() + Duration::from_secs(seconds);
    for number in 0_u64.. {
        if Instant::now() >= end {
            break;
        }
        let images = if number % 1500 < 500 { 6 } else { 2 };
        let nested = pool.handle();
        drop(pool.spawn_in(PAGE, move || {
            work(Duration::from_micros(200));
            // On this worker's own queue, until an idle one steals them.
            (0..images).try_for_each(|_| {
                nested.spawn_in(IMAGE, || work(Duration::from_micros(300))).map(drop)
            })
        })?);
        std::thread::sleep(Duration::from_millis(2));
    }
    let seen = std::fs::read_to_string(server.path())?;
    assert!(seen.contains(r#""name":"shown","executor":"smp""#) && seen.ends_with('\n'));
    println!("{}", pool.shutdown());
    Ok(())
}
