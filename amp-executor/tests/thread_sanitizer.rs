//! The ring's hand-over, for ThreadSanitizer; see the file of the same name in `executor-common` for what it can judge.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use amp_executor::model::{PushError, Ring};
use executor_common::{Parker, Unparker};

/// How long a test may take before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);
const VALUES: usize = 2_000;
const PRODUCERS: usize = 2;
const CONSUMERS: usize = 2;

/// Runs a test on a thread of its own, and fails when it hangs. Unlike the other tests' watchdog it uses no channel.
fn watched(test: fn()) {
    /// Wakes the watching thread, also where the test panics.
    struct Ended(Unparker);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.unpark();
        }
    }
    let parker = Parker::new();
    std::mem::forget(parker.unparker());
    let unparker = parker.unparker();
    let thread = thread::spawn(move || {
        let _ended = Ended(unparker);
        test();
    });
    assert!(parker.park_timeout(LIMIT), "not finished after {LIMIT:?}");
    assert!(thread.join().is_ok(), "the test's thread panicked");
}

/// What is pushed is plain memory, made on one thread, and read and freed on another.
#[test]
fn values_are_handed_over_by_the_stamps() {
    watched(|| {
        let ring: &'static Ring<Box<usize>> = Box::leak(Box::new(Ring::new(3)));
        let sum: &'static AtomicUsize = Box::leak(Box::default());
        let taken: &'static AtomicUsize = Box::leak(Box::default());
        let producers = (0..PRODUCERS).map(|_| {
            thread::spawn(move || {
                for value in 0..VALUES {
                    let mut value = Box::new(value);
                    while let Err(refused) = ring.push(value) {
                        let (PushError::Full(again) | PushError::Closed(again)) = refused;
                        value = again;
                        thread::yield_now();
                    }
                }
            })
        });
        let consumers = (0..CONSUMERS).map(|_| {
            thread::spawn(move || {
                while taken.load(Ordering::Relaxed) < PRODUCERS * VALUES {
                    match ring.pop() {
                        Some(value) => {
                            sum.fetch_add(*value, Ordering::Relaxed);
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                        None => thread::yield_now(),
                    }
                }
            })
        });
        let threads: Vec<_> = producers.chain(consumers).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(sum.load(Ordering::Relaxed), PRODUCERS * VALUES * (VALUES - 1) / 2);
    });
}
