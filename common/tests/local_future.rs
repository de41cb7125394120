//! Futures that stay on one thread.

#![cfg(not(loom))]

mod support;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use executor_common::sync::{Arc, Mutex};
use executor_common::{
    DomainId, JoinHandle, RunOutcome, Runnable, Schedule, enter_domain, enter_own_domain,
    local_future_task, yield_now,
};
use support::{Queue, on_worker, watched};

/// The calling thread's own domain.
fn own_domain() -> DomainId {
    let domain = DomainId::unique();
    enter_own_domain(domain);
    domain
}

/// A local task on this thread, and its queue.
fn local<F: Future + 'static>(
    future: F,
) -> (Arc<Queue>, Receiver<Runnable>, Runnable, JoinHandle<F::Output>) {
    let (queue, tasks) = Queue::new();
    // SAFETY: the tests use the task's entries on the thread that makes the task, and keep the queue.
    let (runnable, handle) = unsafe { local_future_task(own_domain(), future, &queue, 0) };
    (queue, tasks, runnable, handle)
}

#[test]
fn a_future_that_is_not_send_is_woken_from_elsewhere_and_runs_here() {
    watched(|| {
        let steps = Rc::new(Cell::new(0));
        let counted = Rc::clone(&steps);
        let (left, waker) = std::sync::mpsc::channel();
        let future = poll_fn(move |context: &mut Context<'_>| {
            counted.set(counted.get() + 1);
            if counted.get() == 1 {
                left.send(context.waker().clone()).unwrap();
                return Poll::Pending;
            }
            // The output is not `Send` either.
            Poll::Ready(Rc::clone(&counted))
        });
        let (_queue, tasks, runnable, handle) = local(future);
        assert!(matches!(runnable.run(), RunOutcome::Suspended));
        let waker = waker.recv().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Finished));
        assert_eq!(handle.join().unwrap().get(), 2);
        assert_eq!(Rc::strong_count(&steps), 1);
    });
}

#[test]
fn a_handle_that_is_aborted_and_dropped_elsewhere_leaves_the_future_here() {
    watched(|| {
        let owned = Rc::new(());
        let held = Rc::clone(&owned);
        let (queue, tasks, runnable, handle) = local(async move {
            let _held = held;
            pending::<()>().await;
        });
        assert!(matches!(runnable.run(), RunOutcome::Suspended));
        thread::spawn(move || {
            handle.abort();
            drop(handle);
        })
        .join()
        .unwrap();
        assert_eq!(Rc::strong_count(&owned), 2);
        assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Cancelled));
        assert_eq!(Rc::strong_count(&owned), 1);
        assert!(queue.registry().is_empty());
    });
}

#[test]
fn its_own_thread_joins_it_in_place_and_no_other_does() {
    watched(|| {
        let domain = DomainId::unique();
        // The thread works for an executor at the same time.
        enter_domain(domain, None);
        let home = thread::current().id();
        let here = move || async move {
            yield_now().await;
            thread::current().id() == home
        };
        let (_queue, _tasks, runnable, handle) = local(here());
        assert!(handle.join().unwrap());
        assert!(matches!(runnable.run(), RunOutcome::StaleFuture));

        let (_queue, _tasks, runnable, handle) = local(here());
        let handle = Mutex::new(Some(handle));
        thread::scope(|scope| {
            let joining = scope.spawn(|| {
                on_worker(domain, None, || {
                    let handle = handle.lock().take().unwrap();
                    let timed_out = handle.join_timeout(Duration::ZERO);
                    timed_out.expect_err("another thread of the executor ran it")
                })
            });
            let handle = joining.join().unwrap();
            let RunOutcome::Yielded(again) = runnable.run() else { panic!("it yields") };
            assert!(matches!(again.run(), RunOutcome::Finished));
            assert!(handle.join().unwrap());
        });
    });
}
