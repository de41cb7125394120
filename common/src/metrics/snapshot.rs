//! What an executor shows.

use std::time::Duration;

use crate::delay::DelayMetrics;
use crate::role::Role;

/// A snapshot of an executor.
///
/// # Examples
///
/// ```
/// use executor_common::ExecutorMetrics;
///
/// let metrics = ExecutorMetrics::default(); // an executor's own: `executor.metrics()`
/// for worker in &metrics.workers {
///     println!("worker {} was busy for {:?}", worker.index, worker.busy);
/// }
/// assert_eq!(metrics.roles.len(), 0);
/// ```
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
///
/// # Examples
///
/// ```
/// use executor_common::WorkerMetrics;
///
/// /// How many of the worker's tasks came from others.
/// fn stolen_share(worker: &WorkerMetrics) -> f64 {
///     worker.stolen as f64 / worker.tasks_run.max(1) as f64
/// }
///
/// let worker = WorkerMetrics::default(); // an executor's own: one of `executor.metrics().workers`
/// assert_eq!(stolen_share(&worker), 0.0);
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Its number in the executor.
    pub index: usize,
    /// The role it works for, in an AMP executor.
    pub role: Option<Role>,
    /// The core that it was given, by the system's number, in an AMP executor.
    pub core: Option<usize>,
    /// Closures run and futures polled.
    pub tasks_run: u64,
    /// Of those, how many ended their task, with an output or with a panic.
    pub completed: u64,
    /// Of those, how many panicked.
    pub panics: u64,
    /// Tasks that were cancelled when their turn came.
    pub cancelled: u64,
    /// Tasks that were dropped unrun when their turn came, because their time to live had passed.
    pub expired: u64,
    /// Closures that a waiting handle had run in place when their turn came. Futures that it runs count as others do.
    pub claimed: u64,
    /// Times it took tasks from another worker.
    pub steals: u64,
    /// Tasks taken then.
    pub stolen: u64,
    /// Looks at another worker's queue that was not empty.
    pub steal_attempts: u64,
    /// Tasks of other roles that it took and ran, in an AMP executor whose role lends its cores.
    pub lent: u64,
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
    /// Times that the pin to its core was found to be no longer in force.
    pub pins_lost: u64,
    /// Tasks that were seen to hold it for longer than the limit of the stall watch.
    pub stalls: u64,
    /// How long the tasks that it started had waited since they were admitted, where the executor was told to measure it.
    pub queue_wait: Option<DelayMetrics>,
    /// How long each closure, and each poll of a future, held it, where the executor was told to measure it.
    pub run_time: Option<DelayMetrics>,
    /// Tasks in its own queue.
    pub queue_depth: usize,
}

/// A snapshot of one role.
///
/// # Examples
///
/// ```
/// use executor_common::RoleMetrics;
///
/// // Of a real one, after its shutdown: `metrics.role(IO)`.
/// let role = RoleMetrics::default();
/// assert_eq!(role.admitted, role.completed + role.claimed + role.expired + role.cancelled);
/// ```
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
    /// Tasks accepted. In an AMP executor that has been shut down this is the sum of `completed`, `claimed`, `expired` and
    /// `cancelled`.
    pub admitted: u64,
    /// Tasks turned away for want of room.
    pub rejected: u64,
    /// Of those, how many had waited for room until their time was up.
    pub timed_out: u64,
    /// Waits that were refused because they could never have ended: all who could have ended them waited for one another. Those for
    /// room are among `rejected`; the tasks of blocking calls had been admitted.
    pub would_deadlock: u64,
    /// Tasks turned away because the role, or the executor, took nothing any more.
    pub rejected_closed: u64,
    /// Closures run and futures polled.
    pub tasks_run: u64,
    /// Admitted tasks that ended on a worker, with an output or with a panic.
    pub completed: u64,
    /// Admitted closures that a handle that waited for them had run in place when their turn came.
    pub claimed: u64,
    /// Admitted tasks that were dropped unrun, because their time to live had passed.
    pub expired: u64,
    /// Admitted tasks that were cancelled: aborted, or overtaken by a shutdown.
    pub cancelled: u64,
    /// Tasks of other roles that its workers ran, because it lends to those.
    pub lent: u64,
    /// Tasks of its own that workers of other roles ran, because those lend to it.
    pub borrowed: u64,
    /// Timed tasks that wait for their time at this moment.
    pub timed: usize,
    /// Times at which a periodic task was due and could not be started before the next one was due as well.
    pub missed_periods: u64,
    /// Times that the pin of one of its workers was found to be no longer in force.
    pub pins_lost: u64,
    /// Tasks that were seen to hold one of its workers for longer than the limit of the stall watch.
    pub stalls: u64,
    /// How long tasks waited between their admission and their start, where the executor was told to measure it.
    pub queue_wait: Option<DelayMetrics>,
    /// How long each closure, and each poll of a future, held its worker, where the executor was told to measure it.
    pub run_time: Option<DelayMetrics>,
    /// How long after the instant that was asked for timed tasks started. `None` where there have been none.
    pub lateness: Option<DelayMetrics>,
    /// Time its workers were busy; of a label, the time its tasks ran.
    pub busy: Duration,
    /// Busy time divided by uptime and number of workers.
    pub utilisation: f64,
}

impl ExecutorMetrics {
    /// The busiest worker's busy time divided by the mean: 1 is balanced, the number of workers is the worst.
    /// 1 where nobody was busy.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ExecutorMetrics;
    ///
    /// let metrics = ExecutorMetrics::default(); // an executor's own: `executor.metrics()`
    /// assert_eq!(metrics.imbalance(), 1.0);
    /// ```
    pub fn imbalance(&self) -> f64 {
        imbalance(self.workers.iter().map(|worker| worker.busy))
    }

    /// Busy time of all workers divided by uptime and number of workers.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ExecutorMetrics;
    ///
    /// let metrics = ExecutorMetrics::default(); // an executor's own: `executor.metrics()`
    /// println!("{:.0} % busy", 100.0 * metrics.utilisation());
    /// ```
    pub fn utilisation(&self) -> f64 {
        let busy = self.workers.iter().map(|worker| worker.busy).sum();
        utilisation(busy, self.uptime, self.workers.len())
    }

    /// Closures run and futures polled, by all workers.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ExecutorMetrics;
    ///
    /// let metrics = ExecutorMetrics::default(); // an executor's own: `executor.metrics()`
    /// assert_eq!(metrics.tasks_run(), 0);
    /// ```
    pub fn tasks_run(&self) -> u64 {
        self.workers.iter().map(|worker| worker.tasks_run).sum()
    }

    /// The entry of `role`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ExecutorMetrics;
    ///
    /// let metrics = ExecutorMetrics::default(); // an executor's own: `executor.metrics()`
    /// let role = executor_common::Role::new("io");
    /// assert!(metrics.role(role).is_none());
    /// ```
    pub fn role(&self, role: Role) -> Option<&RoleMetrics> {
        self.roles.iter().find(|entry| entry.role == Some(role))
    }
}

/// Maximum divided by mean; 1 where all are zero.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// assert_eq!(executor_common::imbalance([ms(30), ms(10)].into_iter()), 1.5);
/// ```
pub fn imbalance(busy: impl Iterator<Item = Duration>) -> f64 {
    // No sum of floating-point numbers is too large for one, and the mean of equal ones may be a little off.
    let (mut max, mut sum, mut count) = (0.0_f64, 0.0, 0_u32);
    for each in busy.map(|each| each.as_secs_f64()) {
        max = max.max(each);
        sum += each;
        count += 1;
    }
    if sum > 0.0 { (max * f64::from(count) / sum).clamp(1.0, f64::from(count)) } else { 1.0 }
}

/// Busy time divided by the time that was there; 0 where there was none.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// assert_eq!(executor_common::utilisation(ms(10), ms(20), 2), 0.25);
/// ```
pub fn utilisation(busy: Duration, uptime: Duration, workers: usize) -> f64 {
    let there = uptime.as_secs_f64() * workers as f64;
    if there > 0.0 { busy.as_secs_f64() / there } else { 0.0 }
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
}
