//! What executor, handles and workers have in common.

use std::time::Instant;

use executor_common::sync::Arc;
use executor_common::{DomainId, ExecutorMetrics, Role, RoleMetrics, WorkerMetrics, utilisation};

use crate::deadlock::WaitGraph;
use crate::role::RoleState;

/// The roles, in the order of declaration.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) executor: DomainId,
    pub(crate) roles: Box<[Arc<RoleState>]>,
    pub(crate) waits: WaitGraph,
    pub(crate) epoch: Instant,
}

impl Shared {
    pub(crate) fn find(&self, role: Role) -> Option<&Arc<RoleState>> {
        self.roles.iter().find(|state| state.role == role)
    }

    pub(crate) fn metrics(&self) -> ExecutorMetrics {
        let mut metrics = ExecutorMetrics::default();
        metrics.uptime = self.epoch.elapsed();
        for state in &self.roles {
            let first = metrics.workers.len();
            metrics.workers.extend(state.workers.iter().enumerate().map(|(index, worker)| {
                let mut entry: WorkerMetrics = worker.counters.snapshot();
                entry.index = first + index;
                entry.role = Some(state.role);
                entry
            }));
            let mut entry = RoleMetrics::default();
            entry.role = Some(state.role);
            entry.workers = state.workers.len();
            entry.queue_depth = state.channel.depth();
            entry.capacity = state.channel.ring().capacity();
            entry.admitted = state.channel.ring().pushed();
            entry.rejected = state.rejected.get();
            let workers = &metrics.workers[first..];
            entry.tasks_run = workers.iter().map(|worker| worker.tasks_run).sum();
            entry.busy = workers.iter().map(|worker| worker.busy).sum();
            entry.utilisation = utilisation(entry.busy, metrics.uptime, entry.workers);
            metrics.live_futures += state.registry.len();
            metrics.roles.push(entry);
        }
        metrics
    }
}
