//! A closure that runs once in each period.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use executor_common::DelayHistogram;
use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{Arc, Counter};

/// What becomes of periods that have passed while a periodic task was kept from running.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use amp_executor::MissedPeriods;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let (tick, ticks) = std::sync::mpsc::channel();
/// let tick = move || drop(tick.send(()));
/// let ticking = amp
///     .role(IO)?
///     .spawn_every_from(Instant::now(), Duration::from_millis(1), MissedPeriods::CatchUp, tick)?;
/// ticks.iter().take(3).for_each(drop);
/// assert_eq!(ticking.missed(), 0); // each period has its run, if a late one
/// ticking.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissedPeriods {
    /// They are counted and left out. The task runs once, late, and then at the next instant of its period.
    #[default]
    Skip,
    /// The task runs once for each of them, without a pause, until it has caught up.
    CatchUp,
}

/// What a periodic task shares with its handle.
#[derive(Debug)]
pub(crate) struct Periodic {
    period_ns: u64,
    missed_periods: MissedPeriods,
    stopped: AtomicBool,
    /// Runs that have begun. The worker writes it, as the next.
    runs: Counter,
    missed: Counter,
    lateness: DelayHistogram,
}

impl Periodic {
    /// # Panics
    ///
    /// If `period` is zero.
    pub(crate) fn new(period: Duration, missed_periods: MissedPeriods) -> Self {
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        assert!(period_ns > 0, "a period of zero");
        Self {
            period_ns,
            missed_periods,
            stopped: AtomicBool::new(false),
            runs: Counter::new(),
            missed: Counter::new(),
            lateness: DelayHistogram::new(),
        }
    }

    pub(crate) fn stop(&self) {
        // Ordering: Relaxed; who stops hurries the task besides, under the lock of its heap.
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        // Ordering: see `stop`.
        self.stopped.load(Ordering::Relaxed)
    }

    pub(super) fn count_missed(&self, periods: u64) {
        self.missed.add_owned(periods);
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.get()
    }

    pub(super) fn missed(&self) -> u64 {
        self.missed.get()
    }

    pub(crate) fn lateness(&self) -> &DelayHistogram {
        &self.lateness
    }

    /// When it runs next, having been due at `due_ns`, and how many periods are left out before. All instants are whole
    /// periods apart, however late it is.
    pub(super) fn next(&self, due_ns: u64, now_ns: u64) -> (u64, u64) {
        let next = due_ns.saturating_add(self.period_ns);
        let missed = match self.missed_periods {
            MissedPeriods::Skip => now_ns.saturating_sub(next) / self.period_ns,
            MissedPeriods::CatchUp => 0,
        };
        (next.saturating_add(missed.saturating_mul(self.period_ns)), missed)
    }
}

/// The task: a future, since a future's task can run more than once. Each poll is one run.
pub(crate) struct PeriodicRun<F> {
    pub(crate) f: F,
    pub(crate) periodic: Arc<Periodic>,
}

/// The closure is called where it is and never pinned.
impl<F> Unpin for PeriodicRun<F> {}

impl<F: FnMut()> Future for PeriodicRun<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.periodic.is_stopped() {
            return Poll::Ready(());
        }
        self.periodic.runs.add_owned(1);
        (self.f)();
        // Yields: the worker gets the task back at once, and puts it into its heap again.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<F> fmt::Debug for PeriodicRun<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicRun").field("periodic", &self.periodic).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_late_task_runs_once_and_keeps_its_phase() {
        let skip = Periodic::new(Duration::from_nanos(10), MissedPeriods::Skip);
        // In time, late by less than a period, by exactly one, by more.
        assert_eq!(skip.next(100, 103), (110, 0));
        assert_eq!(skip.next(100, 117), (110, 0));
        assert_eq!(skip.next(100, 120), (120, 1));
        assert_eq!(skip.next(100, 139), (130, 2));
        let catch_up = Periodic::new(Duration::from_nanos(10), MissedPeriods::CatchUp);
        assert_eq!(catch_up.next(100, 139), (110, 0));
    }

    #[test]
    #[should_panic(expected = "a period of zero")]
    fn a_period_of_zero_is_refused() {
        let _ = Periodic::new(Duration::ZERO, MissedPeriods::Skip);
    }
}
