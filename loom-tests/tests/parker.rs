//! The parker's token.

#![cfg(loom)]

use std::task::Waker;

use executor_common::Parker;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, thread};
use loom_tests::{Plain, check};

#[test]
fn a_token_ends_one_park_and_brings_what_was_written() {
    check("parker: unpark, park", || {
        let parker = Parker::new();
        let unparker = parker.unparker();
        let value = Plain::new();
        let written = value.clone();
        let waking = thread::spawn(move || {
            written.increment();
            unparker.unpark();
        });
        parker.park();
        assert_eq!(value.get(), 1);
        waking.join().unwrap();
    });
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

#[test]
fn two_unparkers_are_both_seen() {
    check("parker: two unparkers", || {
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
            parker.park();
        }
        for thread in waking {
            thread.join().unwrap();
        }
    });
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
