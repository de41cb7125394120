//! How much of the machine classes and roles want, as far as that is known before anything has run.

use std::time::Duration;

use executor_common::Role;

use super::tree::expected_tasks;
use super::{Arrival, Class, Rate, Service};

/// What a task takes on average, in seconds. Nothing for those services that have to be measured.
pub(super) fn mean_seconds(service: &Service) -> Option<f64> {
    match service {
        Service::Fixed(time) => Some(time.as_secs_f64()),
        Service::Exponential { mean } => Some(mean.as_secs_f64()),
        Service::Bimodal { short, long, long_share } => {
            Some(short.as_secs_f64() * (1.0 - long_share) + long.as_secs_f64() * long_share)
        }
        Service::Lognormal { median, sigma } => {
            Some(median.as_secs_f64() * (sigma * sigma / 2.0).exp())
        }
        Service::Sha256 { .. }
        | Service::Zstd { .. }
        | Service::Json { .. }
        | Service::Sort { .. }
        | Service::Read { .. } => None,
    }
}

/// What the tasks of each class take in a request of `root`, in seconds. Nothing where one of them has to be measured. `order` is
/// that of [`children_first`](super::tree::children_first).
pub(super) fn seconds_per_request(
    classes: &[Class],
    order: &[usize],
    root: usize,
) -> Option<Vec<f64>> {
    let tasks = expected_tasks(classes, order, root);
    let seconds = |(class, tasks): (&Class, f64)| match tasks {
        0.0 => Some(0.0),
        tasks => Some(tasks * mean_seconds(&class.service)?),
    };
    classes.iter().zip(tasks).map(seconds).collect()
}

/// The roles in the order of their first classes, and how many cores' time each wants. Nothing where that is not known: because a
/// service has to be measured, or because clients wait for their requests and send as many as can be run.
pub(super) fn cores_by_role(
    classes: &[Class],
    order: &[usize],
    workers: usize,
) -> Vec<(Role, Option<f64>)> {
    let mut roles: Vec<(Role, Option<f64>)> = Vec::new();
    for class in classes {
        if roles.iter().all(|(role, _)| *role != class.role) {
            roles.push((class.role, Some(0.0)));
        }
    }
    for (root, class) in classes.iter().enumerate() {
        let Some(arrival) = &class.arrival else { continue };
        let seconds = seconds_per_request(classes, order, root);
        let rate = seconds.as_ref().and_then(|each| rate(arrival, each.iter().sum(), workers));
        let tasks = expected_tasks(classes, order, root);
        for (index, class) in classes.iter().enumerate().filter(|(index, _)| tasks[*index] > 0.0) {
            let wanted = rate.zip(seconds.as_ref()).map(|(rate, each)| rate * each[index]);
            let (_, sum) =
                roles.iter_mut().find(|(role, _)| *role == class.role).expect("all are in");
            *sum = sum.zip(wanted).map(|(sum, wanted)| sum + wanted);
        }
    }
    roles
}

/// Requests per second, where those do not depend on how fast they are run.
fn rate(arrival: &Arrival, seconds_per_request: f64, workers: usize) -> Option<f64> {
    match arrival {
        Arrival::Closed { .. } => None,
        Arrival::Open { rate, factors, .. } => {
            let factor = match factors.len() {
                0 => 1.0,
                count => factors.iter().sum::<f64>() / count as f64,
            };
            Some(factor * per_second(*rate, seconds_per_request, workers))
        }
        Arrival::Trace { times, .. } => {
            let last = times.last().map_or(0.0, Duration::as_secs_f64);
            Some(times.len() as f64 / last.max(1e-9))
        }
    }
}

/// A rate as a number.
pub(super) fn per_second(rate: Rate, seconds_per_request: f64, workers: usize) -> f64 {
    match rate {
        Rate::PerSecond(rate) => rate,
        Rate::Share(share) => share * workers as f64 / seconds_per_request,
    }
}
