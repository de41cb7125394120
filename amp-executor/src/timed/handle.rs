//! The way to a periodic task.

use std::fmt;

use executor_common::sync::Arc;
use executor_common::{AbortHandle, DelayMetrics, JoinError, JoinHandle, TaskId};

use super::periodic::Periodic;
use crate::role::RoleState;

/// A task that runs once in each period; see [`RoleHandle::spawn_every`](crate::RoleHandle::spawn_every). Dropping the handle
/// **detaches** the task, which goes on until its role ends.
pub struct PeriodicHandle {
    task: JoinHandle<()>,
    periodic: Arc<Periodic>,
    role: Arc<RoleState>,
    worker: usize,
}

impl PeriodicHandle {
    pub(crate) fn new(
        task: JoinHandle<()>,
        periodic: Arc<Periodic>,
        role: Arc<RoleState>,
        worker: usize,
    ) -> Self {
        Self { task, periodic, role, worker }
    }

    /// Ends the task: it begins no other run, and its closure is dropped on its worker as soon as that has time.
    pub fn stop(&self) {
        self.periodic.stop();
        self.role.workers[self.worker].timers.hurry(&self.periodic);
        self.role.channel.call(self.worker);
    }

    /// Blocks until the task has ended: because it was stopped, or because its role has ended, or by a panic.
    ///
    /// # Errors
    ///
    /// The closure panicked, or the task was aborted.
    pub fn join(self) -> Result<(), JoinError> {
        self.task.join()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Cancels the task when it is due next; [`PeriodicHandle::join`] says so then.
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// How often it has run, the present run included.
    pub fn runs(&self) -> u64 {
        self.periodic.runs()
    }

    /// How many periods passed without a run, because the worker was held by another task or by the run before.
    pub fn missed(&self) -> u64 {
        self.periodic.missed()
    }

    /// How late its runs began, measured from the instants at which they were due.
    pub fn lateness(&self) -> DelayMetrics {
        self.periodic.lateness().snapshot()
    }
}

impl fmt::Debug for PeriodicHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicHandle")
            .field("id", &self.id())
            .field("runs", &self.runs())
            .field("missed", &self.missed())
            .finish()
    }
}
