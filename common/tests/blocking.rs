//! A worker that joins: what it tells its executor, and when.

#![cfg(not(loom))]

mod support;

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use executor_common::{
    Blocker, DomainId, JoinError, JoinHandle, Runnable, blocking, closure_task, current_task,
    enter_domain, set_blocker,
};
use support::watched;

thread_local! {
    static BEGUN: Cell<u32> = const { Cell::new(0) };
    static ENDED: Cell<u32> = const { Cell::new(0) };
    /// Hears that the thread begins to block.
    static LISTENER: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
}

/// Makes the calling thread a worker whose executor counts.
fn become_worker(domain: DomainId) {
    enter_domain(domain, None);
    set_blocker(Some(Blocker {
        begin: || {
            BEGUN.set(BEGUN.get() + 1);
            LISTENER.with_borrow(|listener| listener.iter().for_each(|to| to.send(()).unwrap()));
            true
        },
        end: || ENDED.set(ENDED.get() + 1),
    }));
}

fn counts() -> (u32, u32) {
    (BEGUN.get(), ENDED.get())
}

/// A thread that runs the task once the calling thread blocks, and no sooner.
fn run_when_blocked(task: Runnable) -> thread::JoinHandle<()> {
    let (begins, begun) = mpsc::channel();
    LISTENER.set(Some(begins));
    thread::spawn(move || {
        begun.recv().unwrap();
        drop(task.run());
    })
}

type Join = fn(JoinHandle<u32>) -> Result<u32, JoinError>;

/// The two ways of blocking.
const JOINS: [Join; 2] = [JoinHandle::join, |handle| {
    handle.join_timeout(Duration::from_secs(3600)).expect("time is not up")
}];

#[test]
fn a_join_that_has_to_wait_tells_the_executor() {
    watched(|| {
        become_worker(DomainId::unique());
        for (index, join) in (1..).zip(JOINS) {
            let (task, handle) = closure_task(DomainId::unique(), || 7);
            let runner = run_when_blocked(task);
            assert_eq!(join(handle).unwrap(), 7);
            assert_eq!(counts(), (index, index));
            runner.join().unwrap();
        }
        let (task, handle) = closure_task(DomainId::unique(), || 7);
        let runner = run_when_blocked(task);
        assert_eq!(blocking(|| handle.join()).unwrap(), 7);
        assert_eq!(counts(), (3, 3), "once for both");
        runner.join().unwrap();
    });
}

#[test]
fn a_join_that_need_not_wait_tells_nobody() {
    watched(|| {
        let domain = DomainId::unique();
        become_worker(domain);
        for join in JOINS {
            let (task, handle) = closure_task(DomainId::unique(), || 7);
            drop(task.run());
            assert_eq!(join(handle).unwrap(), 7, "it is done");
            let (_task, handle) = closure_task(domain, || 7);
            assert_eq!(join(handle).unwrap(), 7, "it runs in place");
        }
        assert_eq!(counts(), (0, 0));
    });
}

#[test]
fn a_task_that_joins_itself_is_told_at_once() {
    watched(|| {
        become_worker(DomainId::unique());
        for join in JOINS {
            let (sender, handles) = mpsc::channel();
            let (task, handle) = closure_task(DomainId::unique(), move || {
                let handle: JoinHandle<u32> = handles.recv().unwrap();
                assert_eq!(current_task(), Some(handle.id()));
                assert!(join(handle).unwrap_err().is_self_join());
                7
            });
            sender.send(handle).unwrap();
            drop(task.run());
        }
        assert_eq!(counts(), (0, 0));
    });
}

#[test]
fn a_join_whose_time_is_up_has_ended_too() {
    watched(|| {
        become_worker(DomainId::unique());
        let (task, handle) = closure_task(DomainId::unique(), || 7);
        let handle = handle.join_timeout(Duration::from_micros(50)).unwrap_err();
        assert_eq!(counts(), (1, 1));
        drop(task.run());
        assert_eq!(handle.join().unwrap(), 7);
        assert_eq!(counts(), (1, 1));
    });
}
