//! Fork-join: a branch runs once, before `join` returns, and no job is left that points into a dead frame.

#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use executor_common::Parker;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, UnsafeCell, thread};
use loom_tests::model::{expected_panic, is_expected};
use loom_tests::{aside, check, check_with_full_fences};
use smp_executor::model::{ModelWorker, pool};
use smp_executor::{SmpExecutor, current_worker, join};

/// How the other worker gets at jobs.
#[derive(Clone, Copy, Debug)]
enum Thief {
    /// It is idle from the beginning, so that the owner shares at once; and steals.
    Idle,
    /// It becomes idle meanwhile, asks, and steals.
    Asks,
    /// It takes what the owner has not shared.
    Seizes,
    /// It is idle from the beginning, so that the owner shares, and yet takes only what the owner has not shared.
    IdleSeizes,
}

impl Thief {
    /// One check for each.
    fn each(name: &str, tries: usize, owner: fn()) {
        for thief in [Self::Idle, Self::Asks, Self::Seizes, Self::IdleSeizes] {
            check(&format!("smp fork: {name}, thief {thief:?}"), move || {
                thief.against(tries, owner);
            });
        }
    }

    /// Runs `owner` on one worker while another tries `tries` times to get a job of it.
    fn against(self, tries: usize, owner: impl FnOnce()) {
        let (pool, workers) = pool(2);
        let [forking, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
        let is_idle = matches!(self, Self::Idle | Self::IdleSeizes);
        let mut search = is_idle.then(|| other.start_search());
        let stealing = thread::spawn(move || {
            other.enter(|| {
                for _ in 0..tries {
                    match self {
                        Self::Idle => other.steal_job_from(0),
                        Self::Asks => {
                            search.get_or_insert_with(|| other.start_search());
                            other.steal_job_from(0)
                        }
                        Self::Seizes | Self::IdleSeizes => other.seize_job_from(0),
                    };
                }
                if let Some(search) = search {
                    search.forget();
                }
            });
            other
        });
        forking.enter(owner);
        drop(stealing.join().unwrap());
        drop(pool);
    }
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
fn a_branch_runs_once() {
    Thief::each("one fork", 1, one_fork);
}

/// As `one_fork`, twice in a row: the second uses the slot of the first.
fn two_forks() {
    one_fork();
    one_fork();
}

#[test]
fn a_slot_is_used_again() {
    Thief::each("two forks", 2, two_forks);
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
fn a_panic_waits_for_the_other_branch() {
    Thief::each("panic of the first branch", 1, a_panic);
}

#[test]
fn a_stolen_panic_reaches_the_owner() {
    Thief::each("panic of the second branch", 1, || {
        let thrown = catch_unwind(AssertUnwindSafe(|| join(|| (), || expected_panic())));
        assert!(is_expected(&*thrown.map(drop).unwrap_err()));
    });
}

#[test]
fn nested_forks_are_stolen_from_the_oldest_on() {
    Thief::each("two levels", 2, || {
        let runs = AtomicUsize::new(0);
        let count = || {
            runs.fetch_add(1, Ordering::Relaxed);
        };
        join(|| join(count, count), count);
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn the_owner_takes_back_what_its_thief_forks() {
    Thief::each("leapfrogging", 1, || {
        let runs = AtomicUsize::new(0);
        let count = || {
            runs.fetch_add(1, Ordering::Relaxed);
        };
        join(count, || join(count, count));
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn nobody_sleeps_beside_a_fork_because_somebody_else_searched() {
    check("smp fork: fork against falling asleep beside the end of a search", || {
        let (pool, workers) = pool(3);
        let [forking, worker, searching]: [ModelWorker; 3] =
            workers.try_into().expect("a pool of three");
        let done = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&done);
        // Counted from the beginning: the other worker may not search, and leaves what it can to this one.
        let search = searching.start_search();
        let helping = thread::spawn(move || {
            worker.enter(|| worker.work_until(|| seen.load(Ordering::Relaxed) == 1));
        });
        let ending = thread::spawn(move || {
            searching.enter(|| {
                let job = searching.steal_and_hold_job_of(0);
                search.end();
                if let Some(job) = job {
                    searching.run_held(job);
                }
            });
        });
        forking.enter(|| {
            let parker = Parker::new();
            let unparker = parker.unparker();
            // The second branch is shared at once, since somebody searches, and takes who has it until the end. The fork in
            // the first may be private, and needs the other one.
            join(
                move || {
                    fork_and_wait();
                    unparker.unpark();
                },
                move || {
                    if current_worker() == Some(2) {
                        parker.park();
                    }
                },
            );
            done.store(1, Ordering::Relaxed);
        });
        // Nobody is waited for any more. The end of a pool has models of its own.
        aside(|| {
            pool.stop();
            ending.join().unwrap();
            helping.join().unwrap();
        });
        drop(pool);
    });
}

/// Worker 0 forks `job` and waits while worker 1 runs it, and `after` then.
fn stolen_for_sure(job: impl FnOnce() + Send + 'static, after: impl FnOnce() + Send + 'static) {
    let (pool, workers) = pool(2);
    let [forking, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
    let stealing = thread::spawn(move || {
        other.enter(|| {
            while !other.seize_job_from(0) {
                thread::yield_now();
            }
            after();
        });
        other
    });
    forking.enter(|| {
        let parker = Parker::new();
        let unparker = parker.unparker();
        join(
            move || parker.park(),
            move || {
                unparker.unpark();
                job();
            },
        );
    });
    drop(stealing.join().unwrap());
    drop(pool);
}

/// A fork whose first branch waits for the second to be run by somebody else.
fn fork_and_wait() {
    let parker = Parker::new();
    let unparker = parker.unparker();
    join(move || parker.park(), move || unparker.unpark());
}

#[test]
fn a_worker_that_waits_is_woken_for_what_its_thief_forks() {
    // If it is not, both workers wait for ever, which loom reports.
    check("smp fork: a waiting worker helps", || stolen_for_sure(fork_and_wait, || ()));
    check("smp fork: a waiting worker helps, with the second fork", || {
        stolen_for_sure(
            || {
                join(|| (), || ());
                fork_and_wait();
            },
            || (),
        );
    });
}

#[test]
fn a_worker_that_waits_helps_a_thief_that_has_not_begun_yet() {
    check("smp fork: a waiting worker helps a thief that begins later", || {
        let (pool, workers) = pool(2);
        let [forking, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
        let stealing = thread::spawn(move || {
            other.enter(|| {
                if let Some(job) = other.hold_job_of(0) {
                    other.run_held(job);
                }
            });
            other
        });
        forking.enter(|| {
            join(
                || (),
                || {
                    if current_worker() == Some(1) {
                        fork_and_wait();
                    }
                },
            );
        });
        drop(stealing.join().unwrap());
        drop(pool);
    });
}

#[test]
fn a_worker_that_waits_runs_nothing_of_a_thief_that_is_done() {
    check("smp fork: loot of a thief that is done", || {
        stolen_for_sure(
            || (),
            || {
                // Worker 0 has asked this worker, and may see this job before it sees its latch set.
                join(|| (), || assert_eq!(current_worker(), Some(1)));
            },
        );
    });
}

#[test]
fn a_worker_that_waits_runs_nothing_of_somebody_who_has_not_begun() {
    check("smp fork: loot of a thief that has not begun", || {
        let (pool, workers) = pool(2);
        let [forking, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
        let stealing = thread::spawn(move || {
            other.enter(|| {
                if let Some(job) = other.hold_job_of(0) {
                    join(|| (), || assert_eq!(current_worker(), Some(1)));
                    other.run_held(job);
                }
            });
            other
        });
        forking.enter(|| {
            join(|| (), || ());
        });
        drop(stealing.join().unwrap());
        drop(pool);
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
    check_with_full_fences("smp fork: scope on a worker", || {
        let (pool, workers) = pool(2);
        let [owner, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
        let helping = thread::spawn(move || other.run());
        owner.enter(|| {
            let slot = Slot(UnsafeCell::new(0));
            smp_executor::scope(|s| s.spawn(|_| slot.add(1)));
            slot.add(1);
        });
        // The end of a pool has models of its own.
        aside(|| {
            pool.stop();
            helping.join().unwrap();
        });
    });
}
