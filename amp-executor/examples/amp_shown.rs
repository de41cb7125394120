//! Two roles under load, one of which is stalled now and then, for `benches top` to look at.
//!
//! `cargo run --release -p amp-executor --features serve-metrics --example amp_shown`
//!
//! Meanwhile, in another terminal: `cargo run --release -p benches -- top`. It runs for ten minutes, or for so many seconds as its
//! argument says, and prints the file in which the snapshots are.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, MetricsServer, Role, RolePlan, RoleRequest};

const IO: Role = Role::new("io");
const COMPUTE: Role = Role::new("compute");

/// Takes its core for so long.
fn work(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        black_box(time);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(600);
    let plan = RolePlan::suggest([RoleRequest::new(IO), RoleRequest::new(COMPUTE).background()])?;
    let amp = AmpExecutor::builder()
        .plan(plan.into_plan())
        .stall_limit(Duration::from_millis(20))
        .build()?;

    // All that it takes to be seen.
    let executor = amp.handle();
    let interval = Duration::from_millis(100);
    let server = MetricsServer::start("shown", "amp", interval, move || executor.metrics())?;
    println!("{}", server.path().display());

    let (io, compute) = (amp.role(IO)?, amp.role(COMPUTE)?);
    let mut number = 0_u64;
    let requests = io.spawn_every(Duration::from_millis(1), move || {
        number += 1;
        work(Duration::from_micros(100));
        // In waves, so that the queue grows and shrinks; where there is no room, the request is turned away.
        let length = if number % 3000 < 1000 { 1200 } else { 600 };
        let _ = compute.try_spawn(move || work(Duration::from_micros(length)));
    })?;
    let pauses = io.spawn_every(Duration::from_secs(2), || work(Duration::from_millis(40)))?;

    std::thread::sleep(Duration::from_secs(seconds));
    requests.stop();
    pauses.stop();
    let seen = std::fs::read_to_string(server.path())?;
    assert!(seen.contains(r#""name":"shown","executor":"amp""#) && seen.ends_with('\n'));
    println!("{}", amp.shutdown());
    Ok(())
}
