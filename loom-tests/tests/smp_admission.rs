//! The limit on queued tasks: no place is given twice, none is lost, and no waiter sleeps beside one.

#![cfg(loom)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use executor_common::sync::{Arc, thread};
use executor_common::{Parker, Unparker, block_on};
use loom_tests::check;
use smp_executor::model::ModelAdmission;

/// A limit of one that is reached.
fn full() -> Arc<ModelAdmission> {
    let admission = Arc::new(ModelAdmission::new(1));
    assert!(admission.try_admit());
    admission
}

fn poll_once(waiter: &mut (impl Future<Output = bool> + Unpin), waker: &Waker) -> Poll<bool> {
    Pin::new(waiter).poll(&mut Context::from_waker(waker))
}

/// Runs `f` on a thread of the model.
fn with<R: 'static>(
    admission: &Arc<ModelAdmission>,
    f: impl FnOnce(&ModelAdmission) -> R + 'static,
) -> thread::JoinHandle<R> {
    let admission = Arc::clone(admission);
    thread::spawn(move || f(&admission))
}

#[test]
fn one_place_is_given_once() {
    check("smp admission: two for one place", || {
        let admission = Arc::new(ModelAdmission::new(1));
        let other = with(&admission, ModelAdmission::try_admit);
        let here = admission.try_admit();
        assert!(here != other.join().unwrap());
        assert_eq!(admission.queued(), 1);
    });
}

#[test]
fn admit_against_release() {
    check("smp admission: admit, release", || {
        let admission = full();
        let releasing = with(&admission, |admission| admission.release(1));
        assert!(admission.admit());
        releasing.join().unwrap();
        assert_eq!(admission.queued(), 1);
    });
}

#[test]
fn an_attempt_against_the_end() {
    check("smp admission: attempt, close", || {
        let admission = Arc::new(ModelAdmission::new(2));
        let closing = with(&admission, |admission| {
            admission.close();
            assert!(!admission.try_admit(), "nobody is admitted after the end");
            admission.queued()
        });
        let admitted = usize::from(admission.try_admit());
        assert_eq!(closing.join().unwrap(), admitted, "who is admitted was counted by then");
    });
}

#[test]
fn a_waiter_against_the_end() {
    check("smp admission: admit, close", || {
        let admission = full();
        let closing = with(&admission, ModelAdmission::close);
        assert!(!admission.admit());
        closing.join().unwrap();
        assert_eq!(admission.queued(), 1);
    });
}

#[test]
fn two_waiters_against_a_release_of_two() {
    check("smp admission: two waiters, release of two", || {
        let admission = Arc::new(ModelAdmission::new(2));
        assert!(admission.try_admit() && admission.try_admit());
        let waiting = with(&admission, ModelAdmission::admit);
        let releasing = with(&admission, |admission| admission.release(2));
        assert!(admission.admit());
        assert!(waiting.join().unwrap());
        releasing.join().unwrap();
        assert_eq!(admission.queued(), 2);
    });
}

#[test]
fn a_waiter_that_goes_passes_its_notification_on() {
    check("smp admission: first waiter goes", || {
        let admission = full();
        let releasing = with(&admission, |admission| admission.release(1));
        let first = with(&admission, |admission| {
            let mut waiter = admission.admitted();
            if poll_once(&mut waiter, Waker::noop()).is_ready() {
                admission.release(1);
            }
        });
        assert!(block_on(admission.admitted()));
        first.join().unwrap();
        releasing.join().unwrap();
        assert_eq!(admission.queued(), 1);
    });
}

/// A thread with a waiter in the queue.
struct Registered {
    thread: thread::JoinHandle<()>,
    wake: Unparker,
}

/// Registers a waiter on a thread of its own, which goes on with `f` once it is woken.
fn register(
    admission: &Arc<ModelAdmission>,
    f: impl FnOnce(Pin<Box<dyn Future<Output = bool> + '_>>) + 'static,
) -> Registered {
    let (parker, registered) = (Parker::new(), Parker::new());
    let (wake, register) = (parker.unparker(), registered.unparker());
    let thread = with(admission, move |admission| {
        let mut waiter = Box::pin(admission.admitted());
        assert!(poll_once(&mut waiter, &Waker::from(parker.unparker())).is_pending());
        register.unpark();
        parker.park();
        f(waiter);
    });
    registered.park();
    Registered { thread, wake }
}

/// The first waiter is polled without having been woken, finds room by its own look, and may be in the queue still
/// when the second place is made. The second waiter relies on its notification alone.
#[test]
fn a_notification_spent_on_an_admitted_waiter_reaches_the_next() {
    check("smp admission: notified twice", || {
        let admission = Arc::new(ModelAdmission::new(2));
        assert!(admission.try_admit() && admission.try_admit());
        let first = register(&admission, |mut first| {
            let _ = poll_once(&mut first, Waker::noop());
        });
        let second = register(&admission, |second| assert!(block_on(second)));
        // Not by a release: the poll is to be free to see the places of before.
        first.wake.unpark();
        admission.release(1);
        admission.release(1);
        first.thread.join().unwrap();
        second.thread.join().unwrap();
    });
}
