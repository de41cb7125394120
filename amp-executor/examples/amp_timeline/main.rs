//! Which task held which core, when, and what it did: a timeline of two roles, for Perfetto.
//!
//! `cargo run --release -p amp-executor --features tracing --example amp_timeline -- amp.json`
//!
//! It writes the file named, to be opened at <https://ui.perfetto.dev> or `chrome://tracing`: a row per core, a bar for each run of a closure
//! and each poll of a future. It prints how many there are, and checks that none is on a core of another role.

mod chrome;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, Role, RolePlan, RoleRequest, block_on};
use tracing::trace_span;

const IO: Role = Role::new("io");
const COMPUTE: Role = Role::new("compute");
const REQUESTS: usize = 40;

/// Holds the core for so long. Spans of the program's own are bars within the task's.
fn work(name: &'static str, time: Duration) {
    let _span = trace_span!("work", name).entered();
    let begun = Instant::now();
    while begun.elapsed() < time {
        black_box(name);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "timeline.json".into());
    let recording = chrome::record(&path)?;

    let plan = RolePlan::suggest([RoleRequest::new(IO), RoleRequest::new(COMPUTE).background()])?;
    let amp = AmpExecutor::builder().plan(plan.into_plan()).build()?;
    let (io, compute) = (amp.role(IO)?, amp.role(COMPUTE)?);
    let requests = (0..REQUESTS).map(|_| {
        let compute = compute.clone();
        io.spawn_future(async move {
            work("parse", Duration::from_micros(200));
            // Meanwhile the I/O core takes the next request.
            compute.call(|| work("hash", Duration::from_micros(500))).await?;
            work("answer", Duration::from_micros(100));
            Ok::<_, amp_executor::CallError>(())
        })
    });
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    for request in requests {
        block_on(request)??;
    }
    println!("{}", amp.shutdown());

    let timeline = recording.finish()?;
    println!("{timeline}, in {path}");
    // Each request is polled at least once, and calls one closure.
    assert!(timeline.runs_of("io").count() >= REQUESTS);
    assert_eq!(timeline.runs_of("compute").count(), REQUESTS);
    for role in ["io", "compute"] {
        assert!(
            timeline.runs_of(role).all(|run| run.thread.contains(role)),
            "off its role's cores"
        );
    }
    Ok(())
}
