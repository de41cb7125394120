//! Hand-overs between two threads that nothing but this crate's own orderings makes safe.
//!
//! `.ci/sanitize` runs them under ThreadSanitizer, which checks on the hardware's own code what the models check in
//! theory. It understands atomic accesses and `parking_lot`. It does not understand fences, and nothing that happens inside the
//! standard library, which is not instrumented: the destructor of the last `Arc`, channels, barriers and results of threads
//! all give false reports. So what is shared here is leaked, and threads meet by flags of their own.

#![cfg(not(loom))]

use std::cell::{Cell, UnsafeCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use executor_common::sync::Arc;
use executor_common::{
    DomainId, JoinError, JoinHandle, Parker, RunOutcome, Runnable, Schedule, TaskRegistry,
    Unparker, closure_task, future_task,
};

const ROUNDS: usize = 300;

/// How long a test may take before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test on a thread of its own, and fails when it hangs.
fn watched(test: fn()) {
    /// Wakes the watching thread, also where the test panics.
    struct Ended(Unparker);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.unpark();
        }
    }
    let (parker, unparker) = leaked_parker();
    let thread = thread::spawn(move || {
        let _ended = Ended(unparker);
        test();
    });
    assert!(parker.park_timeout(LIMIT), "not finished after {LIMIT:?}");
    assert!(thread.join().is_ok(), "the test's thread panicked");
}

/// A parker whose shared part is never freed.
fn leaked_parker() -> (Parker, Unparker) {
    let parker = Parker::new();
    std::mem::forget(parker.unparker());
    let unparker = parker.unparker();
    (parker, unparker)
}

/// A value that no atomic protects.
struct Plain(UnsafeCell<usize>);

// SAFETY: the tests hand it over from thread to thread; that they do it rightly is what is tested.
unsafe impl Sync for Plain {}

impl Plain {
    fn leaked() -> &'static Self {
        Box::leak(Box::new(Self(UnsafeCell::new(0))))
    }

    fn get(&self) -> usize {
        // SAFETY: the calling thread has been handed the value.
        unsafe { *self.0.get() }
    }

    fn set(&self, value: usize) {
        // SAFETY: as in `get`.
        unsafe { *self.0.get() = value }
    }
}

/// Lets threads go on together, and orders nothing.
#[derive(Default)]
struct Meeting(AtomicUsize);

impl Meeting {
    fn leaked() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Returns when `all` threads are here.
    fn wait(&self, all: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
        while self.0.load(Ordering::Relaxed) < all {
            thread::yield_now();
        }
    }
}

#[test]
fn a_token_that_waits_for_its_park_hands_over() {
    watched(|| {
        for round in 1..=ROUNDS {
            let (value, meeting) = (Plain::leaked(), Meeting::leaked());
            let (parker, unparker) = leaked_parker();
            let thread = thread::spawn(move || {
                value.set(round);
                unparker.unpark();
                meeting.wait(2);
            });
            // Afterwards the token is there, so that the park takes it without the lock.
            meeting.wait(2);
            parker.park();
            assert_eq!(value.get(), round);
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_park_that_is_woken_hands_over() {
    watched(|| {
        let value = Plain::leaked();
        let ((here, wake_here), (there, wake_there)) = (leaked_parker(), leaked_parker());
        let thread = thread::spawn(move || {
            for round in 0..ROUNDS {
                there.park();
                assert_eq!(value.get(), 2 * round + 1);
                value.set(2 * round + 2);
                wake_here.unpark();
            }
        });
        for round in 0..ROUNDS {
            value.set(2 * round + 1);
            wake_there.unpark();
            here.park();
            assert_eq!(value.get(), 2 * round + 2);
        }
        thread.join().unwrap();
    });
}

/// Polls the handle once, with a waker that does nothing.
fn output<T>(handle: &mut JoinHandle<T>) -> Option<Result<T, JoinError>> {
    match Pin::new(handle).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn an_output_is_handed_over_by_the_state_word() {
    watched(|| {
        for round in 0..ROUNDS {
            let meeting = Meeting::leaked();
            let (task, mut handle) = closure_task(DomainId::unique(), move || Box::new(round));
            let runner = thread::spawn(move || {
                meeting.wait(2);
                assert!(matches!(task.run(), RunOutcome::Finished));
            });
            meeting.wait(2);
            while !handle.is_finished() {
                thread::yield_now();
            }
            assert_eq!(*output(&mut handle).unwrap().unwrap(), round);
            drop(handle);
            runner.join().unwrap();
        }
    });
}

#[test]
fn a_joiner_that_waits_is_woken_and_sees_the_output() {
    watched(|| {
        for round in 0..ROUNDS {
            let meeting = Meeting::leaked();
            let (task, mut handle) = closure_task(DomainId::unique(), move || Box::new(round));
            let runner = thread::spawn(move || {
                meeting.wait(2);
                assert!(matches!(task.run(), RunOutcome::Finished));
            });
            let (parker, unparker) = leaked_parker();
            let waker = Waker::from(unparker);
            let mut context = Context::from_waker(&waker);
            meeting.wait(2);
            let output = loop {
                match Pin::new(&mut handle).poll(&mut context) {
                    Poll::Ready(output) => break output.unwrap(),
                    Poll::Pending => parker.park(),
                }
            };
            assert_eq!(*output, round);
            drop(handle);
            runner.join().unwrap();
        }
    });
}

/// The runner, the handle and an abort handle end at once; whoever is last frees the cell after all others' use of it.
#[test]
fn the_last_reference_frees_what_nobody_uses_any_more() {
    watched(|| {
        for round in 0..ROUNDS {
            let meeting = Meeting::leaked();
            let (task, handle) = closure_task(DomainId::unique(), move || Box::new(round));
            let abort = handle.abort_handle();
            let others = [
                thread::spawn(move || {
                    meeting.wait(3);
                    drop(task.run());
                }),
                thread::spawn(move || {
                    meeting.wait(3);
                    abort.abort();
                }),
            ];
            meeting.wait(3);
            drop(handle);
            for other in others {
                other.join().unwrap();
            }
        }
    });
}

/// Runs what is woken on the thread that wakes it.
struct AtOnce(TaskRegistry);

impl Schedule for AtOnce {
    fn schedule(&self, task: Runnable) {
        if let RunOutcome::Yielded(again) = task.run() {
            self.schedule(again);
        }
    }

    fn registry(&self) -> &TaskRegistry {
        &self.0
    }
}

#[test]
fn a_future_moves_between_the_threads_that_poll_it() {
    watched(|| {
        let scheduler = Arc::new(AtOnce(TaskRegistry::new(1)));
        std::mem::forget(Arc::clone(&scheduler));
        for _ in 0..ROUNDS {
            let waker: &'static AtomicPtr<Waker> =
                Box::leak(Box::new(AtomicPtr::new(ptr::null_mut())));
            let polls = Box::new(Cell::new(0));
            let future = poll_fn(move |context| {
                if polls.get() == 1 {
                    polls.set(2);
                    return Poll::Ready(Box::new(polls.get()));
                }
                waker.store(Box::into_raw(Box::new(context.waker().clone())), Ordering::Release);
                // The one who wakes may be here by now, and only the state word keeps it from polling.
                polls.set(1);
                Poll::Pending
            });
            let mut handle = {
                // SAFETY: the scheduler is never freed; no thread enters the domain.
                let (task, handle) = unsafe { future_task(DomainId::unique(), future, &scheduler) };
                let other = thread::spawn(move || {
                    let waker = loop {
                        let waker = waker.load(Ordering::Acquire);
                        if !waker.is_null() {
                            break waker;
                        }
                        thread::yield_now();
                    };
                    // SAFETY: from `Box::into_raw` above, stored once.
                    unsafe { Box::from_raw(waker) }.wake();
                });
                scheduler.schedule(task);
                other.join().unwrap();
                handle
            };
            assert_eq!(*output(&mut handle).unwrap().unwrap(), 2);
        }
    });
}
