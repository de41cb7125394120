//! Fork-join: a branch runs once, before `join` returns, and no job is left that points into a dead frame.

#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use executor_common::Parker;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, UnsafeCell, thread};
use loom_tests::check;
use loom_tests::model::{expected_panic, is_expected};
use smp_executor::model::{ModelWorker, pool};
use smp_executor::{SmpExecutor, join};

/// How the other worker gets at jobs.
#[derive(Clone, Copy)]
enum Thief {
    /// It asks, and steals what the owner shares.
    Asks,
    /// It takes what the owner has not shared.
    Seizes,
}

/// Runs `owner` on one worker while another tries `tries` times to get a job of it.
fn against(thief: Thief, tries: usize, owner: impl FnOnce()) {
    let (pool, workers) = pool(2);
    let [forking, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
    // Before the owner begins: it shares nothing unless somebody is idle.
    let search = other.start_search();
    let stealing = thread::spawn(move || {
        other.enter(|| {
            for _ in 0..tries {
                match thief {
                    Thief::Asks => other.steal_job_from(0),
                    Thief::Seizes => other.seize_job_from(0),
                };
            }
        });
        search.forget();
        other
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

/// A branch runs once, and its writes are seen.
fn one_fork() {
    let slot = Slot(UnsafeCell::new(0));
    let ((), ()) = join(|| (), || slot.add(2));
    slot.add(1);
    assert_eq!(slot.0.into_inner(), 3);
}

#[test]
fn a_shared_branch_runs_once() {
    check("smp fork: share, steal, take back", || against(Thief::Asks, 1, one_fork));
}

#[test]
fn a_private_branch_runs_once() {
    check("smp fork: seize, take back", || against(Thief::Seizes, 1, one_fork));
}

/// As `one_fork`, twice in a row: the second uses the slot of the first.
fn two_forks() {
    one_fork();
    one_fork();
}

#[test]
fn a_slot_is_used_again() {
    check("smp fork: share, steal, take back, fork again", || against(Thief::Asks, 1, two_forks));
}

#[test]
fn a_seized_slot_is_used_again() {
    check("smp fork: seize, take back, fork again", || against(Thief::Seizes, 2, two_forks));
}

/// The branch of a worker that forks once and then waits must be run by the other one, however the two meet.
fn a_fork_and_a_wait(other: impl FnOnce(&ModelWorker, &dyn Fn() -> bool) + 'static) {
    let (pool, workers) = pool(2);
    let [forking, worker]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
    let done = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&done);
    let helping = thread::spawn(move || {
        worker.enter(|| other(&worker, &|| seen.load(Ordering::Relaxed) == 1));
    });
    forking.enter(|| {
        let parker = Parker::new();
        let unparker = parker.unparker();
        join(
            move || parker.park(),
            || {
                done.store(1, Ordering::Relaxed);
                unparker.unpark();
            },
        );
    });
    helping.join().unwrap();
    drop(pool);
}

#[test]
fn nobody_sleeps_beside_a_fork() {
    // If the fork is missed, both sleep for ever, which loom reports.
    check("smp fork: fork against falling asleep", || {
        a_fork_and_a_wait(|worker, done| worker.work_until(done));
    });
}

/// The first branch panics.
fn a_panic() {
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
}

#[test]
fn a_panic_waits_for_the_stolen_branch() {
    check("smp fork: panic against steal", || against(Thief::Asks, 1, a_panic));
}

#[test]
fn a_panic_waits_for_the_seized_branch() {
    check("smp fork: panic against seize", || against(Thief::Seizes, 1, a_panic));
}

#[test]
fn a_stolen_panic_reaches_the_owner() {
    check("smp fork: panic while stolen", || {
        against(Thief::Asks, 1, || {
            let thrown = catch_unwind(AssertUnwindSafe(|| join(|| (), || expected_panic())));
            assert!(is_expected(&*thrown.map(drop).unwrap_err()));
        });
    });
}

#[test]
fn nested_forks_are_stolen_from_the_oldest_on() {
    check("smp fork: two levels, two steals", || {
        against(Thief::Asks, 2, || {
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
        against(Thief::Asks, 1, || {
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
