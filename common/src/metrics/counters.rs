//! What a worker counts.

use std::time::{Duration, Instant};

use super::snapshot::WorkerMetrics;
use crate::sync::{Counter, now};
use crate::task::RunOutcome;

/// A worker's counters. The worker alone writes them, except where a field says otherwise.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use executor_common::{DomainId, WorkerCounters, closure_task};
///
/// let counters = WorkerCounters::new(Instant::now());
/// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
/// counters.begin_busy();
/// counters.count(&task.run());
/// counters.end_busy();
/// let metrics = counters.snapshot();
/// assert_eq!((metrics.tasks_run, metrics.completed), (1, 1));
/// # drop(handle);
/// ```
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
    /// The busy time of the last snapshot. A worker that goes idle looks at the clock before it says so, and a snapshot that comes between
    /// tells too much: the next one must not tell less.
    told_busy_ns: Counter,
}

/// The mark of a busy worker in `busy`.
const BUSY: u64 = 1;

impl WorkerCounters {
    /// All zero. `epoch` is when the executor was built.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::WorkerCounters;
    ///
    /// assert_eq!(WorkerCounters::new(Instant::now()).tasks_run.get(), 0);
    /// ```
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
            told_busy_ns: Counter::new(),
        }
    }

    /// The worker has found something to do. Does nothing while it is busy already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::WorkerCounters;
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// counters.begin_busy();
    /// assert!(counters.is_busy());
    /// ```
    #[inline]
    pub fn begin_busy(&self) {
        if !self.is_busy() {
            self.begin_busy_at(self.now_ns());
        }
    }

    /// As [`WorkerCounters::begin_busy`], for a worker that knows the time without a look at the clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::WorkerCounters;
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// let woken_ns = counters.now_ns();
    /// counters.begin_busy_at(woken_ns);
    /// assert!(counters.is_busy());
    /// ```
    #[inline]
    pub fn begin_busy_at(&self, now_ns: u64) {
        let busy = self.busy.get();
        if busy & BUSY == 0 {
            let began_ns = now_ns.saturating_sub(busy >> 1);
            self.busy.set(began_ns << 1 | BUSY);
        }
    }

    /// The worker has run out of work. Does nothing while it is idle already. Returns the time if it had to look.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::WorkerCounters;
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// counters.begin_busy();
    /// assert!(counters.end_busy().is_some());
    /// assert!(counters.end_busy().is_none()); // idle already
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::WorkerCounters;
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// assert!(!counters.is_busy());
    /// counters.begin_busy();
    /// assert!(counters.is_busy());
    /// ```
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.busy.get() & BUSY != 0
    }

    /// Counts what became of a queue entry, or of a future's turn in place.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::{RunOutcome, WorkerCounters};
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// counters.count(&RunOutcome::Panicked);
    /// assert_eq!((counters.completed.get(), counters.panics.get()), (1, 1));
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::{RunOutcome, WorkerCounters};
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// for outcome in [RunOutcome::Finished, RunOutcome::Stale, RunOutcome::Cancelled] {
    ///     counters.count(&outcome);
    /// }
    /// assert_eq!(counters.ended(), 2);
    /// ```
    pub fn ended(&self) -> u64 {
        self.completed.get() + self.claimed.get()
    }

    /// A snapshot. What is not counted here is the caller's to fill in: `index`, `role`, `core`, `queue_wait`, `run_time`
    /// and `queue_depth`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use executor_common::{WorkerCounters, WorkerMetrics};
    ///
    /// let counters = WorkerCounters::new(Instant::now());
    /// counters.parks.add_owned(1);
    /// let mut metrics: WorkerMetrics = counters.snapshot();
    /// metrics.index = 3; // whose they are
    /// assert_eq!(metrics.parks, 1);
    /// ```
    pub fn snapshot(&self) -> WorkerMetrics {
        let (busy_ns, now_ns) = busy_and_now_ns(|| self.busy.get(), || self.now_ns());
        let busy = Duration::from_nanos(self.told_busy_ns.raise(busy_ns));
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use executor_common::WorkerCounters;
    ///
    /// let epoch = Instant::now();
    /// let now_ns = WorkerCounters::new(epoch).now_ns();
    /// assert!(Duration::from_nanos(now_ns) <= epoch.elapsed());
    /// ```
    pub fn now_ns(&self) -> u64 {
        // 584 years fit, half of which `busy` has room for.
        now().saturating_duration_since(self.epoch).as_nanos() as u64
    }
}

/// The busy time of which `busy` is the word, at this time.
fn busy_ns(busy: u64, now_ns: u64) -> u64 {
    if busy & BUSY == 0 { busy >> 1 } else { now_ns.saturating_sub(busy >> 1) }
}

/// The busy time at a moment, and that moment.
///
/// The worker may have gone idle, or busy again, between a look at the word and one at the clock. So a busy one has to be the same
/// on both sides of the clock. An idle one needs no clock.
fn busy_and_now_ns(mut word: impl FnMut() -> u64, mut clock: impl FnMut() -> u64) -> (u64, u64) {
    let mut busy = word();
    loop {
        let now_ns = clock();
        let again = word();
        if busy & BUSY == 0 || again == busy {
            return (busy_ns(busy, now_ns), now_ns);
        }
        busy = again;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_is_interrupted_counts_no_idle_time() {
        const BEGAN: u64 = 100;
        const ENDED: u64 = 150;
        let words = [BEGAN << 1 | BUSY, (ENDED - BEGAN) << 1, (ENDED - BEGAN) << 1];
        let mut words = words.into_iter();
        // The first look at the clock comes when the worker has long gone idle.
        let found = busy_and_now_ns(|| words.next().expect("three looks"), || 1_000_000);
        assert_eq!(found, (ENDED - BEGAN, 1_000_000));
    }

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
    fn busy_time_never_goes_back() {
        let counters = WorkerCounters::new(Instant::now());
        counters.begin_busy_at(0);
        // The worker goes idle: it has looked at the clock, and says so after a snapshot.
        let ended_ns = counters.now_ns();
        let before = loop {
            let busy = counters.snapshot().busy;
            if busy > Duration::from_nanos(ended_ns) {
                break busy;
            }
        };
        counters.busy.set(ended_ns << 1);
        assert_eq!(counters.snapshot().busy, before);
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
