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

/// So long a source sleeps at most before it looks whether the turn is over: an interruption does not wait for the next request.
const NAP: Duration = Duration::from_millis(100);

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
        let mut lateness = Lateness::from(self.start);
        for (number, instant) in (0..).zip(&self.instants) {
            let due = self.start + *instant;
            let due_ns = instant.as_nanos() as u64;
            while !program.is_over() && Instant::now() < due {
                wait_until(due.min(Instant::now() + NAP), Duration::ZERO);
            }
            if program.is_over() {
                program.never_sent(self.class, due_ns);
                continue;
            }
            let late = lateness.of(due, Instant::now());
            fed.late_ns.saturating_record(late.as_nanos() as u64);
            program.send(self.class, number, due_ns);
            lateness.sent(Instant::now());
        }
        Ok(fed)
    }
}

/// How late a source would be if nobody ever made it wait for room: what it sleeps too long delays all requests that are due by then,
/// not only the first one.
#[derive(Debug)]
struct Lateness {
    /// When the source could turn to the next request.
    free: Instant,
    /// When it would have turned to the one before, if handing over took no time.
    turned: Instant,
}

impl Lateness {
    fn from(start: Instant) -> Self {
        Self { free: start, turned: start }
    }

    /// Of a request that was due at `due`, and that the source turns to at `now`.
    fn of(&mut self, due: Instant, now: Instant) -> Duration {
        let more = now.saturating_duration_since(due.max(self.free));
        self.turned = due.max(self.turned) + more;
        self.turned - due
    }

    /// The request has been handed over.
    fn sent(&mut self, now: Instant) {
        self.free = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_too_long_is_late_for_all_that_was_due_and_who_waits_for_room_is_not() {
        let start = Instant::now();
        let at = |us: u64| start + Duration::from_micros(us);
        let late = |requests: &[(u64, u64, u64)]| -> Vec<u128> {
            let mut lateness = Lateness::from(start);
            let of = |(due, now, sent): &(u64, u64, u64)| {
                let late = lateness.of(at(*due), at(*now));
                lateness.sent(at(*sent));
                late.as_micros()
            };
            requests.iter().map(of).collect()
        };
        // Due, turned to, handed over. It sleeps until 350 and hands over for 10 each time; then it is in time again.
        let overslept =
            [(0, 350, 360), (100, 360, 370), (200, 370, 380), (300, 380, 390), (400, 400, 410)];
        assert_eq!(late(&overslept), [350, 250, 150, 50, 0]);
        // There is no room until 350.
        let waits = [(0, 0, 350), (100, 350, 351), (200, 352, 353), (400, 400, 401)];
        assert_eq!(late(&waits), [0, 0, 1, 0]);
    }
}
