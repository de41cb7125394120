//! What became of every task: counted here, and by the executor.

use anyhow::Context;
use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicU64, Ordering};
use executor_common::{ExecutorMetrics, Role};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::rounds::{Percentiles, new_histogram};

/// What happened to the tasks that were made, whatever the executor says. Never freed, so that tasks need not count who holds it.
#[derive(Debug)]
pub(super) struct Fates {
    ran: AtomicU64,
    /// Dropped without having run: refused, expired, or cancelled.
    dropped: AtomicU64,
    /// From the instant at which a task was to be offered to its first instruction, in nanoseconds.
    waits_ns: Mutex<Histogram<u64>>,
}

/// One task's fate: dropping it without running it counts too.
#[derive(Debug)]
pub(super) struct Fate {
    fates: &'static Fates,
    ran: bool,
}

impl Fates {
    pub(super) fn leak() -> anyhow::Result<&'static Self> {
        Ok(Box::leak(Box::new(Self {
            ran: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            waits_ns: Mutex::new(new_histogram()?),
        })))
    }

    /// One more task.
    pub(super) fn new_task(&'static self) -> Fate {
        Fate { fates: self, ran: false }
    }

    /// How many have run.
    pub(super) fn ran(&self) -> u64 {
        // Ordering: Acquire pairs with the Release in `Fate`'s drop, so that who sees a task counted sees its wait.
        self.ran.load(Ordering::Acquire)
    }

    /// How many have been dropped without having run.
    pub(super) fn dropped(&self) -> u64 {
        // Ordering: Acquire, as in `ran`.
        self.dropped.load(Ordering::Acquire)
    }

    /// How long those waited that ran.
    pub(super) fn waits(&self) -> Percentiles {
        Percentiles::of(&self.waits_ns.lock())
    }
}

impl Fate {
    /// The task has begun, having waited so long.
    pub(super) fn begin(&mut self, wait_ns: u64) {
        self.ran = true;
        self.fates.waits_ns.lock().saturating_record(wait_ns);
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        let counter = if self.ran { &self.fates.ran } else { &self.fates.dropped };
        // Ordering: Release, see `Fates::ran`.
        counter.fetch_add(1, Ordering::Release);
    }
}

/// All tasks that were offered, and where they went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Offered, by this program's own count.
    pub(super) offered: u64,
    /// Of those, accepted.
    pub(super) accepted: u64,
    /// Handed back for want of room.
    pub(super) refused_full: u64,
    /// Handed back because the role took nothing any more.
    pub(super) refused_closed: u64,
    /// Begun, by the tasks' own count.
    pub(super) ran: u64,
    /// Accepted and dropped without having run, by the tasks' own count.
    pub(super) dropped: u64,
    /// What the executor says.
    pub(super) executor: Executors,
}

/// The executor's own account of its role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Executors {
    pub(super) admitted: u64,
    /// Tasks that ended by themselves.
    pub(super) ran: u64,
    pub(super) expired: u64,
    pub(super) cancelled: u64,
    pub(super) rejected: u64,
    pub(super) rejected_closed: u64,
}

impl Executors {
    pub(super) fn of(metrics: &ExecutorMetrics, role: Role) -> anyhow::Result<Self> {
        let role = metrics.role(role).context("the metrics lack the role")?;
        Ok(Self {
            admitted: role.admitted,
            ran: role.completed,
            expired: role.expired,
            cancelled: role.cancelled,
            rejected: role.rejected,
            rejected_closed: role.rejected_closed,
        })
    }
}

impl Account {
    /// What does not add up, exactly. Nothing is lost where this is empty.
    pub(super) fn violations(&self) -> Vec<String> {
        let executor = &self.executor;
        let sums = [
            (
                "executor: admitted = ran + expired + cancelled",
                executor.admitted,
                executor.ran + executor.expired + executor.cancelled,
            ),
            (
                "offered = accepted + refused",
                self.offered,
                self.accepted + self.refused_full + self.refused_closed,
            ),
            ("accepted = ran + dropped", self.accepted, self.ran + self.dropped),
            ("accepted = executor's admitted", self.accepted, executor.admitted),
            ("ran = executor's ran", self.ran, executor.ran),
            (
                "dropped = executor's expired + cancelled",
                self.dropped,
                executor.expired + executor.cancelled,
            ),
            ("refused for want of room = executor's", self.refused_full, executor.rejected),
            ("refused when closed = executor's", self.refused_closed, executor.rejected_closed),
        ];
        let differ = sums.into_iter().filter(|(_, left, right)| left != right);
        differ.map(|(what, left, right)| format!("{what}: {left} and {right}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_never_ran_is_counted_when_it_is_dropped() {
        let fates = Fates::leak().unwrap();
        let (mut runs, is_dropped) = (fates.new_task(), fates.new_task());
        runs.begin(7);
        assert_eq!((fates.ran(), fates.dropped()), (0, 0), "a running task has not run");
        drop((runs, is_dropped));
        assert_eq!((fates.ran(), fates.dropped()), (1, 1));
        assert_eq!(fates.waits().max, 7.0);
    }

    #[test]
    fn one_task_too_few_is_a_violation() {
        let executor = Executors {
            admitted: 7,
            ran: 4,
            expired: 2,
            cancelled: 1,
            rejected: 2,
            rejected_closed: 1,
        };
        let right = Account {
            offered: 10,
            accepted: 7,
            refused_full: 2,
            refused_closed: 1,
            ran: 4,
            dropped: 3,
            executor,
        };
        assert_eq!(right.violations(), [""; 0]);
        let lost = Account { executor: Executors { cancelled: 0, ..executor }, ..right };
        let violations = lost.violations();
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(violations[0].contains("admitted = ran + expired + cancelled: 7 and 6"));
        let twice = Account { ran: 5, ..right };
        assert_eq!(twice.violations().len(), 2);
    }
}
