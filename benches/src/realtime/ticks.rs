//! When runs were due, and when they began.

use std::time::{Duration, Instant};

use executor_common::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use hdrhistogram::Histogram;

use crate::rounds::new_histogram;

/// Runs that are due at `start`, one `period` later, and so on. Nothing that happens moves them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    pub(crate) period: Duration,
    /// How many.
    pub(crate) ticks: usize,
}

impl Schedule {
    /// When that run is due.
    pub(crate) fn due(&self, tick: usize) -> Instant {
        self.start + self.period * tick as u32
    }

    /// When the period of the last run is over.
    pub(crate) fn end(&self) -> Instant {
        self.due(self.ticks)
    }

    /// The last run that is due at `now`, or is by then.
    pub(crate) fn tick_at(&self, now: Instant) -> usize {
        let since = now.saturating_duration_since(self.start);
        (since.as_nanos() / self.period.as_nanos().max(1)) as usize
    }
}

/// When runs began. Written by them, whatever thread they are on.
#[derive(Debug)]
pub(crate) struct Marks {
    epoch: Instant,
    /// Nanoseconds since the epoch, plus one; zero for runs that have not begun.
    begun_ns: Box<[AtomicU64]>,
    begun: AtomicUsize,
}

impl Marks {
    /// For so many runs. Never freed, so that tasks need not count who holds it: a few KiB for each turn.
    pub(crate) fn leak(ticks: usize) -> &'static Self {
        Box::leak(Box::new(Self {
            epoch: Instant::now(),
            begun_ns: (0..ticks).map(|_| AtomicU64::new(0)).collect(),
            begun: AtomicUsize::new(0),
        }))
    }

    /// That run begins: the first thing it does. More runs than there is room for are not noted.
    #[inline]
    pub(crate) fn begin(&self, tick: usize) {
        let now = Instant::now();
        if let Some(slot) = self.begun_ns.get(tick) {
            // Ordering: Relaxed; the count below publishes it.
            slot.store((now - self.epoch).as_nanos() as u64 + 1, Ordering::Relaxed);
            // Ordering: Release pairs with the Acquire in `runs`.
            self.begun.fetch_add(1, Ordering::Release);
        }
    }

    /// As [`Marks::begin`], for runs that do not know their number: they are numbered as they come.
    #[inline]
    pub(crate) fn begin_next(&self) {
        // Ordering: Relaxed. One run at a time, and each sees what the one before has counted.
        self.begin(self.begun.load(Ordering::Relaxed));
    }

    /// How many runs have begun.
    pub(crate) fn runs(&self) -> usize {
        // Ordering: Acquire, so that the times of the runs that have been counted can be read.
        self.begun.load(Ordering::Acquire)
    }

    /// When each run that has begun did so, with its number.
    fn begun(&self) -> impl Iterator<Item = (usize, Instant)> + '_ {
        let _ = self.runs();
        self.begun_ns.iter().enumerate().filter_map(|(tick, slot)| {
            // Ordering: Relaxed; `runs` has seen what is published.
            let since_ns = slot.load(Ordering::Relaxed).checked_sub(1)?;
            Some((tick, self.epoch + Duration::from_nanos(since_ns)))
        })
    }

    /// How late the runs were, each by its number.
    pub(crate) fn lateness(&self, schedule: &Schedule) -> anyhow::Result<Lateness> {
        Lateness::of(schedule, self.begun(), Instant::now())
    }

    /// How late the runs were, where they did not know their number: each is that of the last one due.
    pub(crate) fn lateness_as_they_came(&self, schedule: &Schedule) -> anyhow::Result<Lateness> {
        let runs = self.begun().map(|(_, begun)| (schedule.tick_at(begun), begun));
        Lateness::of(schedule, runs, Instant::now())
    }
}

/// How late runs were, the missing ones included.
#[derive(Clone, Debug)]
pub(crate) struct Lateness {
    /// In nanoseconds.
    pub(crate) histogram: Histogram<u64>,
    /// Runs that never began. Each is in the histogram as if it had begun with the next one that did, or at the end.
    pub(crate) missed: u64,
}

impl Lateness {
    fn of(
        schedule: &Schedule,
        runs: impl Iterator<Item = (usize, Instant)>,
        end: Instant,
    ) -> anyhow::Result<Self> {
        let mut begun = vec![None; schedule.ticks];
        for (tick, at) in runs {
            if let Some(slot) = begun.get_mut(tick) {
                *slot = Some(slot.map_or(at, |earlier: Instant| earlier.min(at)));
            }
        }
        let mut lateness = Self { histogram: new_histogram()?, missed: 0 };
        let mut next = end;
        for (tick, begun) in begun.into_iter().enumerate().rev() {
            match begun {
                Some(begun) => next = begun,
                None => lateness.missed += 1,
            }
            let late = next.saturating_duration_since(schedule.due(tick));
            lateness.histogram.saturating_record(late.as_nanos() as u64);
        }
        Ok(lateness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn schedule(ticks: usize) -> Schedule {
        Schedule { start: Instant::now(), period: MS, ticks }
    }

    #[test]
    fn a_skipped_run_is_as_late_as_the_next_one_and_is_missed() {
        let schedule = schedule(5);
        let at = |ms: f64| schedule.start + MS.mul_f64(ms);
        // The run of 1 ms takes until 3.5 ms; those of 2 and 3 ms are skipped.
        let runs = [(0, at(0.0)), (1, at(1.5)), (4, at(4.0))];
        let lateness = Lateness::of(&schedule, runs.into_iter(), at(5.0)).unwrap();
        assert_eq!(lateness.missed, 2);
        let mut late: Vec<_> = lateness
            .histogram
            .iter_recorded()
            .flat_map(|value| {
                vec![value.value_iterated_to() / 10_000; value.count_at_value() as usize]
            })
            .collect();
        late.sort_unstable();
        // In hundredths of a millisecond, to three digits.
        assert_eq!(late, [0, 0, 50, 100, 200]);
    }

    #[test]
    fn what_never_ran_is_as_late_as_the_end() {
        let schedule = schedule(3);
        let end = schedule.start + 10 * MS;
        let lateness = Lateness::of(&schedule, std::iter::empty(), end).unwrap();
        assert_eq!((lateness.missed, lateness.histogram.len()), (3, 3));
        assert!(lateness.histogram.min() >= 7_990_000);
    }

    #[test]
    fn runs_without_numbers_are_those_last_due() {
        let schedule = schedule(4);
        assert_eq!(schedule.tick_at(schedule.start), 0);
        assert_eq!(schedule.tick_at(schedule.start + MS.mul_f64(2.9)), 2);
        let marks = Marks::leak(4);
        marks.begin_next();
        marks.begin_next();
        assert_eq!(marks.runs(), 2);
        let numbers: Vec<_> = marks.begun().map(|(tick, _)| tick).collect();
        assert_eq!(numbers, [0, 1]);
    }
}
