//! Turns on all executors, and what is noted of them.

use std::time::Duration;

use amp_executor::RolePlan;
use executor_common::Role;

use super::interrupt::Interrupt;
use super::prepared::Prepared;
use super::progress::Progress;
use super::rounds;
use super::turn::{Taken, Turn};
use super::workload::{
    Arrival, Class, Executor, FanOut, Goal, Layout, Objective, Percentile, Process, Rate, Service,
    Workload,
};
use crate::realtime::watchdog::within_a_minute;
use crate::work::Speed;

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);

fn class(name: &'static str, arrival: Option<Arrival>, service: Duration) -> Class {
    Class {
        name: name.to_owned(),
        role: Role::new(name),
        arrival,
        service: Service::Fixed(service),
        spawns: Vec::new(),
        then: None,
        deadline: None,
        objectives: Vec::new(),
        scales: true,
    }
}

fn regular(rate: f64) -> Option<Arrival> {
    let (process, rate) = (Process::Regular, Rate::PerSecond(rate));
    Some(Arrival::Open { process, rate, factors: Vec::new(), step: Duration::ZERO })
}

/// All executors; the first CPU is everybody's role's.
fn layouts(classes: &[Class]) -> Vec<Layout> {
    let cpu = crate::hardware::Hardware::read().allowed.iter().next().unwrap();
    let roles: Vec<_> =
        classes.iter().map(|class| format!("{}={cpu} shared capacity=2", class.role)).collect();
    let plan = RolePlan::parse(&roles.join(";")).unwrap();
    let layout = |name: &str, executor| Layout { name: name.to_owned(), executor };
    vec![
        layout("smp", Executor::Smp),
        layout("amp", Executor::Amp(plan)),
        layout("rayon", Executor::Rayon),
        layout("tokio", Executor::Tokio),
    ]
}

fn workload(classes: Vec<Class>) -> Workload {
    let layouts = layouts(&classes);
    Workload {
        name: "test".to_owned(),
        given: "test".to_owned(),
        about: String::new(),
        time: 40 * MS,
        warm_up: Duration::ZERO,
        seed: 1,
        classes,
        layouts,
        goal: Goal::Throughput,
    }
}

/// A turn of each layout.
fn take_all(workload: Workload) -> Vec<(String, Taken)> {
    let prepared = Prepared::new(workload, Speed::measure()).unwrap();
    let interrupt = Interrupt::default();
    let take = |layout: &Layout| {
        let turn =
            Turn { prepared: &prepared, layout, round: 0, scale: 1.0, interrupt: &interrupt };
        (layout.name.clone(), turn.take().unwrap().unwrap())
    };
    prepared.workload.layouts.iter().map(take).collect()
}

/// How many tasks of a class ran, after the time when requests come as well.
fn count(taken: &Taken, class: u16) -> usize {
    taken.spans.iter().filter(|span| span.class == class).count()
}

#[test]
fn every_request_that_is_due_ends_on_every_executor() {
    within_a_minute(|| {
        for (layout, taken) in take_all(workload(vec![class("a", regular(1000.0), US)])) {
            let class = &taken.outcome.classes[0];
            assert_eq!((class.offered, class.ended, class.refused), (40, 40, 0), "{layout}");
            assert_eq!((class.tasks, taken.spans.len()), (40, 40), "{layout}");
            assert_eq!(class.latency.as_ref().unwrap().count, 40, "{layout}");
            assert_eq!(class.feeding.as_ref().unwrap().count, 40, "{layout}");
        }
    });
}

#[test]
fn a_request_ends_with_the_last_task_of_its_tree() {
    within_a_minute(|| {
        // Each request is `a`, 3 of `b` with a `c` after each, and a `d` after all: 8 tasks, 4 ms of work one after the other.
        let mut classes = vec![
            class("a", regular(100.0), US),
            class("b", None, US),
            class("c", None, MS),
            class("d", None, MS),
        ];
        classes[0].spawns = vec![FanOut { class: 1, count: 3, chance: 1.0 }];
        classes[0].then = Some(3);
        classes[1].then = Some(2);
        for (layout, taken) in take_all(workload(classes)) {
            let outcomes = &taken.outcome.classes;
            let tasks: Vec<usize> = (0..4).map(|class| count(&taken, class)).collect();
            assert_eq!((outcomes[0].offered, outcomes[0].ended), (4, 4), "{layout}");
            assert_eq!(tasks, [4, 12, 12, 4], "{layout}");
            // `d` follows the last `c`; with one worker the three of them follow each other.
            let least = outcomes[0].latency.as_ref().unwrap().at(Percentile::P50);
            assert!(least > 1_800_000, "{layout}: {least}");
            assert!(outcomes[1].latency.is_none());
            for span in taken.spans.iter().filter(|span| span.class == 3) {
                let before = |class| {
                    let ended = taken.spans.iter().filter(|other| other.class == class);
                    ended.filter(|other| other.end_ns <= span.begin_ns).count()
                };
                assert!(before(2) >= 3, "{layout}: it began before the last of `c` had ended");
            }
        }
    });
}

#[test]
fn a_closed_loop_keeps_its_clients_and_ends() {
    within_a_minute(|| {
        let clients = Some(Arrival::Closed { clients: 5 });
        for (layout, taken) in take_all(workload(vec![class("a", clients, 100 * US)])) {
            let class = &taken.outcome.classes[0];
            // All come once; whoever comes again has been kept.
            assert!(class.ended > 5, "{layout}: {}", class.ended);
            assert_eq!(class.offered, class.ended, "{layout}");
            assert_eq!(class.refused, 0, "{layout}");
            // In a closed loop nobody is late but by the others.
            assert!(class.feeding.is_none(), "{layout}");
        }
    });
}

#[test]
fn clients_do_not_wait_for_room_that_others_need() {
    within_a_minute(|| {
        // What is left of `a` takes longer than the turn; its queue is full all the time.
        let clients = || Some(Arrival::Closed { clients: 10 });
        let classes = vec![class("a", clients(), 100 * MS), class("b", clients(), US)];
        for (layout, taken) in take_all(workload(classes)) {
            let class = &taken.outcome.classes[1];
            if layout == "amp" {
                assert_eq!((class.ended, class.refused), (class.offered, 0), "{class:?}");
            }
        }
    });
}

#[test]
fn clients_go_on_after_a_refusal() {
    within_a_minute(|| {
        // More than the role has room for, spawned by its only worker, which nobody could wait for.
        let clients = Some(Arrival::Closed { clients: 2 });
        let mut classes = vec![class("a", clients, US), class("b", None, US)];
        classes[0].spawns = vec![FanOut { class: 1, count: 4, chance: 1.0 }];
        classes[1].role = classes[0].role;
        let cpu = crate::hardware::Hardware::read().allowed.iter().next().unwrap();
        let mut workload = workload(vec![classes[0].clone()]);
        workload.classes = classes;
        let plan = RolePlan::parse(&format!("a={cpu} capacity=2")).unwrap();
        workload.layouts = vec![Layout { name: "amp".to_owned(), executor: Executor::Amp(plan) }];
        // The first requests are due before what is measured.
        (workload.warm_up, workload.time) = (MS, 500 * MS);
        let [(_, taken)] = &take_all(workload)[..] else { panic!("one layout") };
        let class = &taken.outcome.classes[0];
        assert!(class.refused > 0, "{class:?}");
    });
}

#[test]
fn what_does_not_end_in_time_counts_as_late_as_the_end() {
    within_a_minute(|| {
        // Ten times what a core can do, and each task ends before the next one is looked at.
        let mut classes = vec![class("a", regular(5000.0), 8 * MS)];
        classes[0].deadline = Some(10 * MS);
        for (layout, taken) in take_all(workload(classes)) {
            let class = &taken.outcome.classes[0];
            assert_eq!(class.offered, 200, "{layout}");
            assert!(class.ended < 200, "{layout}: {}", class.ended);
            let latency = class.latency.as_ref().unwrap();
            assert_eq!(latency.count, 200, "{layout}");
            assert!(latency.at(Percentile::Max) >= 240_000_000, "{layout}");
            assert!(class.deadline_misses > 150, "{layout}: {}", class.deadline_misses);
        }
    });
}

#[test]
fn all_executors_get_the_same_requests() {
    within_a_minute(|| {
        let mut classes = vec![class("a", regular(5000.0), US), class("b", None, US)];
        classes[0].spawns = vec![FanOut { class: 1, count: 1, chance: 0.3 }];
        let tasks = take_all(workload(classes))
            .into_iter()
            .map(|(_, taken)| count(&taken, 1))
            .collect::<Vec<_>>();
        assert!((20..=100).contains(&tasks[0]), "{tasks:?}");
        assert!(tasks.iter().all(|count| *count == tasks[0]), "{tasks:?}");
    });
}

#[test]
fn rounds_that_not_all_have_completed_do_not_count() {
    within_a_minute(|| {
        let prepared = |interrupt: &Interrupt| {
            let workload = workload(vec![class("a", regular(1000.0), US)]);
            let prepared = Prepared::new(workload, Speed::measure()).unwrap();
            rounds::compare(&prepared, 2, interrupt, &Progress::of(8)).unwrap()
        };
        let comparison = prepared(&Interrupt::default());
        let rounds = |layout: usize| comparison.layouts[layout].turns.len();
        assert_eq!([rounds(0), rounds(1), rounds(2), rounds(3)], [2; 4]);
        assert!(comparison.layouts[1].oversubscribed || comparison.classes.len() == 1);
        assert_eq!(comparison.layouts[1].placement.len(), 1);

        let interrupt = Interrupt::default();
        interrupt.raise();
        let comparison = prepared(&interrupt);
        assert!(comparison.layouts.iter().all(|layout| layout.turns.is_empty()));
    });
}

#[test]
fn an_interruption_does_not_wait_for_the_next_request() {
    within_a_minute(|| {
        // The source is asleep by the time at which the turn begins.
        let times = vec![Duration::from_secs(1000)];
        let trace = Arrival::Trace { file: "requests.txt".into(), times };
        let mut workload = workload(vec![class("a", Some(trace), US)]);
        workload.time = Duration::from_secs(2000);
        let prepared = Prepared::new(workload, Speed::measure()).unwrap();
        let interrupt = Interrupt::default();
        let turn = Turn {
            prepared: &prepared,
            layout: &prepared.workload.layouts[0],
            round: 0,
            scale: 1.0,
            interrupt: &interrupt,
        };
        interrupt.raise();
        assert!(turn.take().unwrap().is_none());
    });
}

#[test]
fn objectives_are_part_of_a_class() {
    let mut with = class("a", regular(1.0), US);
    with.objectives = vec![Objective { percentile: Percentile::P99, below: MS }];
    let prepared = Prepared::new(workload(vec![with]), Speed::measure()).unwrap();
    assert_eq!(prepared.class_facts()[0].objectives, [(Percentile::P99, 1_000_000)]);
}
