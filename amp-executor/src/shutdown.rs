//! The executor's end, and that of its roles.
//!
//! | way | what was accepted | what runs |
//! |---|---|---|
//! | `shutdown`, `drain_role` | is run | ends |
//! | `shutdown_timeout`, time up | is cancelled | is left running |
//! | drop | is cancelled | is waited for |
//!
//! Timed tasks whose time has not come are cancelled in each of them, and periodic tasks end.

use std::time::Instant;

use executor_common::ShutdownReport;
use executor_common::sync::Arc;

use crate::current;
use crate::role::RoleState;
use crate::shared::Shared;

impl Shared {
    /// Closes and drains one role after the other; cancels the rest at `deadline`.
    pub(crate) fn shut_down(&self, deadline: Option<Instant>) -> ShutdownReport {
        let in_order = self.shutdown_order.iter().map(|index| Arc::clone(&self.roles[*index]));
        self.end(&in_order.collect::<Vec<_>>(), deadline)
    }

    /// Closes and drains one role.
    pub(crate) fn drain(&self, role: &Arc<RoleState>) -> ShutdownReport {
        self.end(std::slice::from_ref(role), None)
    }

    fn end(&self, roles: &[Arc<RoleState>], deadline: Option<Instant>) -> ShutdownReport {
        let begun = Instant::now();
        let (ended, cancelled) = totals(roles);
        // Of a role that has been waited for nothing runs, though a lender may be about to look whether there is something.
        let unfinished = if current::number_on(self.executor).is_some() {
            // A worker cannot wait for itself, nor for a role that may be waiting for it.
            for role in roles {
                role.close();
            }
            roles
        } else if let Some(late) = roles.iter().position(|role| {
            role.close();
            !role.wait_until_left(deadline)
        }) {
            cancel(&roles[late..]);
            for role in &roles[late..] {
                role.wait_until_settled();
            }
            &roles[late..]
        } else {
            &[]
        };
        let held: usize = unfinished.iter().map(|role| role.in_task()).sum();
        // In an end of the whole executor, whoever has borrowed a task is among those counted already.
        let borrowed = match roles {
            [only] if !unfinished.is_empty() => only.borrowed(),
            _ => 0,
        };
        let (ended_now, cancelled_now) = totals(roles);
        ShutdownReport {
            ran: ended_now - ended,
            cancelled: cancelled_now - cancelled,
            still_running: (held + borrowed) as u64,
            elapsed: begun.elapsed(),
        }
    }

    /// Cancels everything that does not run.
    pub(crate) fn cancel(&self) {
        cancel(&self.roles);
    }
}

/// Tasks that ended by themselves, and tasks that were cancelled or expired.
fn totals(roles: &[Arc<RoleState>]) -> (u64, u64) {
    let (mut ended, mut cancelled) = (0, 0);
    for role in roles {
        let elsewhere = role.elsewhere.lock();
        for counters in role.workers.iter().map(|worker| &worker.counters).chain([&*elsewhere]) {
            ended += counters.ended();
            cancelled += counters.cancelled.get() + counters.expired.get();
        }
    }
    (ended, cancelled)
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
