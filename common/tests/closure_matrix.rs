//! Every way in which a closure's task can end, against every way of waiting for it or not.

#![cfg(not(loom))]

mod support;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use executor_common::sync::{Arc, Counter};
use executor_common::{
    DomainId, JoinError, JoinHandle, Runnable, block_on, closure_task, expiring_closure_task,
};
use support::{CountsDrop, Reports, poll_once, watched};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Returns,
    Panics,
    AbortedBeforeStart,
    DroppedUnrun,
    Expires,
}

const ENDS: [End; 5] =
    [End::Returns, End::Panics, End::AbortedBeforeStart, End::DroppedUnrun, End::Expires];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    Join,
    JoinTimeout,
    Await,
    PollThenAwait,
    PollThenDrop,
    DropBefore,
    DropAfter,
}

const TAKES: [Take; 7] = [
    Take::Join,
    Take::JoinTimeout,
    Take::Await,
    Take::PollThenAwait,
    Take::PollThenDrop,
    Take::DropBefore,
    Take::DropAfter,
];

struct Task {
    runnable: Runnable,
    handle: JoinHandle<CountsDrop>,
    captured: Arc<Counter>,
    output: Arc<Counter>,
}

impl Task {
    fn new(end: End) -> Self {
        let ((held, captured), (value, output)) = (CountsDrop::new(), CountsDrop::new());
        let f = move || {
            let _held = held;
            assert!(end != End::Panics, "the task's own panic");
            value
        };
        let domain = DomainId::unique();
        let (runnable, handle) = match end {
            End::Expires => expiring_closure_task(domain, Instant::now(), f),
            _ => closure_task(domain, f),
        };
        Self { runnable, handle, captured, output }
    }
}

/// The executor's side.
fn finish(end: End, runnable: Runnable) {
    match end {
        End::DroppedUnrun => drop(runnable),
        _ => drop(runnable.run()),
    }
}

fn expect(end: End, result: Result<CountsDrop, JoinError>) {
    match (end, result) {
        (End::Returns, Ok(_)) => {}
        (End::Panics, Err(error)) => {
            assert!(error.is_panic() && error.to_string().contains("the task's own panic"));
        }
        (End::AbortedBeforeStart | End::DroppedUnrun, Err(error)) => assert!(error.is_cancelled()),
        (End::Expires, Err(error)) => assert!(error.is_expired()),
        (end, result) => panic!("{end:?} gave {:?}", result.map(|_| "an output")),
    }
}

/// `concurrent`: the task ends on a thread of its own while the handle waits; otherwise it has ended before.
fn case(end: End, take: Take, concurrent: bool) {
    let Task { runnable, mut handle, captured, output } = Task::new(end);
    let reports = Reports::new();
    if end == End::AbortedBeforeStart {
        handle.abort();
    }
    let (go, started) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let there = Arc::clone(&reports);
        let runner = scope.spawn(move || {
            let _ = started.recv();
            there.on_worker(|| finish(end, runnable));
        });
        let mut runner = Some(runner);
        let mut may_end = |handle: Option<&JoinHandle<CountsDrop>>| {
            let _ = go.send(());
            if !concurrent && let Some(runner) = runner.take() {
                runner.join().unwrap();
                assert!(handle.is_none_or(JoinHandle::is_finished));
            }
        };
        match take {
            Take::Join => {
                may_end(Some(&handle));
                expect(end, handle.join());
            }
            Take::JoinTimeout => {
                handle = handle.join_timeout(Duration::ZERO).expect_err("nobody has run it");
                may_end(Some(&handle));
                let Ok(result) = handle.join_timeout(Duration::MAX) else { unreachable!() };
                expect(end, result);
            }
            Take::Await => {
                may_end(Some(&handle));
                expect(end, block_on(handle));
            }
            Take::PollThenAwait => {
                assert!(poll_once(&mut handle).is_pending());
                may_end(Some(&handle));
                expect(end, block_on(handle));
            }
            Take::PollThenDrop => {
                assert!(poll_once(&mut handle).is_pending());
                may_end(Some(&handle));
                drop(handle);
            }
            Take::DropBefore => {
                drop(handle);
                may_end(None);
            }
            Take::DropAfter => {
                may_end(Some(&handle));
                drop(handle);
            }
        }
    });
    assert_eq!(captured.get(), 1, "the closure is dropped once");
    assert_eq!(output.get(), 1, "the output is dropped once, given out or not");
    let taken = !matches!(take, Take::PollThenDrop | Take::DropBefore | Take::DropAfter);
    let unclaimed = u64::from(end == End::Panics && !taken);
    assert_eq!(reports.count(), unclaimed, "the hook hears what no handle takes, once");
}

fn all(concurrent: bool) {
    for end in ENDS {
        for take in TAKES {
            case(end, take, concurrent);
        }
    }
}

#[test]
fn ended_before_anybody_waits() {
    watched(|| all(false));
}

#[test]
fn ending_while_somebody_waits() {
    watched(|| (0..50).for_each(|_| all(true)));
}
