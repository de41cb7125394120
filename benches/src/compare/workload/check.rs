//! What can be wrong between classes, and what no machine could run.

use std::time::Duration;

use executor_common::Role;

use super::arrival::{Context, check_rate};
use super::class::{Entry, MOST_TASKS, SpawnEntry};
use super::demand::{mean_seconds, per_second, seconds_per_request};
use super::fields::quoted;
use super::problem::{At, Given, Problems};
use super::tree::{children_first, most_tasks};
use super::{Arrival, Class, FanOut, Goal, Rate, Service};

/// Makes classes of what the file has. What is wrong is noted; the classes are right where nothing was.
pub(super) fn link(
    entries: &[Entry<'_>],
    context: &Context<'_>,
    problems: &Problems<'_>,
) -> Vec<Class> {
    let mut check = Check { entries, problems, is_complete: true };
    check.names();
    let classes: Vec<_> = entries.iter().map(|entry| check.class(entry)).collect();
    check.arrivals(&classes);
    match children_first(&classes) {
        Ok(order) => {
            check.sizes(&classes, &order);
            check.shares(&classes, &order, context);
        }
        Err(circle) => check.circle(&circle),
    }
    for entry in entries {
        check.times(entry, context.time);
    }
    classes
}

/// What the verdict is about where the file does not say: the first objective, or else throughput.
pub(super) fn default_goal(classes: &[Class]) -> Goal {
    let first = classes.iter().enumerate().find_map(|(index, class)| {
        let objective = class.objectives.first()?;
        Some(Goal::Latency { class: index, percentile: objective.percentile })
    });
    first.unwrap_or(Goal::Throughput)
}

/// The index of the class that is meant; noted where there is none.
pub(super) fn find(
    entries: &[Entry<'_>],
    name: &str,
    at: &At,
    problems: &Problems<'_>,
) -> Option<usize> {
    let is_it = |entry: &Entry<'_>| entry.name.as_ref().is_some_and(|own| own.value == name);
    let index = entries.iter().position(is_it);
    if index.is_none() {
        let names: Vec<_> =
            entries.iter().filter_map(|entry| Some(entry.name.as_ref()?.value)).collect();
        let known = quoted(&names);
        problems.add(at, format!("there is no class {name:?}; there are {known}"));
    }
    index
}

struct Check<'a> {
    entries: &'a [Entry<'a>],
    problems: &'a Problems<'a>,
    /// All classes that are named somewhere are there.
    is_complete: bool,
}

impl Check<'_> {
    fn names(&self) {
        for (index, entry) in self.entries.iter().enumerate() {
            let Some(name) = &entry.name else { continue };
            let is_same = |earlier: &Entry<'_>| {
                earlier.name.as_ref().is_some_and(|other| other.value == name.value)
            };
            if self.entries[..index].iter().any(is_same) {
                self.problems.add(&name.at, "there is another class of this name");
            }
        }
    }

    /// The class, with something in the place of what could not be read.
    fn class(&mut self, entry: &Entry<'_>) -> Class {
        let mut find = |name: &Given<&str>| {
            let found = find(self.entries, name.value, &name.at, self.problems);
            self.is_complete &= found.is_some();
            found
        };
        let fan_out = |each: &SpawnEntry<'_>| {
            let class = find(&each.class)?;
            Some(FanOut { class, count: each.count, chance: each.chance })
        };
        let spawns = entry.spawns.iter().filter_map(fan_out).collect();
        let then = entry.then.as_ref().and_then(&mut find);
        self.is_complete &= entry.is_followed && entry.name.is_some();
        let arrival = entry.arrival.as_ref();
        Class {
            name: entry.name.as_ref().map_or("", |name| name.value).to_owned(),
            role: entry.role.as_ref().map_or(Role::new(""), |role| role.value),
            arrival: arrival
                .map(|arrival| arrival.value.clone().unwrap_or(Arrival::Closed { clients: 1 })),
            service: entry
                .service
                .as_ref()
                .map_or(Service::Sort { elements: 1 }, |service| service.value.clone()),
            spawns,
            then,
            deadline: entry.deadline.as_ref().map(|deadline| deadline.value),
            objectives: entry.objectives.as_ref().map_or_else(Vec::new, |all| all.value.clone()),
            scales: entry.scales,
        }
    }

    /// Requests come, every class gets some, and what is wanted of requests is wanted of a class that has some.
    fn arrivals(&self, classes: &[Class]) {
        if let Some(first) = self.entries.first()
            && classes.iter().all(|class| class.arrival.is_none())
        {
            self.problems.add(&first.at, "no class has an `arrival`, so that nothing would run");
            return;
        }
        for (index, (entry, class)) in self.entries.iter().zip(classes).enumerate() {
            if class.arrival.is_some() {
                continue;
            }
            let leads_here = |other: &Class| {
                other.then == Some(index) || other.spawns.iter().any(|each| each.class == index)
            };
            if self.is_complete && !classes.iter().any(leads_here) {
                let reason =
                    "it has no `arrival`, and no class spawns it, so that it would never run";
                self.problems.add(&entry.at, reason);
            }
            let wanted = entry.deadline.as_ref().map(|deadline| &deadline.at);
            for at in wanted.into_iter().chain(entry.objectives.as_ref().map(|all| &all.at)) {
                let reason = "this class has no requests, since it has no `arrival`; it is for the class whose requests spawn it";
                self.problems.add(at, reason);
            }
        }
    }

    fn circle(&self, circle: &[usize]) {
        let name = |class: &usize| {
            format!("{:?}", self.entries[*class].name.as_ref().map_or("", |name| name.value))
        };
        let shown = circle.iter().map(name).collect::<Vec<_>>().join(" to ");
        let (last, first) = (circle[circle.len() - 2], circle[0]);
        let entry = &self.entries[last];
        let back = self.entries[first].name.as_ref().map(|name| name.value);
        let spawned = entry.spawns.iter().map(|each| &each.class);
        let link = spawned.chain(&entry.then).find(|link| Some(link.value) == back);
        let at = link.map_or(&entry.at, |link| &link.at);
        self.problems.add(at, format!("a request would never end: {shown}"));
    }

    fn sizes(&self, classes: &[Class], order: &[usize]) {
        let most = most_tasks(classes, order);
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.arrival.is_some() && most[index] > MOST_TASKS as u64 {
                let tasks = most[index];
                let reason = format!(
                    "a request consists of up to {tasks} tasks, and there can be {MOST_TASKS}"
                );
                self.problems.add(&entry.at, reason);
            }
        }
    }

    /// The rates of shares, where they are known.
    fn shares(&self, classes: &[Class], order: &[usize], context: &Context<'_>) {
        for (root, (entry, class)) in self.entries.iter().zip(classes).enumerate() {
            let Some(Arrival::Open { process, rate: rate @ Rate::Share(_), factors, .. }) =
                &class.arrival
            else {
                continue;
            };
            let Some(seconds) = seconds_per_request(classes, order, root) else { continue };
            let rate = per_second(*rate, seconds.iter().sum(), context.workers);
            let checked = check_rate(rate, factors, *process, context.time);
            if let (Err(reason), Some(arrival)) = (checked, &entry.arrival) {
                let reason = format!("{reason}, at {rate:.3} per second");
                self.problems.add(&arrival.at, reason);
            }
        }
    }

    /// A task does not take longer than the run.
    fn times(&self, entry: &Entry<'_>, time: Duration) {
        let Some(service) = &entry.service else { return };
        let (longest, what) = match &service.value {
            Service::Bimodal { long, .. } => (long.as_secs_f64(), "a long task takes"),
            Service::Fixed(time) => (time.as_secs_f64(), "a task takes"),
            other => (mean_seconds(other).unwrap_or(0.0), "on average, a task takes"),
        };
        if longest > time.as_secs_f64() {
            let reason = format!("{what} {longest:.3} s, and requests arrive for only {time:?}");
            self.problems.add(&service.at, reason);
        }
    }
}
