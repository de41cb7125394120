//! What a worker counts.

use std::time::{Duration, Instant};

use super::snapshot::WorkerMetrics;
use crate::sync::{Counter, now};
use crate::task::RunOutcome;

/// A worker's counters. The worker alone writes them, except where a field says otherwise.
#[derive(Debug)]
pub struct WorkerCounters {
    epoch: Instant,
    /// Closures run and futures polled.
    pub tasks_run: Counter,
    /// Tasks that ended, with an output or with a panic.
    pub completed: Counter,
    /// Tasks that panicked.
    pub panics: Counter,
    /// Tasks that were cancelled when their turn came.
    pub cancelled: Counter,
    /// Tasks whose time to live had passed when their turn came.
    pub expired: Counter,
    /// Queue entries whose closure a waiting handle had already run.
    pub claimed: Counter,
    /// Times it took tasks from another worker.
    pub steals: Counter,
    /// Tasks taken then.
    pub stolen: Counter,
    /// Looks at another worker's queue that was not empty.
    pub steal_attempts: Counter,
    /// Tasks of other roles that it took and ran.
    pub lent: Counter,
    /// Times it went to sleep.
    pub parks: Counter,
    /// Times it was woken.
    pub wakes: Counter,
    /// Of those, how often it then found nothing.
    pub useless_wakes: Counter,
    /// The longest that a closure or a poll has held it, in nanoseconds.
    pub longest_task_ns: Counter,
    /// Times that its pin was found to be no longer in force.
    pub pins_lost: Counter,
    /// Tasks that were seen to hold it for too long. Written by the one who watches it.
    pub stalls: Counter,
    /// Twice a number of nanoseconds, in one word so that a snapshot never sees a half of a change. While the worker is idle
    /// that is its busy time. While it is busy it is the time at which it would have begun to have been busy ever since, and
    /// one is added.
    busy: Counter,
}

/// The mark of a busy worker in `busy`.
const BUSY: u64 = 1;

impl WorkerCounters {
    /// All zero. `epoch` is when the executor was built.
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            tasks_run: Counter::new(),
            completed: Counter::new(),
            panics: Counter::new(),
            cancelled: Counter::new(),
            expired: Counter::new(),
            claimed: Counter::new(),
            steals: Counter::new(),
            stolen: Counter::new(),
            steal_attempts: Counter::new(),
            lent: Counter::new(),
            parks: Counter::new(),
            wakes: Counter::new(),
            useless_wakes: Counter::new(),
            longest_task_ns: Counter::new(),
            pins_lost: Counter::new(),
            stalls: Counter::new(),
            busy: Counter::new(),
        }
    }

    /// The worker has found something to do. Does nothing while it is busy already.
    #[inline]
    pub fn begin_busy(&self) {
        if !self.is_busy() {
            self.begin_busy_at(self.now_ns());
        }
    }

    /// As [`WorkerCounters::begin_busy`], for a worker that knows the time without a look at the clock.
    #[inline]
    pub fn begin_busy_at(&self, now_ns: u64) {
        let busy = self.busy.get();
        if busy & BUSY == 0 {
            let began_ns = now_ns.saturating_sub(busy >> 1);
            self.busy.set(began_ns << 1 | BUSY);
        }
    }

    /// The worker has run out of work. Does nothing while it is idle already. Returns the time if it had to look.
    pub fn end_busy(&self) -> Option<u64> {
        let busy = self.busy.get();
        if busy & BUSY == 0 {
            return None;
        }
        let now_ns = self.now_ns();
        self.busy.set(busy_ns(busy, now_ns) << 1);
        Some(now_ns)
    }

    /// Whether the worker is between [`WorkerCounters::begin_busy`] and [`WorkerCounters::end_busy`].
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.busy.get() & BUSY != 0
    }

    /// Counts what became of a queue entry, or of a future's turn in place.
    #[inline]
    pub fn count(&self, outcome: &RunOutcome) {
        match outcome {
            RunOutcome::Suspended | RunOutcome::Yielded(_) => self.tasks_run.add_owned(1),
            RunOutcome::Finished => {
                self.tasks_run.add_owned(1);
                self.completed.add_owned(1);
            }
            RunOutcome::Panicked => {
                self.tasks_run.add_owned(1);
                self.completed.add_owned(1);
                self.panics.add_owned(1);
            }
            RunOutcome::Cancelled => self.cancelled.add_owned(1),
            RunOutcome::Expired => self.expired.add_owned(1),
            RunOutcome::Stale => self.claimed.add_owned(1),
            RunOutcome::StaleFuture => {}
        }
    }

    /// Tasks that ended by themselves, on this worker or run in place by a handle that waited for them.
    pub fn ended(&self) -> u64 {
        self.completed.get() + self.claimed.get()
    }

    /// A snapshot. What is not counted here is the caller's to fill in: `index`, `role`, `core`, `queue_wait`, `run_time`
    /// and `queue_depth`.
    pub fn snapshot(&self) -> WorkerMetrics {
        // The word first: what it says holds at any later time too.
        let busy = self.busy.get();
        let now_ns = self.now_ns();
        let busy = Duration::from_nanos(busy_ns(busy, now_ns));
        WorkerMetrics {
            tasks_run: self.tasks_run.get(),
            completed: self.completed.get(),
            panics: self.panics.get(),
            cancelled: self.cancelled.get(),
            expired: self.expired.get(),
            claimed: self.claimed.get(),
            steals: self.steals.get(),
            stolen: self.stolen.get(),
            steal_attempts: self.steal_attempts.get(),
            lent: self.lent.get(),
            parks: self.parks.get(),
            wakes: self.wakes.get(),
            useless_wakes: self.useless_wakes.get(),
            busy,
            idle: Duration::from_nanos(now_ns).saturating_sub(busy),
            longest_task: Duration::from_nanos(self.longest_task_ns.get()),
            pins_lost: self.pins_lost.get(),
            stalls: self.stalls.get(),
            ..WorkerMetrics::default()
        }
    }

    /// The time, in nanoseconds since the epoch.
    pub fn now_ns(&self) -> u64 {
        // 584 years fit, half of which `busy` has room for.
        now().saturating_duration_since(self.epoch).as_nanos() as u64
    }
}

/// The busy time of which `busy` is the word, at this time.
fn busy_ns(busy: u64, now_ns: u64) -> u64 {
    if busy & BUSY == 0 { busy >> 1 } else { now_ns.saturating_sub(busy >> 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_counts_while_it_runs() {
        let counters = WorkerCounters::new(Instant::now());
        counters.end_busy();
        assert_eq!(counters.snapshot().busy, Duration::ZERO);
        counters.begin_busy();
        counters.begin_busy();
        while counters.snapshot().busy.is_zero() {}
        counters.end_busy();
        let busy = counters.snapshot().busy;
        assert!(!busy.is_zero());
        assert_eq!(counters.snapshot().busy, busy, "idle time does not count");
    }

    #[test]
    fn a_snapshot_sees_all_of_a_change_or_nothing() {
        let epoch = Instant::now();
        let counters = WorkerCounters::new(epoch);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                for _ in 0..200_000 {
                    counters.begin_busy();
                    counters.end_busy();
                }
            });
            let mut last = Duration::ZERO;
            while !worker.is_finished() {
                let WorkerMetrics { busy, idle, .. } = counters.snapshot();
                assert!(busy >= last, "{busy:?} after {last:?}");
                assert!(busy + idle <= epoch.elapsed(), "{busy:?} and {idle:?}");
                last = busy;
            }
        });
    }
}
