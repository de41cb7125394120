//! Fork-join: a branch runs once, before `join` returns, and no job is left that points into a dead frame.

#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, UnsafeCell, thread};
use loom_tests::check;
use loom_tests::model::{expected_panic, is_expected};
use smp_executor::model::{ModelWorker, pool};
use smp_executor::{SmpExecutor, join};

/// Runs `owner` on one worker while a thief tries `tries` times to steal from it.
fn against_a_thief(tries: usize, owner: impl FnOnce()) {
    let (pool, workers) = pool(2);
    let [forking, thief]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
    let stealing = thread::spawn(move || {
        thief.enter(|| {
            for _ in 0..tries {
                thief.steal_job_from(0);
            }
        });
        thief
    });
    forking.enter(owner);
    drop(stealing.join().unwrap());
    drop(pool);
}

/// A value that two threads may only write one after the other.
struct Slot(UnsafeCell<usize>);

// SAFETY: for the model to find out: loom reports an access that is not ordered after the others.
unsafe impl Sync for Slot {}

impl Slot {
    fn add(&self, n: usize) {
        // SAFETY: as for `Sync`.
        self.0.with_mut(|value| unsafe { *value += n });
    }
}

#[test]
fn a_branch_runs_once_and_its_writes_are_seen() {
    check("smp fork: take back, steal, latch", || {
        against_a_thief(1, || {
            let slot = Slot(UnsafeCell::new(0));
            let ((), ()) = join(|| (), || slot.add(2));
            slot.add(1);
            assert_eq!(slot.0.into_inner(), 3);
        });
    });
}

#[test]
fn a_panic_waits_for_the_stolen_branch() {
    check("smp fork: panic against steal", || {
        against_a_thief(1, || {
            let slot = Slot(UnsafeCell::new(0));
            let tracked = Arc::new(());
            let inside = Arc::clone(&tracked);
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                join(
                    || expected_panic(),
                    || {
                        slot.add(2);
                        inside
                    },
                )
            }));
            assert!(is_expected(&*thrown.map(drop).unwrap_err()));
            // The branch has ended or was never begun; its result and its captures are gone.
            slot.add(1);
            assert_eq!(Arc::strong_count(&tracked), 1);
        });
    });
}

#[test]
fn a_stolen_panic_reaches_the_owner() {
    check("smp fork: panic while stolen", || {
        against_a_thief(1, || {
            let thrown = catch_unwind(AssertUnwindSafe(|| join(|| (), || expected_panic())));
            assert!(is_expected(&*thrown.map(drop).unwrap_err()));
        });
    });
}

#[test]
fn nested_forks_are_stolen_from_the_oldest_on() {
    check("smp fork: two levels, two steals", || {
        against_a_thief(2, || {
            let runs = AtomicUsize::new(0);
            let count = || {
                runs.fetch_add(1, Ordering::Relaxed);
            };
            join(|| join(count, count), count);
            assert_eq!(runs.load(Ordering::Relaxed), 3);
        });
    });
}

#[test]
fn the_owner_takes_back_what_its_thief_forks() {
    check("smp fork: leapfrogging", || {
        against_a_thief(1, || {
            let runs = AtomicUsize::new(0);
            let count = || {
                runs.fetch_add(1, Ordering::Relaxed);
            };
            join(count, || join(count, count));
            assert_eq!(runs.load(Ordering::Relaxed), 3);
        });
    });
}

#[test]
fn a_join_from_outside_waits_for_both_branches() {
    check("smp fork: join from outside", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let (mut a, mut b) = (0, 0);
        executor.join(|| a = 1, || b = 2);
        assert_eq!((a, b), (1, 2));
    });
}

#[test]
fn a_scope_ends_after_its_tasks() {
    check("smp fork: scope", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let mut value = 0;
        executor.scope(|s| s.spawn(|_| value = 5));
        assert_eq!(value, 5);
    });
}

#[test]
fn a_scope_on_a_worker_shares_its_tasks_with_another() {
    check("smp fork: scope on a worker", || {
        let (pool, workers) = pool(2);
        let [owner, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
        let helping = thread::spawn(move || other.run());
        owner.enter(|| {
            let slot = Slot(UnsafeCell::new(0));
            smp_executor::scope(|s| s.spawn(|_| slot.add(1)));
            slot.add(1);
        });
        // The end of a pool has models of its own.
        loom::stop_exploring();
        pool.stop();
        helping.join().unwrap();
    });
}
