//! Sets of tasks: the end of a member against its entry, a wait, an abort and the end of the set.

#![cfg(loom)]

use std::task::{Context, Poll, Waker};

use executor_common::sync::{Arc, thread};
use executor_common::{DomainId, JoinHandle, JoinSet, Parker, Runnable, closure_task, future_task};
use loom_tests::{Plain, Queue, Witness, check};

fn task<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> (Runnable, JoinHandle<T>) {
    closure_task(DomainId::unique(), f)
}

#[test]
fn the_end_of_a_member_against_its_entry() {
    check("join set: add", || {
        let (runnable, handle) = task(|| 7);
        let running = thread::spawn(move || drop(runnable.run()));
        let mut set = JoinSet::new();
        set.add(handle);
        assert_eq!(set.join_next().unwrap().unwrap(), 7);
        assert!(set.join_next().is_none());
        running.join().unwrap();
    });
}

#[test]
fn two_ends_against_a_wait() {
    check("join set: two ends", || {
        let (here, here_handle) = task(Plain::new);
        let (there, there_handle) = task(|| {
            let written = Plain::new();
            written.increment();
            written
        });
        let mut set = JoinSet::from_iter([here_handle, there_handle]);
        let running = [here, there].map(|task| thread::spawn(move || drop(task.run())));
        let results = set.join_all();
        let sum: usize = results.into_iter().map(|result| result.unwrap().get()).sum();
        assert_eq!(sum, 1, "what a member wrote is seen with its end");
        for running in running {
            running.join().unwrap();
        }
    });
}

/// Polls with a waker that nobody looks at any more, and then waits for another one.
#[test]
fn a_member_that_ends_wakes_the_waker_that_was_given_last() {
    check("join set: another waker", || {
        let (runnable, handle) = task(|| 7);
        let running = thread::spawn(move || drop(runnable.run()));
        let mut set = JoinSet::from_iter([handle]);
        let parker = Parker::new();
        let waker = Waker::from(parker.unparker());
        let mut polled = set.poll_next(&mut Context::from_waker(Waker::noop()));
        while polled.is_pending() {
            polled = set.poll_next(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                parker.park();
            }
        }
        assert!(matches!(polled, Poll::Ready(Some(Ok(7)))));
        running.join().unwrap();
    });
}

/// A member that never ends by itself and is in its first poll, or about to be, on a thread of its own; and what counts its end.
fn beside_a_future(end: impl FnOnce(JoinSet<()>) -> JoinSet<()>) {
    let queue = Queue::new();
    let (witness, dropped) = Witness::new();
    let future = async move {
        let _witness = witness;
        std::future::pending::<()>().await;
    };
    // SAFETY: the queue lives until nobody runs the task any more.
    let (runnable, handle) = unsafe { future_task(DomainId::unique(), future, &queue) };
    let set = JoinSet::from_iter([handle]);
    let polling = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || queue.entries.run(runnable))
    };
    let mut set = end(set);
    polling.join().unwrap();
    queue.entries.run_all();
    assert_eq!(dropped.get(), 1, "the abort was lost");
    if let Some(ended) = set.join_next() {
        assert!(ended.unwrap_err().is_cancelled());
    }
    assert!(set.is_empty());
}

#[test]
fn an_abort_of_all_reaches_a_member_in_its_first_poll() {
    check("join set: abort of all", || {
        beside_a_future(|set| {
            set.abort_all();
            set
        });
    });
}

#[test]
fn the_end_of_the_set_reaches_a_member_in_its_first_poll() {
    check("join set: drop", || {
        beside_a_future(|set| {
            drop(set);
            JoinSet::new()
        });
    });
}
