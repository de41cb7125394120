//! What executor, handles and workers have in common.

use std::time::Instant;

use executor_common::sync::{Arc, Counter};
use executor_common::{DomainId, Role};

use crate::awaited::Awaited;
use crate::deadlock::WaitGraph;
use crate::role::{RoleState, WorkerState};
use crate::stall::{Observed, RunningTask, Watched};

/// The roles, in the order of declaration.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) executor: DomainId,
    pub(crate) roles: Box<[Arc<RoleState>]>,
    /// The roles' indices in the order in which a shutdown closes them.
    pub(crate) shutdown_order: Box<[usize]>,
    pub(crate) waits: WaitGraph<Awaited>,
    pub(crate) epoch: Instant,
}

impl Shared {
    pub(crate) fn find(&self, role: Role) -> Option<&Arc<RoleState>> {
        self.roles.iter().find(|state| state.role == role)
    }

    /// All workers, for the stall watch.
    pub(crate) fn watched(&self) -> Vec<Watched<WorkerRef>> {
        let workers = self.roles.iter().flat_map(|role| {
            (0..role.workers.len()).map(|place| WorkerRef { role: Arc::clone(role), place })
        });
        let watched = |(worker, observed): (usize, WorkerRef)| {
            let (role, core) = (observed.role.role, observed.state().core);
            Watched { role, worker, core, observed }
        };
        workers.enumerate().map(watched).collect()
    }

    pub(crate) fn role_names(&self, indices: &[usize]) -> Vec<Role> {
        indices.iter().map(|index| self.roles[*index].role).collect()
    }
}

/// A worker, for as long as somebody looks at it.
#[derive(Debug)]
pub(crate) struct WorkerRef {
    role: Arc<RoleState>,
    place: usize,
}

impl WorkerRef {
    fn state(&self) -> &WorkerState {
        &self.role.workers[self.place]
    }
}

impl Observed for WorkerRef {
    fn running(&self) -> &RunningTask {
        &self.state().running
    }

    fn stalls(&self) -> &Counter {
        &self.state().counters.stalls
    }
}
