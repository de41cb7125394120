//! What an executor shows of itself.

use std::time::Duration;

use executor_common::{
    DelayHistogram, DelayMetrics, ExecutorMetrics, RoleMetrics, WorkerMetrics, utilisation,
};

use crate::role::{RoleState, WorkerState};
use crate::shared::Shared;

impl Shared {
    pub(crate) fn metrics(&self) -> ExecutorMetrics {
        let mut metrics = ExecutorMetrics::default();
        for state in &self.roles {
            let first = metrics.workers.len();
            let workers = state.workers.iter().enumerate();
            metrics.workers.extend(workers.map(|(place, worker)| {
                let mut entry = worker_metrics(worker);
                entry.index = first + place;
                entry.role = Some(state.role);
                entry
            }));
            metrics.roles.push(role_metrics(state, &metrics.workers[first..]));
            metrics.live_futures += state.registry.len();
        }
        // Behind all that was busy meanwhile, so that nobody was busy for longer than that.
        metrics.uptime = self.epoch.elapsed();
        for entry in &mut metrics.roles {
            entry.utilisation = utilisation(entry.busy, metrics.uptime, entry.workers);
        }
        metrics
    }
}

fn worker_metrics(worker: &WorkerState) -> WorkerMetrics {
    let mut entry = worker.counters.snapshot();
    entry.core = Some(worker.core);
    entry.queue_wait = worker.queue_wait.as_ref().map(DelayHistogram::snapshot);
    entry.run_time = worker.run_time.as_ref().map(DelayHistogram::snapshot);
    entry.longest_task = entry.run_time.as_ref().map_or(Duration::ZERO, |times| times.max);
    entry
}

fn role_metrics(state: &RoleState, workers: &[WorkerMetrics]) -> RoleMetrics {
    let sum = |of: fn(&WorkerMetrics) -> u64| -> u64 { workers.iter().map(of).sum() };
    let of_workers = |of: fn(&WorkerState) -> u64| -> u64 { state.workers.iter().map(of).sum() };
    let elsewhere = state.elsewhere.lock().snapshot();
    let lent = sum(|worker| worker.lent);
    let mut entry = RoleMetrics::default();
    entry.role = Some(state.role);
    entry.workers = workers.len();
    entry.queue_depth = state.channel.depth();
    entry.capacity = state.channel.capacity();
    entry.admitted = state.channel.pushed()
        + of_workers(|worker| worker.timers.admitted() + worker.local_spawned.get());
    let refusals = &state.refusals;
    entry.timed_out = refusals.timed_out.get();
    entry.rejected = refusals.full.get() + entry.timed_out + refusals.would_deadlock.get();
    entry.rejected_closed = refusals.closed.get();
    entry.would_deadlock = refusals.would_deadlock.get() + refusals.hopeless_calls.get();
    entry.tasks_run = sum(|worker| worker.tasks_run) + elsewhere.tasks_run;
    entry.completed = sum(|worker| worker.completed) + elsewhere.completed;
    entry.claimed = sum(|worker| worker.claimed) + elsewhere.claimed;
    entry.expired = sum(|worker| worker.expired) + elsewhere.expired;
    entry.cancelled = sum(|worker| worker.cancelled) + elsewhere.cancelled;
    entry.lent = lent;
    entry.borrowed = elsewhere.tasks_run;
    entry.timed = state.workers.iter().map(|worker| worker.timers.len()).sum();
    entry.missed_periods = of_workers(|worker| worker.timers.missed.get());
    entry.pins_lost = sum(|worker| worker.pins_lost);
    entry.stalls = sum(|worker| worker.stalls);
    entry.busy = workers.iter().map(|worker| worker.busy).sum();
    let lateness = DelayHistogram::merged(state.workers.iter().map(|worker| &worker.lateness));
    entry.lateness = (lateness.count > 0).then_some(lateness);
    entry.queue_wait = merged(state.workers.iter().map(|worker| worker.queue_wait.as_ref()));
    entry.run_time = merged(state.workers.iter().map(|worker| worker.run_time.as_ref()));
    entry
}

/// All of them, if they are measured.
fn merged<'a>(
    histograms: impl Iterator<Item = Option<&'a DelayHistogram>>,
) -> Option<DelayMetrics> {
    let histograms: Option<Vec<_>> = histograms.collect();
    Some(DelayHistogram::merged(histograms?))
}
