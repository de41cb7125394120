//! Waiters are foreign code.

#![cfg(not(loom))]

mod support;

use std::task::{Wake, Waker};

use executor_common::sync::{Arc, Counter};
use executor_common::{Ticket, WaitQueue};
use support::watched;

/// Comes back to its queue when it is dropped, as the last reference of another task may.
struct Returning {
    queue: Arc<WaitQueue>,
    drops: Arc<Counter>,
}

impl Wake for Returning {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Returning {
    fn drop(&mut self) {
        self.queue.notify_one();
        self.drops.add(1);
    }
}

#[test]
fn a_waker_s_destructor_may_use_the_queue() {
    watched(|| {
        let (queue, drops) = (Arc::new(WaitQueue::new()), Arc::new(Counter::new()));
        let waker = || {
            let (queue, drops) = (Arc::clone(&queue), Arc::clone(&drops));
            Waker::from(Arc::new(Returning { queue, drops }))
        };
        let mut ticket = Ticket::default();
        queue.register(&mut ticket, &waker());
        queue.register(&mut ticket, &waker());
        // The first waker was replaced, and its destructor has notified the second.
        assert_eq!(drops.get(), 2);
        queue.register(&mut ticket, &waker());
        assert!(!queue.is_empty());
        queue.leave(&mut ticket, || false);
        assert_eq!(drops.get(), 3);
        assert!(queue.is_empty());
    });
}

struct Explosive;

impl Wake for Explosive {
    fn wake(self: Arc<Self>) {
        panic!("the waker's panic");
    }
}

struct Counting(Counter);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.add(1);
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_asleep() {
    let queue = WaitQueue::new();
    let counting = Arc::new(Counting(Counter::new()));
    let (mut first, mut second) = (Ticket::default(), Ticket::default());
    queue.register(&mut first, &Waker::from(Arc::new(Explosive)));
    queue.register(&mut second, &Waker::from(Arc::clone(&counting)));
    queue.notify_all();
    assert_eq!(counting.0.get(), 1);
    queue.register(&mut first, &Waker::from(Arc::new(Explosive)));
    queue.notify_one();
}

#[test]
fn a_notified_waiter_keeps_its_place() {
    let queue = WaitQueue::new();
    let (early, late) = (Arc::new(Counting(Counter::new())), Arc::new(Counting(Counter::new())));
    let (mut first, mut second) = (Ticket::default(), Ticket::default());
    queue.register(&mut first, &Waker::from(Arc::clone(&early)));
    queue.register(&mut second, &Waker::from(Arc::clone(&late)));
    queue.notify_one();
    // The room is gone again: it registers once more, and is first as before.
    queue.register(&mut first, &Waker::from(Arc::clone(&early)));
    queue.notify_one();
    assert_eq!((early.0.get(), late.0.get()), (2, 0));
    queue.leave(&mut first, || false);
    assert_eq!((early.0.get(), late.0.get()), (2, 0), "it got what it waited for");
    queue.notify_one();
    assert_eq!(late.0.get(), 1);
    assert!(queue.is_empty());
}

#[test]
fn registering_again_is_no_second_place() {
    let queue = WaitQueue::new();
    let (old, new) = (Arc::new(Counting(Counter::new())), Arc::new(Counting(Counter::new())));
    let mut ticket = Ticket::default();
    queue.register(&mut ticket, &Waker::from(Arc::clone(&old)));
    queue.register(&mut ticket, &Waker::from(Arc::clone(&new)));
    assert_eq!(queue.len(), 1);
    queue.notify_one();
    assert_eq!((old.0.get(), new.0.get()), (0, 1), "the waker was replaced");
    assert!(queue.is_empty());
}
