//! Memory, threads, descriptors, CPU time.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::Serialize;

use crate::resident::resident_bytes;

/// How far apart the looks at the memory are.
const EVERY: Duration = Duration::from_secs(1);

/// Fewer samples say nothing: executors that measure delays have megabytes of histograms, and a fifth has to hold many executors.
const ENOUGH: usize = 240;

/// Memory is flat if the median of the last fifth of the samples is at most so much above that of the second fifth, ...
const GROWTH: f64 = 0.1;

/// ... or at most so many bytes.
const GROWTH_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

/// How long threads have to be gone after their executors.
const GONE: Duration = Duration::from_secs(10);

/// Resident memory over time, once a second.
#[derive(Debug)]
pub(super) struct Memory {
    samples: Vec<u64>,
    next: Instant,
}

/// What the memory did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Growth {
    pub(super) samples: usize,
    pub(super) least_bytes: u64,
    pub(super) most_bytes: u64,
    /// Medians. Nothing where there are too few samples.
    pub(super) second_fifth_bytes: Option<f64>,
    pub(super) last_fifth_bytes: Option<f64>,
    pub(super) is_flat: Option<bool>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { samples: Vec::new(), next: Instant::now() }
    }

    /// Looks if it is time to.
    pub(super) fn look(&mut self) {
        if Instant::now() >= self.next {
            self.next = Instant::now() + EVERY;
            self.samples.extend(resident_bytes());
        }
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.samples.last().copied()
    }

    pub(super) fn samples(&self) -> &[u64] {
        &self.samples
    }

    pub(super) fn growth(&self) -> Growth {
        let fifth = self.samples.len() / 5;
        let is_enough = self.samples.len() >= ENOUGH;
        let second = is_enough.then(|| median(&self.samples[fifth..2 * fifth]));
        let last = is_enough.then(|| median(&self.samples[self.samples.len() - fifth..]));
        let is_flat = second
            .zip(last)
            .map(|(second, last)| last - second <= GROWTH_BYTES || last <= second * (1.0 + GROWTH));
        Growth {
            samples: self.samples.len(),
            least_bytes: self.samples.iter().copied().min().unwrap_or(0),
            most_bytes: self.samples.iter().copied().max().unwrap_or(0),
            second_fifth_bytes: second,
            last_fifth_bytes: last,
            is_flat,
        }
    }
}

/// What [`Growth::is_flat`] means.
pub(super) const FLAT: &str =
    "flat: the median of the last fifth is at most 10 % or 8 MiB above that of the second fifth";

fn median(samples: &[u64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    match sorted.len() {
        0 => 0.0,
        len => (sorted[(len - 1) / 2] + sorted[len / 2]) as f64 / 2.0,
    }
}

/// What the process holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Held {
    /// Nothing where the system does not tell.
    pub(super) threads: Option<usize>,
    pub(super) descriptors: Option<usize>,
}

impl Held {
    pub(super) fn now() -> Self {
        let entries = |path: &str| std::fs::read_dir(path).ok().map(Iterator::count);
        // The directory that is read is a descriptor too, each time.
        Self { threads: entries("/proc/self/task"), descriptors: entries("/proc/self/fd") }
    }

    /// What is held when that is no more than `before`, or has not become so in time.
    pub(super) fn back_to(before: Self) -> (Self, bool) {
        let deadline = Instant::now() + GONE;
        loop {
            let now = Self::now();
            let is_back = now.threads <= before.threads && now.descriptors <= before.descriptors;
            if is_back || Instant::now() >= deadline {
                return (now, is_back);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// CPU time per time, in percent of one core.
pub(super) fn cpu_percent(window: Duration) -> f64 {
    let (start, begin) = (ProcessTime::now(), Instant::now());
    std::thread::sleep(window);
    100.0 * start.elapsed().as_secs_f64() / begin.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(samples: impl Iterator<Item = u64>) -> Growth {
        Memory { samples: samples.collect(), next: Instant::now() }.growth()
    }

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn what_grows_by_little_is_flat() {
        assert_eq!(growth((0..1000).map(|n| 20 * MIB + n % 7)).is_flat, Some(true));
        // 8 MiB, which is more than a tenth.
        assert_eq!(growth((0..1000).map(|n| 20 * MIB + n * MIB / 120)).is_flat, Some(true));
        // A tenth, which is more than 8 MiB.
        assert_eq!(growth((0..1000).map(|n| 1000 * MIB + n * MIB / 10)).is_flat, Some(true));
    }

    #[test]
    fn what_grows_by_more_is_not() {
        assert_eq!(growth((0..1000).map(|n| 20 * MIB + n * MIB / 50)).is_flat, Some(false));
        assert_eq!(growth((0..1000).map(|n| 100 * MIB + n * MIB / 10)).is_flat, Some(false));
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(growth((0..100).map(|n| n * MIB)).is_flat, None);
        assert_eq!(growth(std::iter::empty()).is_flat, None);
    }
}
