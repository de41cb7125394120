//! A workload, ready to run: its services made and calibrated, its rates known.

use std::time::Duration;

use executor_common::cpu::{cpu_quota, default_parallelism};
use executor_common::sync::Arc;

use super::arrival;
use super::outcome::{ClassFacts, GoalFacts};
use super::program::{RunningClass, mix};
use super::service::{PreparedService, ServiceFacts};
use super::workload::{Arrival, Class, Goal, Workload};
use crate::work::Speed;

/// A workload, ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) workload: Workload,
    pub(crate) classes: Arc<Vec<RunningClass>>,
    pub(crate) services: Vec<ServiceFacts>,
    /// Workers of an executor that is not told otherwise.
    pub(crate) workers: usize,
    /// CPU seconds per second that there are.
    pub(crate) cores: f64,
    /// For each class, the requests per second that alone would use all of that, with all that they spawn.
    pub(crate) full_rates: Vec<f64>,
}

impl Prepared {
    pub(crate) fn new(workload: Workload, speed: Speed) -> anyhow::Result<Self> {
        let services = workload.classes.iter().map(|class| {
            let service = PreparedService::prepare(&class.service, speed)?;
            Ok(Arc::new(service))
        });
        let services = services.collect::<anyhow::Result<Vec<Arc<PreparedService>>>>()?;
        let facts: Vec<ServiceFacts> = services.iter().map(|service| service.facts()).collect();
        let workers = default_parallelism();
        let cores = cpu_quota().map_or(workers as f64, |quota| quota.min(workers as f64));
        let full_rates = (0..workload.classes.len())
            .map(|class| {
                let tasks = workload.tasks_per_request(class);
                let cost_ns: f64 =
                    tasks.iter().zip(&facts).map(|(n, facts)| n * facts.mean_ns).sum();
                cores * 1e9 / cost_ns.max(1.0)
            })
            .collect();
        let running = |(class, service): (&Class, Arc<PreparedService>)| RunningClass {
            role: class.role,
            service,
            spawns: class.spawns.clone(),
            then: class.then,
        };
        let classes = workload.classes.iter().zip(services).map(running).collect();
        let classes = Arc::new(classes);
        Ok(Self { workload, classes, services: facts, workers, cores, full_rates })
    }

    /// When the requests of each class are due, after the start.
    pub(crate) fn instants(&self, scale: f64) -> Vec<Vec<Duration>> {
        let of = |(index, class): (usize, &Class)| {
            let Some(arrival) = &class.arrival else { return Vec::new() };
            let scale = if class.scales { scale } else { 1.0 };
            let seed = mix(self.workload.seed ^ mix(index as u64));
            arrival::instants(arrival, self.full_rates[index], scale, self.workload.time, seed)
        };
        self.workload.classes.iter().enumerate().map(of).collect()
    }

    /// The part of the capacity that is asked for by classes of which `scales` says so.
    pub(crate) fn demand(&self, scales: bool) -> f64 {
        let of = |(index, class): (usize, &Class)| {
            let arrival = class.arrival.as_ref().filter(|_| class.scales == scales)?;
            let full = self.full_rates[index];
            Some(arrival::mean_rate(arrival, full, 1.0, self.workload.time) / full)
        };
        self.workload.classes.iter().enumerate().filter_map(of).sum()
    }

    /// The classes that have clients, and how many.
    pub(crate) fn clients(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.workload.classes.iter().enumerate().filter_map(|(index, class)| match class.arrival {
            Some(Arrival::Closed { clients }) => Some((index, clients)),
            _ => None,
        })
    }

    /// The classes, for reports.
    pub(crate) fn class_facts(&self) -> Vec<ClassFacts> {
        let of = |(index, class): (usize, &Class)| {
            let service = &self.services[index];
            let full = self.full_rates[index];
            ClassFacts {
                name: class.name.clone(),
                role: class.role.name().to_owned(),
                arrival: class.arrival.as_ref().map(|arrival| arrival::describe(arrival, full)),
                service: service.description.clone(),
                mean_service_ns: service.mean_ns,
                service_dispersion: service.dispersion,
                deadline_ns: class.deadline.map(|deadline| deadline.as_nanos() as u64),
                objectives: class
                    .objectives
                    .iter()
                    .map(|objective| (objective.percentile, objective.below.as_nanos() as u64))
                    .collect(),
            }
        };
        self.workload.classes.iter().enumerate().map(of).collect()
    }

    /// What the verdict is about, for reports.
    pub(crate) fn goal_facts(&self) -> GoalFacts {
        match self.workload.goal {
            Goal::Throughput => GoalFacts::Throughput,
            Goal::Latency { class, percentile } => GoalFacts::Latency { class, percentile },
        }
    }
}
