//! The parker's token.

#![cfg(loom)]

use std::future::poll_fn;
use std::task::{Context, Wake, Waker};

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, thread};
use executor_common::{Parker, block_on};
use loom_tests::{Plain, check};

/// `park` takes the token.
fn takes_a_token(name: &str, park: fn(&Parker)) {
    check(name, move || {
        let parker = Parker::new();
        let unparker = parker.unparker();
        let value = Plain::new();
        let written = value.clone();
        let waking = thread::spawn(move || {
            written.increment();
            unparker.unpark();
        });
        park(&parker);
        assert_eq!(value.get(), 1);
        waking.join().unwrap();
    });
}

fn park_polled(parker: &Parker) {
    block_on(poll_fn(|context| parker.poll_park(context)));
}

#[test]
fn a_token_ends_one_park_and_brings_what_was_written() {
    takes_a_token("parker: unpark, park", Parker::park);
}

#[test]
fn a_token_ends_one_polled_park_and_brings_what_was_written() {
    takes_a_token("parker: unpark, polled park", park_polled);
}

#[test]
fn one_token_each_for_two_parks() {
    check("parker: ping-pong", || {
        let (here, there) = (Parker::new(), Parker::new());
        let (wake_here, wake_there) = (here.unparker(), there.unparker());
        let value = Plain::new();
        let shared = value.clone();
        let thread = thread::spawn(move || {
            there.park();
            shared.increment();
            wake_here.unpark();
        });
        value.increment();
        wake_there.unpark();
        here.park();
        assert_eq!(value.get(), 2);
        thread.join().unwrap();
    });
}

/// `park` takes one token each time.
fn sees_two_unparkers(name: &str, park: fn(&Parker)) {
    check(name, move || {
        let parker = Parker::new();
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let waking = [0, 1].map(|index| {
            let (unparker, flags) = (parker.unparker(), Arc::clone(&flags));
            thread::spawn(move || {
                // Relaxed: the token alone carries it.
                flags[index].store(1, Ordering::Relaxed);
                unparker.unpark();
            })
        });
        while flags.iter().any(|flag| flag.load(Ordering::Relaxed) == 0) {
            park(&parker);
        }
        for thread in waking {
            thread.join().unwrap();
        }
    });
}

#[test]
fn two_unparkers_are_both_seen() {
    sees_two_unparkers("parker: two unparkers", Parker::park);
}

#[test]
fn two_unparkers_are_both_seen_by_polled_parks() {
    sees_two_unparkers("parker: two unparkers, polled parks", park_polled);
}

#[test]
fn a_waker_is_an_unparker_by_value_and_by_reference() {
    check("parker: wakers", || {
        let parker = Parker::new();
        let by_value = Waker::from(parker.unparker());
        let by_ref = by_value.clone();
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let seen = Arc::clone(&flags);
        let first = thread::spawn(move || {
            flags[0].store(1, Ordering::Relaxed);
            by_value.wake();
            // By reference where another token may be there already.
            flags[1].store(1, Ordering::Relaxed);
            by_ref.wake_by_ref();
        });
        while seen.iter().any(|flag| flag.load(Ordering::Relaxed) == 0) {
            parker.park();
        }
        first.join().unwrap();
    });
}

/// A waker that says how often it was woken.
struct Wakes(AtomicUsize);

impl Wakes {
    fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self(AtomicUsize::new(0)))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The reactor polls again of its own accord, with another waker.
#[test]
fn a_waker_that_was_replaced_need_not_be_woken() {
    check("parker: unpark beside a second poll", || {
        let parker = Parker::new();
        let unparker = parker.unparker();
        let wakes = [Wakes::new(), Wakes::new()];
        let poll = |index: usize| {
            let waker = Waker::from(std::sync::Arc::clone(&wakes[index]));
            parker.poll_park(&mut Context::from_waker(&waker)).is_ready()
        };
        assert!(!poll(0));
        let waking = thread::spawn(move || unparker.unpark());
        let has_token = poll(1);
        assert!(waking.join().unwrap(), "somebody waited");
        // Who was told nothing is polled by nobody.
        assert!(has_token || wakes[1].count() == 1 && poll(1));
    });
}

/// A deadline has come, or the reactor has given up: the thread parks by itself.
#[test]
fn a_token_that_comes_when_polling_stops_is_kept() {
    check("parker: unpark beside the end of polling", || {
        let parker = Parker::new();
        let unparker = parker.unparker();
        let value = Plain::new();
        let written = value.clone();
        assert!(parker.poll_park(&mut Context::from_waker(Waker::noop())).is_pending());
        let waking = thread::spawn(move || {
            written.increment();
            unparker.unpark();
        });
        parker.stop_polling();
        parker.park();
        assert_eq!(value.get(), 1);
        waking.join().unwrap();
    });
}
