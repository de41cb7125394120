//! The executor's end.
//!
//! | way | what was accepted | what runs |
//! |---|---|---|
//! | `shutdown` | is run | ends |
//! | `shutdown_timeout`, time up | is cancelled | is left running |
//! | drop | is cancelled | is waited for |

use std::time::Instant;

use executor_common::ShutdownReport;
use executor_common::sync::Arc;

use crate::current;
use crate::role::RoleState;
use crate::shared::Shared;

impl Shared {
    /// Closes and drains one role after the other; cancels the rest at `deadline`.
    pub(crate) fn shut_down(&self, deadline: Option<Instant>) -> ShutdownReport {
        let begun = Instant::now();
        let (ended, cancelled) = self.totals();
        if current::role_on(self.executor).is_some() {
            // A worker cannot wait for itself, nor for a role that may be waiting for it.
            for role in &self.roles {
                role.close();
            }
        } else if let Some(late) = self.roles.iter().position(|role| {
            role.close();
            !role.wait_until_left(deadline)
        }) {
            cancel(&self.roles[late..]);
            for role in &self.roles[late..] {
                role.wait_until_settled();
            }
        }
        let still_running = self.roles.iter().map(|role| role.in_task() as u64).sum();
        let (ended_now, cancelled_now) = self.totals();
        ShutdownReport {
            ran: ended_now - ended,
            cancelled: cancelled_now - cancelled,
            still_running,
            elapsed: begun.elapsed(),
        }
    }

    /// Cancels everything that does not run.
    pub(crate) fn cancel(&self) {
        cancel(&self.roles);
    }

    /// Tasks that ended by themselves, and tasks that were cancelled.
    fn totals(&self) -> (u64, u64) {
        let workers = || self.roles.iter().flat_map(|role| &role.workers);
        let ended = workers().map(|worker| worker.counters.ended()).sum();
        let by_workers: u64 = workers().map(|worker| worker.counters.cancelled.get()).sum();
        let by_others: u64 = self.roles.iter().map(|role| role.cancelled.get()).sum();
        (ended, by_workers + by_others)
    }
}

/// First all are told, so that a task that waits for another role is released; then what waits is cancelled
/// here, since the workers may all be held by tasks that never end.
fn cancel(roles: &[Arc<RoleState>]) {
    for role in roles {
        role.stop();
    }
    for role in roles {
        role.cancel_waiting();
    }
}
