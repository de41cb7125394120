//! Threads that hand requests over at their instants.

use std::time::{Duration, Instant};

use executor_common::Spawn;
use executor_common::sync::Arc;
use hdrhistogram::Histogram;

use super::program::Program;
use crate::realtime::turn::{hurry, wait_until};
use crate::rounds::new_histogram;

/// A source of up to so many requests per second asks the kernel to be run before everybody else. One of more would take a core for
/// itself.
const HURRYING_RATE: f64 = 20_000.0;

/// The source of one class's requests.
#[derive(Debug)]
pub(crate) struct Feeder {
    pub(crate) class: usize,
    /// When each request is due, after the start.
    pub(crate) instants: Vec<Duration>,
    pub(crate) start: Instant,
    pub(crate) time: Duration,
}

/// What a source has seen.
#[derive(Debug)]
pub(crate) struct Fed {
    pub(crate) class: usize,
    /// How late it was by its own fault: not where it waited for room for the request before.
    pub(crate) late_ns: Histogram<u64>,
}

impl Feeder {
    /// Hands them over on the calling thread, until all are or the turn is over.
    pub(crate) fn run<E>(self, program: &Arc<Program<E>>) -> anyhow::Result<Fed>
    where
        E: Spawn + Send + Sync + 'static,
    {
        hurry(self.instants.len() as f64 <= HURRYING_RATE * self.time.as_secs_f64());
        let mut fed = Fed { class: self.class, late_ns: new_histogram()? };
        let mut free = self.start;
        for (number, instant) in (0..).zip(&self.instants) {
            let due = self.start + *instant;
            let due_ns = instant.as_nanos() as u64;
            if program.is_over() {
                program.never_sent(self.class, due_ns);
                continue;
            }
            wait_until(due, Duration::ZERO);
            let late = Instant::now().saturating_duration_since(due.max(free));
            fed.late_ns.saturating_record(late.as_nanos() as u64);
            program.send(self.class, number, due_ns);
            free = Instant::now();
        }
        Ok(fed)
    }
}
