//! What happened between two snapshots of one program.

use std::collections::HashMap;
use std::time::Duration;

use super::program::{Program, Role, Snapshot, Worker};

/// A worker's or a role's line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    /// Busy time by the time that was there.
    pub(super) utilisation: f64,
    pub(super) depth: usize,
    /// Room for `depth`; zero where there is no bound.
    pub(super) capacity: usize,
    pub(super) tasks_per_second: f64,
    /// Steals of a worker, rejected tasks of a role.
    pub(super) events_per_second: f64,
    pub(super) stalls: u64,
}

/// What is shown of one program.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    pub(super) workers: Vec<Row>,
    pub(super) roles: Vec<Row>,
}

/// The newest snapshot of each program and the one before it.
#[derive(Debug, Default)]
pub(super) struct History(HashMap<u32, Vec<(Program, Snapshot)>>);

impl History {
    /// The programs as they are now. Those that have written nothing new keep what was before.
    pub(super) fn update(&mut self, programs: Vec<Program>) -> Vec<(Program, Rates)> {
        let mut known = std::mem::take(&mut self.0);
        let mut shown = Vec::new();
        for program in programs {
            // A process may show several executors.
            let mut of_process = known.remove(&program.pid).unwrap_or_default();
            let place = of_process.iter().position(|(before, _)| before.name == program.name);
            let before = match place.map(|place| of_process.swap_remove(place)) {
                None => Snapshot::default(),
                Some((last, before)) if last.metrics.uptime == program.metrics.uptime => before,
                Some((last, _)) => last.metrics,
            };
            known.insert(program.pid, of_process);
            shown.push((program.clone(), Rates::between(&before, &program.metrics)));
            self.0.entry(program.pid).or_default().push((program, before));
        }
        shown
    }
}

impl Rates {
    /// From the executor's start on where there was no snapshot before.
    fn between(before: &Snapshot, now: &Snapshot) -> Self {
        let time = now.uptime.saturating_sub(before.uptime);
        let workers = now.workers.iter().map(|worker| {
            let same = |other: &&Worker| other.index == worker.index;
            let before = before.workers.iter().find(same).cloned().unwrap_or_default();
            let role = worker.role.as_deref().unwrap_or_default();
            let core = worker.core.map(|core| format!("core {core}")).unwrap_or_default();
            Row {
                name: format!("{:>3} {role} {core}", worker.index).trim_end().to_owned(),
                utilisation: share(worker.busy.saturating_sub(before.busy), time, 1),
                depth: worker.queue_depth,
                capacity: 0,
                tasks_per_second: per_second(worker.tasks_run, before.tasks_run, time),
                events_per_second: per_second(worker.steals, before.steals, time),
                stalls: worker.stalls,
            }
        });
        let roles = now.roles.iter().map(|role| {
            let same = |other: &&Role| other.role == role.role;
            let before = before.roles.iter().find(same).cloned().unwrap_or_default();
            // A label of a symmetric executor has all its workers.
            let workers = if role.workers == 0 { now.workers.len() } else { role.workers };
            Row {
                name: role.role.clone().unwrap_or_default(),
                utilisation: share(role.busy.saturating_sub(before.busy), time, workers),
                depth: role.queue_depth,
                capacity: role.capacity,
                tasks_per_second: per_second(role.tasks_run, before.tasks_run, time),
                events_per_second: per_second(role.rejected, before.rejected, time),
                stalls: role.stalls,
            }
        });
        Self { workers: workers.collect(), roles: roles.collect() }
    }
}

fn share(busy: Duration, time: Duration, workers: usize) -> f64 {
    executor_common::utilisation(busy, time, workers).clamp(0.0, 1.0)
}

fn per_second(now: u64, before: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { now.saturating_sub(before) as f64 / time.as_secs_f64() }
}
