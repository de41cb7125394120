//! Which task held which worker, when, and what it did: a timeline of a pool, for Perfetto.
//!
//! `cargo run --release -p smp-executor --features tracing --example smp_timeline -- smp.json`
//!
//! It writes the file named, to be opened at <https://ui.perfetto.dev> or `chrome://tracing`: a row per worker, a bar for each run of a closure
//! and each poll of a future. It prints how many there are, and checks that none is missing.

#[path = "../../amp-executor/examples/amp_timeline/chrome.rs"]
mod chrome;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use smp_executor::{JoinHandle, Role, SmpExecutor, Spawn};
use tracing::trace_span;

/// A label: it names the bars, and any worker runs the task.
const PAGE: Role = Role::new("page");
const PAGES: usize = 20;
const IMAGES: usize = 3;

/// Holds the worker for so long. Spans of the program's own are bars within the task's.
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

    let pool = SmpExecutor::builder().workers(2).thread_name("worker").build()?;
    let pages = (0..PAGES).map(|_| {
        pool.spawn_future_in(PAGE, async {
            work("layout", Duration::from_micros(200));
            // On this worker's own deque, until an idle one steals them.
            let images: [JoinHandle<()>; IMAGES] = std::array::from_fn(|_| {
                smp_executor::spawn(|| work("decode", Duration::from_micros(300)))
            });
            for image in images {
                image.await?;
            }
            work("paint", Duration::from_micros(100));
            Ok::<_, smp_executor::JoinError>(())
        })
    });
    let pages = pages.collect::<Result<Vec<_>, _>>()?;
    for page in pages {
        page.join()??;
    }
    println!("{}", pool.shutdown());

    let timeline = recording.finish()?;
    println!("{timeline}, in {path}");
    // Each page is polled at least once; the images have no label.
    assert!(timeline.runs_of("page").count() >= PAGES);
    assert_eq!(timeline.runs_of("smp").count(), PAGES * IMAGES);
    assert!(timeline.runs_of("smp").all(|run| run.thread.starts_with("worker")));
    Ok(())
}
