//! Outcomes that nobody measured, for tests.

use std::collections::BTreeMap;

use crate::compare::outcome::{
    ClassFacts, ClassOutcome, Comparison, GoalFacts, Latency, LayoutOutcome, TurnOutcome,
    WorkerOutcome,
};
use crate::compare::workload::Percentile;

/// A layout for [`realtime`] and [`unpredictable`]: name, executor, roles, and its goal's value in each round.
pub(crate) type Made<'a> = (&'a str, &'static str, Option<&'a str>, &'a [f64]);

pub(crate) fn latency(p99: f64, count: u64) -> Latency {
    let at = |times: f64| (p99 * times) as u64;
    let percentiles_ns = [at(0.2), at(0.5), at(1.0), at(2.0), at(4.0), at(5.0)];
    let curve = Percentile::ALL.map(|p| (p.quantile(), percentiles_ns[p as usize])).to_vec();
    Latency { count, percentiles_ns, curve }
}

pub(crate) fn class(name: &str, arrival: &str, mean_us: f64) -> ClassFacts {
    let role = if name == "tick" { "realtime" } else { name };
    ClassFacts {
        name: name.to_owned(),
        role: role.to_owned(),
        arrival: (!arrival.is_empty()).then(|| arrival.to_owned()),
        service: format!("fixed, {mean_us} us"),
        mean_service_ns: mean_us * 1e3,
        service_dispersion: 0.0,
        deadline_ns: (name == "tick").then_some(500_000),
        objectives: if name == "tick" { vec![(Percentile::P99, 500_000)] } else { vec![] },
    }
}

/// Tasks of one class, by CPU; with requests where there is a latency.
pub(crate) fn ran(latency: Option<Latency>, tasks_by_cpu: &[(usize, u64)]) -> ClassOutcome {
    let tasks = tasks_by_cpu.iter().map(|(_, tasks)| tasks).sum();
    let offered = latency.as_ref().map_or(0, |latency| latency.count);
    ClassOutcome {
        offered,
        ended: offered,
        tasks,
        waiting: latency.clone(),
        feeding: latency.as_ref().map(|latency| self::latency(9_000.0, latency.count)),
        latency,
        tasks_by_cpu: tasks_by_cpu.iter().copied().collect::<BTreeMap<_, _>>(),
        ..ClassOutcome::default()
    }
}

pub(crate) fn worker(name: &str, utilisation: f64, tasks_by_class: &[u64]) -> WorkerOutcome {
    WorkerOutcome { name: name.to_owned(), utilisation, tasks_by_class: tasks_by_class.to_vec() }
}

pub(crate) fn turn(
    round: usize,
    requests_per_second: f64,
    classes: Vec<ClassOutcome>,
    workers: Vec<WorkerOutcome>,
) -> TurnOutcome {
    let busy = || workers.iter().map(|worker| worker.utilisation);
    let mean = busy().sum::<f64>() / workers.len() as f64;
    TurnOutcome {
        round,
        classes,
        requests_per_second,
        tasks_per_second: requests_per_second,
        cpu_ns_per_task: 52_000.0,
        memory_growth_bytes: 1 << 20,
        imbalance: busy().fold(0.0, f64::max) / mean,
        worker_count: workers.len(),
        slowdown: 1.0,
        workers,
    }
}

pub(crate) fn layout(
    (name, executor, roles, values): Made<'_>,
    turn: impl Fn(usize, f64) -> TurnOutcome,
) -> LayoutOutcome {
    LayoutOutcome {
        name: name.to_owned(),
        executor,
        roles: roles.map(ToOwned::to_owned),
        oversubscribed: false,
        placement: roles
            .map(|_| "worker 0 on CPU 0, as asked for".to_owned())
            .into_iter()
            .collect(),
        turns: values.iter().enumerate().map(|(round, value)| turn(round, *value)).collect(),
        timeline: Vec::new(),
    }
}

/// Ticks beside computing on two CPUs; the values are the ticks' p99 in nanoseconds. AMP layouts have the ticks on CPU 1.
pub(crate) fn realtime(layouts: &[Made<'_>]) -> Comparison {
    let turn = |is_amp: bool| {
        move |round, p99| {
            let (classes, workers) = if is_amp {
                let ticks = ran(Some(latency(p99, 1_000)), &[(1, 1_000)]);
                let compute = ran(Some(latency(8e6, 900)), &[(0, 900)]);
                let workers =
                    [worker("compute-0", 0.98, &[0, 900]), worker("realtime-1", 0.02, &[1_000, 0])];
                ([ticks, compute], workers)
            } else {
                let ticks = ran(Some(latency(p99, 1_000)), &[(0, 480), (1, 520)]);
                let compute = ran(Some(latency(8e6, 1_800)), &[(0, 910), (1, 890)]);
                let workers = [worker("w-0", 0.97, &[480, 910]), worker("w-1", 0.96, &[520, 890])];
                ([ticks, compute], workers)
            };
            self::turn(
                round,
                if is_amp { 1_900.0 } else { 2_800.0 },
                classes.into(),
                workers.into(),
            )
        }
    };
    let tick = class("tick", "every 1ms", 20.0);
    let compute = class("compute", "closed, 8 clients", 1_000.0);
    Comparison {
        workload: "realtime".to_owned(),
        given: "realtime".to_owned(),
        about: "Ticks beside computing.".to_owned(),
        measured_s: 1.0,
        classes: vec![tick, compute],
        goal: GoalFacts::Latency { class: 0, percentile: Percentile::P99 },
        layouts: layouts.iter().map(|made| layout(*made, turn(made.1 == "amp"))).collect(),
    }
}

/// Independent tasks of two roles on two CPUs; the values are requests per second. AMP layouts have one role on each CPU.
pub(crate) fn unpredictable(layouts: &[Made<'_>]) -> Comparison {
    let turn = |is_amp: bool| {
        move |round, per_second: f64| {
            let tasks = per_second as u64;
            let (parse, render) = (tasks * 4 / 5, tasks / 5);
            let requests = |count| Some(latency(3e6, count));
            let (classes, workers) = if is_amp {
                let classes =
                    [ran(requests(parse), &[(0, parse)]), ran(requests(render), &[(1, render)])];
                let workers =
                    [worker("parse-0", 1.0, &[parse, 0]), worker("render-1", 0.3, &[0, render])];
                (classes, workers)
            } else {
                let halves = |tasks: u64| [(0, tasks / 2), (1, tasks - tasks / 2)];
                let classes =
                    [ran(requests(parse), &halves(parse)), ran(requests(render), &halves(render))];
                let both = [parse / 2, render / 2];
                (classes, [worker("w-0", 0.99, &both), worker("w-1", 0.98, &both)])
            };
            self::turn(round, per_second, classes.into(), workers.into())
        }
    };
    Comparison {
        workload: "unpredictable".to_owned(),
        given: "unpredictable".to_owned(),
        about: "Skewed independent tasks.".to_owned(),
        measured_s: 1.0,
        classes: vec![
            class("parse", "closed, 32 clients", 150.0),
            class("render", "closed, 32 clients", 150.0),
        ],
        goal: GoalFacts::Throughput,
        layouts: layouts.iter().map(|made| layout(*made, turn(made.1 == "amp"))).collect(),
    }
}
