//! The deque's hand-over of tasks, for ThreadSanitizer; see the file of the same name in `executor-common` for what it can
//! judge. The executor as a whole is beyond it, since it hands over by fences. So this is the deque as `queue/crossbeam.rs`
//! uses it, with tasks that carry plain memory.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_deque::{Steal, Worker};
use executor_common::{DomainId, Parker, Runnable, Unparker, closure_task};

const TASKS: usize = 4_000;

/// How long a test may take before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

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

/// An entry as the pool's deques hold it.
struct Entry(NonNull<()>);

// SAFETY: it is a task, which may run on any thread.
unsafe impl Send for Entry {}

fn run(entry: Entry) {
    // SAFETY: from `into_raw`, and taken out of the deque once.
    let task = unsafe { Runnable::from_raw(entry.0) };
    drop(task.run());
}

#[test]
fn a_stolen_task_is_the_thiefs_with_all_that_it_captured() {
    watched(|| {
        let ran: &'static AtomicUsize = Box::leak(Box::default());
        let sum: &'static AtomicUsize = Box::leak(Box::default());
        let owner = Worker::new_lifo();
        // Thieves share the deque's buffer by an `Arc`, which must not be freed by whoever is last.
        std::mem::forget(owner.stealer());
        let thieves = [owner.stealer(), owner.stealer()].map(|stealer| {
            thread::spawn(move || {
                while ran.load(Ordering::Relaxed) < TASKS {
                    match stealer.steal() {
                        Steal::Success(entry) => run(entry),
                        Steal::Empty | Steal::Retry => thread::yield_now(),
                    }
                }
            })
        });
        for number in 0..TASKS {
            let captured = Box::new(number);
            let (task, _) = closure_task(DomainId::unique(), move || {
                sum.fetch_add(*captured, Ordering::Relaxed);
                ran.fetch_add(1, Ordering::Relaxed);
            });
            owner.push(Entry(task.into_raw()));
            // The owner takes one in three itself.
            if number % 3 == 0
                && let Some(entry) = owner.pop()
            {
                run(entry);
            }
        }
        while let Some(entry) = owner.pop() {
            run(entry);
        }
        for thief in thieves {
            thief.join().unwrap();
        }
        assert_eq!(sum.load(Ordering::Relaxed), TASKS * (TASKS - 1) / 2);
    });
}
