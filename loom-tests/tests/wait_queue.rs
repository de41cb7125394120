//! Waiting for room: no wake-up is lost, and none stays with somebody who has gone.

#![cfg(loom)]

use std::task::Waker;

use executor_common::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use executor_common::sync::{Arc, thread};
use executor_common::{Parker, Ticket, WaitQueue};
use loom_tests::check;

/// Places, and those who wait for one.
struct Room {
    free: AtomicUsize,
    closed: AtomicBool,
    waiters: WaitQueue,
}

impl Room {
    fn new() -> Arc<Self> {
        let (free, closed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { free, closed, waiters: WaitQueue::new() })
    }

    /// Takes a place. Relaxed, so that the queue's fences alone bring the places in sight.
    fn try_take(&self) -> bool {
        let take = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Makes a place.
    fn release(&self) {
        self.free.fetch_add(1, Ordering::Relaxed);
        self.waiters.notify_one();
    }

    /// Waits for a place. The waiter may have been registered before.
    fn take(&self, mut waiter: Waiter) {
        while !self.try_take() {
            self.waiters.register(&mut waiter.ticket, &waiter.waker);
            if self.try_take() {
                break;
            }
            waiter.parker.park();
        }
        self.waiters.leave(&mut waiter.ticket, || self.free.load(Ordering::Relaxed) > 0);
    }

    /// A waiter in the queue.
    fn register(&self) -> Waiter {
        let mut waiter = Waiter::new();
        self.waiters.register(&mut waiter.ticket, &waiter.waker);
        waiter
    }
}

struct Waiter {
    parker: Parker,
    waker: Waker,
    ticket: Ticket,
}

impl Waiter {
    fn new() -> Self {
        let parker = Parker::new();
        let waker = Waker::from(parker.unparker());
        Self { parker, waker, ticket: Ticket::default() }
    }
}

#[test]
fn a_release_is_seen_by_the_waiter_or_the_waiter_by_the_release() {
    check("wait queue: register, release", || {
        let room = Room::new();
        let releasing = {
            let room = Arc::clone(&room);
            thread::spawn(move || room.release())
        };
        room.take(Waiter::new());
        releasing.join().unwrap();
        assert!(room.waiters.is_empty());
    });
}

#[test]
fn two_waiters_and_two_releases() {
    check("wait queue: two waiters, two releases", || {
        let room = Room::new();
        let (here, there) = (room.register(), room.register());
        let waiting = {
            let room = Arc::clone(&room);
            thread::spawn(move || room.take(there))
        };
        let releasing = {
            let room = Arc::clone(&room);
            thread::spawn(move || {
                room.release();
                room.release();
            })
        };
        room.take(here);
        waiting.join().unwrap();
        releasing.join().unwrap();
        assert!(room.waiters.is_empty());
    });
}

#[test]
fn a_waiter_that_gives_up_passes_its_notification_on() {
    check("wait queue: first waiter gives up", || {
        let room = Room::new();
        let (mut first, second) = (room.register(), room.register());
        let releasing = {
            let room = Arc::clone(&room);
            thread::spawn(move || room.release())
        };
        let leaving = {
            let room = Arc::clone(&room);
            thread::spawn(move || room.waiters.give_up(&mut first.ticket))
        };
        room.take(second);
        releasing.join().unwrap();
        leaving.join().unwrap();
        assert!(room.waiters.is_empty());
    });
}

#[test]
fn a_place_taken_by_somebody_else_leaves_the_waiter_in_the_queue() {
    check("wait queue: overtaken", || {
        let room = Room::new();
        let waiter = room.register();
        let releasing = {
            let room = Arc::clone(&room);
            thread::spawn(move || room.release())
        };
        let overtaking = {
            let room = Arc::clone(&room);
            thread::spawn(move || {
                if room.try_take() {
                    room.release();
                }
            })
        };
        room.take(waiter);
        releasing.join().unwrap();
        overtaking.join().unwrap();
    });
}

#[test]
fn closing_wakes_everybody() {
    check("wait queue: register, close", || {
        let room = Room::new();
        let closing = {
            let room = Arc::clone(&room);
            thread::spawn(move || {
                room.closed.store(true, Ordering::Relaxed);
                room.waiters.notify_all();
            })
        };
        let mut waiter = Waiter::new();
        while !room.closed.load(Ordering::Relaxed) {
            room.waiters.register(&mut waiter.ticket, &waiter.waker);
            if room.closed.load(Ordering::Relaxed) {
                break;
            }
            waiter.parker.park();
        }
        room.waiters.leave(&mut waiter.ticket, || false);
        closing.join().unwrap();
        assert!(room.waiters.is_empty());
    });
}

#[test]
fn a_notification_spent_on_a_satisfied_waiter_reaches_the_next() {
    check("wait queue: notified twice", || {
        let room = Room::new();
        let mut first = room.register();
        // The second waiter relies on its notification alone.
        let second = {
            let room = Arc::clone(&room);
            let waiter = room.register();
            thread::spawn(move || {
                waiter.parker.park();
                room.take(waiter);
            })
        };
        let releasing = {
            let room = Arc::clone(&room);
            thread::spawn(move || {
                room.release();
                room.release();
            })
        };
        // The first one is notified, registers again, and finds the place by its own look. It may be in the queue
        // still when the second place is made.
        first.parker.park();
        room.waiters.register(&mut first.ticket, &first.waker);
        assert!(room.try_take(), "the second waiter has not been notified");
        room.waiters.leave(&mut first.ticket, || room.free.load(Ordering::Relaxed) > 0);
        second.join().unwrap();
        releasing.join().unwrap();
    });
}
