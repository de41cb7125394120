//! What executors count, and how they show it.
//!
//! The counters are statistics: each worker writes its own without a read-modify-write, and a snapshot
//! may be a few tasks behind.

use std::time::{Duration, Instant};

use crate::delay::DelayMetrics;
use crate::role::Role;
use crate::sync::Counter;

/// A snapshot of an executor.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExecutorMetrics {
    /// Since the executor was built.
    pub uptime: Duration,
    /// One entry per worker.
    pub workers: Vec<WorkerMetrics>,
    /// One entry per role: all of an AMP executor's, and those that an SMP executor has seen as labels.
    pub roles: Vec<RoleMetrics>,
    /// Tasks that wait in queues no worker owns.
    pub global_queue_depth: usize,
    /// Futures that have been suspended at least once and are not done.
    pub live_futures: usize,
    /// Sleeping workers woken because there was something to do.
    pub wakes_sent: u64,
    /// Threads that stand in for workers that block, at this moment.
    pub compensating_threads: usize,
    /// Times that a worker blocked and nobody could stand in for it.
    pub uncompensated_blocks: u64,
    /// How long tasks waited between their spawn and their start, where the executor was told to measure it.
    pub schedule_delay: Option<DelayMetrics>,
}

/// A snapshot of one worker.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Its number in the executor.
    pub index: usize,
    /// The role it works for, in an AMP executor.
    pub role: Option<Role>,
    /// Closures run and futures polled.
    pub tasks_run: u64,
    /// Of those, how many ended their task, with an output or with a panic.
    pub completed: u64,
    /// Of those, how many panicked.
    pub panics: u64,
    /// Tasks that were cancelled when their turn came.
    pub cancelled: u64,
    /// Tasks that were dropped when their turn came, because their time to live had passed. They count as run nowhere.
    pub expired: u64,
    /// Queue entries whose task a waiting handle had already run.
    pub claimed: u64,
    /// Times it took tasks from another worker.
    pub steals: u64,
    /// Tasks taken then.
    pub stolen: u64,
    /// Looks at another worker's queue that was not empty.
    pub steal_attempts: u64,
    /// Times it went to sleep.
    pub parks: u64,
    /// Times it was woken.
    pub wakes: u64,
    /// Of those, how often it then found nothing.
    pub useless_wakes: u64,
    /// Time between finding work and running out of it.
    pub busy: Duration,
    /// The rest of the time since the executor was built.
    pub idle: Duration,
    /// The longest that a closure, or one poll of a future, has held it; zero unless the executor was told to measure.
    pub longest_task: Duration,
    /// Tasks in its own queue.
    pub queue_depth: usize,
}

/// A snapshot of one role.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RoleMetrics {
    /// The role.
    pub role: Option<Role>,
    /// Workers that serve it.
    pub workers: usize,
    /// Tasks that wait for it. Not known for a label of an SMP executor, where it is zero.
    pub queue_depth: usize,
    /// Room in its channel; zero where there is no bound.
    pub capacity: usize,
    /// Tasks accepted.
    pub admitted: u64,
    /// Tasks turned away for want of room.
    pub rejected: u64,
    /// Closures run and futures polled.
    pub tasks_run: u64,
    /// Time its workers were busy; of a label, the time its tasks ran.
    pub busy: Duration,
    /// Busy time divided by uptime and number of workers.
    pub utilisation: f64,
}

impl ExecutorMetrics {
    /// The busiest worker's busy time divided by the mean: 1 is balanced, the number of workers is the worst.
    /// 1 where nobody was busy.
    pub fn imbalance(&self) -> f64 {
        imbalance(self.workers.iter().map(|worker| worker.busy))
    }

    /// Busy time of all workers divided by uptime and number of workers.
    pub fn utilisation(&self) -> f64 {
        let busy = self.workers.iter().map(|worker| worker.busy).sum();
        utilisation(busy, self.uptime, self.workers.len())
    }

    /// Closures run and futures polled, by all workers.
    pub fn tasks_run(&self) -> u64 {
        self.workers.iter().map(|worker| worker.tasks_run).sum()
    }

    /// The entry of `role`.
    pub fn role(&self, role: Role) -> Option<&RoleMetrics> {
        self.roles.iter().find(|entry| entry.role == Some(role))
    }
}

/// Maximum divided by mean; 1 where all are zero.
pub fn imbalance(busy: impl Iterator<Item = Duration>) -> f64 {
    let (mut max, mut sum, mut count) = (Duration::ZERO, Duration::ZERO, 0_u32);
    for each in busy {
        max = max.max(each);
        sum += each;
        count += 1;
    }
    if sum.is_zero() { 1.0 } else { max.as_secs_f64() * f64::from(count) / sum.as_secs_f64() }
}

/// Busy time divided by the time that was there; 0 where there was none.
pub fn utilisation(busy: Duration, uptime: Duration, workers: usize) -> f64 {
    let there = uptime.as_secs_f64() * workers as f64;
    if there > 0.0 { busy.as_secs_f64() / there } else { 0.0 }
}

/// A worker's counters. The worker alone writes them, except where a method says otherwise.
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
    /// Queue entries whose task a waiting handle had already run.
    pub claimed: Counter,
    /// Times it took tasks from another worker.
    pub steals: Counter,
    /// Tasks taken then.
    pub stolen: Counter,
    /// Looks at another worker's queue that was not empty.
    pub steal_attempts: Counter,
    /// Times it went to sleep.
    pub parks: Counter,
    /// Times it was woken.
    pub wakes: Counter,
    /// Of those, how often it then found nothing.
    pub useless_wakes: Counter,
    /// The longest that a closure or a poll has held it, in nanoseconds.
    pub longest_task_ns: Counter,
    busy_ns: Counter,
    /// When the present busy time began, in nanoseconds since the epoch, plus one. Zero while idle.
    busy_since_ns: Counter,
}

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
            parks: Counter::new(),
            wakes: Counter::new(),
            useless_wakes: Counter::new(),
            longest_task_ns: Counter::new(),
            busy_ns: Counter::new(),
            busy_since_ns: Counter::new(),
        }
    }

    /// The worker has found something to do. Does nothing while it is busy already.
    #[inline]
    pub fn begin_busy(&self) {
        if self.busy_since_ns.get() == 0 {
            self.busy_since_ns.set(self.now_ns() + 1);
        }
    }

    /// The worker has run out of work. Does nothing while it is idle already.
    pub fn end_busy(&self) {
        let since = self.busy_since_ns.get();
        if since != 0 {
            self.busy_ns.add_owned((self.now_ns() + 1).saturating_sub(since));
            self.busy_since_ns.set(0);
        }
    }

    /// Whether the worker is between [`WorkerCounters::begin_busy`] and [`WorkerCounters::end_busy`].
    pub fn is_busy(&self) -> bool {
        self.busy_since_ns.get() != 0
    }

    /// Counts what became of a queue entry.
    #[inline]
    pub fn count(&self, outcome: &crate::task::RunOutcome) {
        use crate::task::RunOutcome;
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
        }
    }

    /// Tasks that ended by themselves, on this worker or run in place by a handle that waited for them.
    pub fn ended(&self) -> u64 {
        self.completed.get() + self.claimed.get()
    }

    /// A snapshot. `index`, `role` and `queue_depth` are the caller's to fill in.
    pub fn snapshot(&self) -> WorkerMetrics {
        let since = self.busy_since_ns.get();
        let current = if since == 0 { 0 } else { (self.now_ns() + 1).saturating_sub(since) };
        let busy = Duration::from_nanos(self.busy_ns.get() + current);
        WorkerMetrics {
            index: 0,
            role: None,
            tasks_run: self.tasks_run.get(),
            completed: self.completed.get(),
            panics: self.panics.get(),
            cancelled: self.cancelled.get(),
            expired: self.expired.get(),
            claimed: self.claimed.get(),
            steals: self.steals.get(),
            stolen: self.stolen.get(),
            steal_attempts: self.steal_attempts.get(),
            parks: self.parks.get(),
            wakes: self.wakes.get(),
            useless_wakes: self.useless_wakes.get(),
            busy,
            idle: Duration::from_nanos(self.now_ns()).saturating_sub(busy),
            longest_task: Duration::from_nanos(self.longest_task_ns.get()),
            queue_depth: 0,
        }
    }

    fn now_ns(&self) -> u64 {
        // 584 years fit.
        self.epoch.elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_the_maximum_over_the_mean() {
        let seconds = |list: &[u64]| imbalance(list.iter().map(|s| Duration::from_secs(*s)));
        assert_eq!(seconds(&[]), 1.0);
        assert_eq!(seconds(&[0, 0]), 1.0);
        assert_eq!(seconds(&[3, 3, 3]), 1.0);
        assert_eq!(seconds(&[4, 0]), 2.0);
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
}
