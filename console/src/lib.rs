//! tokio-console's subscriber, and in the short form what it has been told.

use std::error::Error;
use std::fs;
use std::time::Duration;

use console_subscriber::ConsoleLayer;
use tracing::subscriber::set_global_default;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Installs the subscriber, whose server has a thread of its own, and calls `serve` with the time that it is to take.
pub fn run(
    serve: impl FnOnce(Duration) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("--short") {
        return check(serve);
    }
    set_global_default(Registry::default().with(ConsoleLayer::builder().spawn()))?;
    let seconds = argument.and_then(|text| text.parse().ok()).unwrap_or(600);
    serve(Duration::from_secs(seconds))
}

/// Records what the console would be shown.
fn check(serve: impl FnOnce(Duration) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("recording");
    // Any free port: one console may be enough for this machine.
    let console = ConsoleLayer::builder().recording_path(&path).server_addr(([127, 0, 0, 1], 0));
    set_global_default(Registry::default().with(console.spawn()))?;
    serve(Duration::from_secs(1))?;

    // Written by another thread, which may be behind.
    for _ in 0..100 {
        let told = Told::read(&fs::read_to_string(&path)?);
        if told.is_complete() {
            println!("{told:?}");
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("not all has been told: {:?}", Told::read(&fs::read_to_string(&path)?)).into())
}

/// How often what was recorded: lines of JSON, each with the kind of event as its key.
#[derive(Debug, Default)]
struct Told {
    spawned: usize,
    entered: usize,
    wakers: usize,
    closed: usize,
}

impl Told {
    fn read(recording: &str) -> Self {
        let mut told = Self::default();
        for line in recording.lines() {
            let counter = match line.split('"').nth(1) {
                Some("Spawn") => &mut told.spawned,
                Some("Enter") => &mut told.entered,
                Some("Waker") => &mut told.wakers,
                Some("Close") => &mut told.closed,
                _ => continue,
            };
            *counter += 1;
        }
        told
    }

    /// All tasks have ended by now; those that are futures have been polled more than once, because they were woken.
    fn is_complete(&self) -> bool {
        let Self { spawned, entered, wakers, closed } = *self;
        spawned > 4 && entered > spawned && wakers > 0 && closed == spawned
    }
}
