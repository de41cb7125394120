//! The cases, and a turn of one peer.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use executor_common::sync::atomic::{AtomicU64, Ordering};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::summary::Round;
use crate::peers::{Countdown, Cpus, Measurement, Pool, Workers};
use crate::rounds::new_histogram;

/// How long the pool has nothing to do before a closure comes.
const PAUSE: Duration = Duration::from_millis(1);

/// What the submitter does; see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// Computes on a CPU of its own, away from the worker's
    Pin,
    /// Computes before and after
    Spin,
    /// Sleeps before, and blocks after
    Block,
    /// Sleeps before, and computes after
    Sleep,
}

/// What the submitter and the closure tell each other.
#[derive(Debug, Default)]
struct Stamp {
    /// From just before the submit to the closure's first instruction, in nanoseconds; zero until then.
    started_ns: AtomicU64,
    /// Where the closure ran, plus one; zero where that is not known.
    cpu: AtomicU64,
    /// For a submitter that blocks.
    left: Countdown,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pin, Self::Spin, Self::Block, Self::Sleep];

    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Spin => "spin",
            Self::Block => "block",
            Self::Sleep => "sleep",
        }
    }

    /// Has the pool fall asleep.
    pub(super) fn pause(self) {
        match self {
            Self::Pin | Self::Spin => {
                let start = Instant::now();
                while start.elapsed() < PAUSE {
                    spin_loop();
                }
            }
            Self::Block | Self::Sleep => std::thread::sleep(PAUSE),
        }
    }

    fn turn<P: Pool>(self, tries: u64) -> anyhow::Result<Round> {
        let pinned = self == Self::Pin;
        let cpus = Cpus::allowed()?;
        let pool = P::build(Workers { count: if pinned { 1 } else { 2 }, pinned })?;
        if pinned {
            // The worker has the first one.
            cpus.pin_calling_thread(1)?;
        }
        // Never freed, so that the closure need not count who holds it.
        let stamp: &'static Stamp = Box::leak(Box::default());
        let mut start = new_histogram()?;
        let mut submit = new_histogram()?;
        let mut same_cpu = 0;
        let sample = |into: Option<(&mut Histogram<u64>, &mut Histogram<u64>, &mut u64)>| {
            self.pause();
            stamp.left.set(1);
            // Ordering: Relaxed; handing the closure over publishes it.
            stamp.started_ns.store(0, Ordering::Relaxed);
            let here = current_cpu();
            let submitted = Instant::now();
            pool.detach(move || stamp.mark(submitted));
            let returned = submitted.elapsed();
            let started_ns = stamp.wait(self == Self::Block);
            if let Some((start, submit, same_cpu)) = into {
                start.saturating_record(started_ns);
                submit.saturating_record(returned.as_nanos() as u64);
                // Ordering: Relaxed. `wait` has seen the store after it.
                let there = stamp.cpu.load(Ordering::Relaxed);
                *same_cpu += u64::from(there != 0 && there == here);
            }
        };
        // The first ones find the pool's memory untouched.
        for _ in 0..(tries / 20).max(1) {
            sample(None);
        }
        for _ in 0..tries {
            sample(Some((&mut start, &mut submit, &mut same_cpu)));
        }
        Ok(Round::of(&start, &submit, same_cpu as f64 / tries as f64))
    }
}

/// A turn of a peer on a pool of its own, which may pin the calling thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) case: Case,
    pub(super) tries: u64,
}

impl Measurement for Turn {
    type Output = anyhow::Result<Round>;

    fn of<P: Pool>(self) -> anyhow::Result<Round> {
        self.case.turn::<P>(self.tries)
    }
}

impl Stamp {
    /// The closure: says when and where it runs.
    fn mark(&self, submitted: Instant) {
        let started_ns = submitted.elapsed().as_nanos() as u64;
        // Ordering: Relaxed; the next store publishes it.
        self.cpu.store(current_cpu(), Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `wait`, so that the submitter reads this try's CPU.
        self.started_ns.store(started_ns.max(1), Ordering::Release);
        self.left.done();
    }

    /// Waits for the closure's start: how long that took, in nanoseconds.
    fn wait(&self, block: bool) -> u64 {
        if block {
            self.left.wait();
        }
        loop {
            // Ordering: Acquire, see `mark`.
            match self.started_ns.load(Ordering::Acquire) {
                0 => spin_loop(),
                started_ns => {
                    // The closure's report, so that the next try does not begin before this one is over.
                    self.left.wait();
                    return started_ns;
                }
            }
        }
    }
}

/// The CPU of the calling thread, plus one.
#[cfg(target_os = "linux")]
fn current_cpu() -> u64 {
    rustix::thread::sched_getcpu() as u64 + 1
}

/// Not known.
#[cfg(not(target_os = "linux"))]
fn current_cpu() -> u64 {
    0
}
