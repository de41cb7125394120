//! A worker's own tasks: each runs once, and nobody sleeps beside one that its owner has no time for.
//!
//! The owner of a queue is one that "never looks again": it pushes and then waits for the end of the model, as a worker does
//! whose task takes long. A task that nobody else is woken for shows as a deadlock, or as a sleeper that is left.

#![cfg(loom)]

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, thread};
use loom_tests::{Done, Pause, Plain, check, check_with_full_fences};
use smp_executor::model::{ModelPool, ModelSearch, ModelWorker, pool};
use smp_executor::{current_worker, join};

/// A pool of so many workers.
fn workers<const N: usize>() -> (ModelPool, [ModelWorker; N]) {
    let (pool, workers) = pool(N);
    (pool, workers.try_into().expect("as many as asked for"))
}

/// Lets the owner, inside of whose `enter` this is, find out that nobody is idle: from now on it keeps its tasks to itself.
fn settle(pool: &ModelPool, owner: &ModelWorker) {
    drop(pool.spawn(|| ()));
    assert!(owner.run_next_task());
}

/// Tasks that must run once each.
struct Once(Vec<Plain>);

impl Once {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn spawn(&mut self, pool: &ModelPool) {
        let ran = Plain::new();
        self.0.push(ran.clone());
        drop(pool.spawn(move || ran.increment()));
    }

    fn assert(&self) {
        let ran: Vec<_> = self.0.iter().map(Plain::get).collect();
        assert_eq!(ran, vec![1; self.0.len()], "each task runs once");
    }
}

/// An owner that has `before` tasks pushes `during` more and runs what it has left, while another worker seizes.
fn seize_beside(before: usize, during: usize) {
    let (pool, [owner, thief]) = workers();
    owner.enter(|| {
        settle(&pool, &owner);
        let mut once = Once::new();
        (0..before).for_each(|_| once.spawn(&pool));
        let seizing = thread::spawn(move || {
            thief.enter(|| {
                thief.seize_task_from(0);
                while thief.run_next_task() {}
            });
            thief
        });
        (0..during).for_each(|_| once.spawn(&pool));
        while owner.run_next_task() {}
        drop(seizing.join().unwrap());
        once.assert();
    });
}

#[test]
fn a_task_that_is_seized_is_not_taken_as_well() {
    for before in [1, 2, 3] {
        check(&format!("smp run queue: seize against take, {before} tasks"), move || {
            seize_beside(before, 0);
        });
    }
}

#[test]
fn a_task_is_pushed_beside_one_that_is_seized() {
    check("smp run queue: seize against push", || seize_beside(1, 1));
    check("smp run queue: seize half against push", || seize_beside(2, 1));
}

#[test]
fn two_who_seize_share_nothing() {
    check("smp run queue: two seize", || {
        let (pool, [owner, one, other]) = workers();
        owner.enter(|| {
            settle(&pool, &owner);
            let mut once = Once::new();
            (0..2).for_each(|_| once.spawn(&pool));
            let seizing = [one, other].map(|thief| {
                thread::spawn(move || {
                    thief.enter(|| {
                        thief.seize_task_from(0);
                        while thief.run_next_task() {}
                    });
                    thief
                })
            });
            drop(seizing.map(|seizing| seizing.join().unwrap()));
            while owner.run_next_task() {}
            once.assert();
        });
    });
}

#[test]
fn a_task_that_is_shared_is_not_taken_as_well() {
    check("smp run queue: steal against share and take", || {
        let (pool, [owner, thief]) = workers();
        owner.enter(|| {
            settle(&pool, &owner);
            let mut once = Once::new();
            once.spawn(&pool);
            assert!(thief.lie_down_and_look(), "there is a private task");
            let stealing = thread::spawn(move || {
                thief.enter(|| {
                    thief.steal_task_from(0);
                });
                thief
            });
            // It shares one of the two.
            once.spawn(&pool);
            while owner.run_next_task() {}
            drop(stealing.join().unwrap());
            once.assert();
        });
    });
}

#[test]
fn a_woken_future_that_is_seized_is_not_taken_as_well() {
    check("smp run queue: seize against a woken future", || {
        let (pool, [owner, thief]) = workers();
        owner.enter(|| {
            let (pause, polled) = (Pause::new(), Plain::new());
            let wait = pause.wait();
            let end = polled.clone();
            drop(pool.spawn_future(async move {
                wait.await;
                end.increment();
            }));
            assert!(owner.run_next_task());
            let waker = pause.waker().expect("it has been polled");
            let seizing = thread::spawn(move || {
                thief.enter(|| {
                    thief.seize_task_from(0);
                });
                thief
            });
            waker.wake();
            owner.run_next_task();
            drop(seizing.join().unwrap());
            assert_eq!(polled.get(), 1);
        });
    });
}

/// An owner that never looks again does `last`, which is one task for somebody else, while the other worker lies down.
fn nobody_sleeps_beside(first: impl FnOnce(&ModelPool, &ModelWorker, &Done) -> Box<dyn FnOnce()>) {
    let (pool, [owner, other]) = workers();
    owner.enter(|| {
        let done = Done::new();
        settle(&pool, &owner);
        let last = first(&pool, &owner, &done);
        let working = thread::spawn(move || {
            other.enter(|| other.work_until(|| done.is(1)));
            other
        });
        last();
        drop(working.join().unwrap());
    });
}

#[test]
fn nobody_sleeps_beside_a_private_task() {
    check("smp run queue: private push, falling asleep", || {
        nobody_sleeps_beside(|pool, _, done| {
            let (pool, work) = (pool.clone(), done.one());
            Box::new(move || drop(pool.spawn(work)))
        });
    });
}

#[test]
fn nobody_sleeps_beside_a_woken_future() {
    check("smp run queue: future woken by a task, falling asleep", || {
        nobody_sleeps_beside(|pool, owner, done| {
            let (pause, end) = (Pause::new(), done.one());
            let wait = pause.wait();
            drop(pool.spawn_future(async move {
                wait.await;
                end();
            }));
            assert!(owner.run_next_task());
            let waker = pause.waker().expect("it has been polled");
            Box::new(move || waker.wake())
        });
    });
}

#[test]
fn nobody_sleeps_beside_a_task_after_another() {
    for settled in [true, false] {
        check(&format!("smp run queue: two pushes, falling asleep twice, {settled}"), move || {
            let (pool, [owner, other]) = workers();
            owner.enter(|| {
                if settled {
                    settle(&pool, &owner);
                }
                let done = Done::new();
                let work = [done.one(), done.one()];
                let working = thread::spawn(move || {
                    other.enter(|| other.work_until(|| done.is(2)));
                    other
                });
                work.into_iter().for_each(|work| drop(pool.spawn(work)));
                drop(working.join().unwrap());
            });
        });
    }
}

#[test]
fn a_question_is_not_taken_away_from_who_lies_down() {
    // The owner takes the question away, since it finds nobody idle, while the other worker asks. From then on it keeps its tasks to
    // itself, and the first one is gone when the other worker looks.
    check("smp run queue: first push, falling asleep, second push", || {
        let (pool, [owner, other]) = workers();
        owner.enter(|| {
            let done = Done::new();
            let work = done.one();
            let working = thread::spawn(move || {
                other.enter(|| other.work_until(|| done.is(1)));
                other
            });
            drop(pool.spawn(|| ()));
            owner.run_next_task();
            drop(pool.spawn(work));
            drop(working.join().unwrap());
        });
    });
}

/// Which workers have begun a task. The first one holds its worker for ever.
#[derive(Clone)]
struct Held(Arc<[AtomicUsize; 3]>);

impl Held {
    fn new() -> Self {
        Self(Arc::new([const { 0 }; 3].map(AtomicUsize::new)))
    }

    fn task(&self) -> impl FnOnce() + Send + use<> {
        let held = self.clone();
        move || {
            let worker = current_worker().expect("it runs on a worker");
            held.0[worker].store(1, Ordering::Relaxed);
        }
    }

    fn is(&self, worker: usize) -> bool {
        self.0[worker].load(Ordering::Relaxed) == 1
    }
}

/// What a worker does from the beginning.
enum Other {
    /// It works.
    Works,
    /// It has lain down, and sleeps.
    Sleeps,
    /// It is counted as searching, and searches.
    Searches(ModelSearch),
}

/// A thread for `worker`, up to the task that holds it.
fn until_held(worker: ModelWorker, other: Other, held: &Held) -> thread::JoinHandle<ModelWorker> {
    let held = held.clone();
    thread::spawn(move || {
        worker.enter(|| {
            let is_held = || held.is(worker.index());
            match other {
                Other::Works => worker.work_until(is_held),
                Other::Sleeps => worker.sleep_then_work_until(is_held),
                Other::Searches(search) => worker.search_until(search, is_held),
            }
        });
        worker
    })
}

/// An owner pushes two tasks that need a worker each, and never looks again. One of the other two workers sleeps, and is asked
/// at the end whether it still does; what the other one does, `meanwhile` says.
fn the_sleeper_is_woken(meanwhile: impl FnOnce(&ModelWorker) -> Other) {
    let (pool, [owner, other, sleeper]) = workers();
    owner.enter(|| {
        settle(&pool, &owner);
        assert!(!sleeper.lie_down_and_look());
        let held = Held::new();
        let meanwhile = meanwhile(&other);
        let working = until_held(other, meanwhile, &held);
        drop(pool.spawn(held.task()));
        drop(pool.spawn(held.task()));
        drop(working.join().unwrap());
        assert_eq!(pool.asleep(), 0, "nobody has been woken for the second task");
    });
}

#[test]
fn the_second_task_wakes_a_sleeper_though_somebody_searched() {
    check("smp run queue: two pushes beside a searcher and a sleeper", || {
        the_sleeper_is_woken(|other| Other::Searches(other.start_search()));
    });
}

#[test]
fn the_second_task_wakes_the_second_sleeper() {
    check("smp run queue: two pushes beside two sleepers", || {
        the_sleeper_is_woken(|other| {
            assert!(!other.lie_down_and_look());
            Other::Sleeps
        });
    });
}

/// As `the_sleeper_is_woken`, beside two sleepers, where the second is one that lies down meanwhile.
#[test]
fn the_second_task_wakes_who_lies_down_meanwhile() {
    check_with_full_fences(
        "smp run queue: two pushes beside a sleeper, the other one lies down",
        || {
            let (pool, [owner, sleeper, other]) = workers();
            owner.enter(|| {
                settle(&pool, &owner);
                assert!(!sleeper.lie_down_and_look());
                let held = Held::new();
                let first = until_held(sleeper, Other::Sleeps, &held);
                let second = until_held(other, Other::Works, &held);
                drop(pool.spawn(held.task()));
                drop(pool.spawn(held.task()));
                drop([first, second].map(|working| working.join().unwrap()));
            });
        },
    );
}

/// The first task's share takes the question of a worker away that has just asked it and has not looked yet. That one has been
/// counted, and is given the task; what the owner keeps to itself from then on is for the next one who lies down to see.
#[test]
fn a_question_taken_away_before_the_look_leaves_the_next_sleeper_its_fence() {
    check("smp run queue: one lies down beside the first push, another beside the second", || {
        let (pool, [owner, one, next]) = workers();
        owner.enter(|| {
            settle(&pool, &owner);
            let held = Held::new();
            let search = one.start_search();
            let first = until_held(one, Other::Searches(search), &held);
            drop(pool.spawn(held.task()));
            let one = first.join().unwrap();
            let second = until_held(next, Other::Works, &held);
            drop(pool.spawn(held.task()));
            drop([one, second.join().unwrap()]);
        });
    });
}

#[test]
fn the_second_fork_wakes_the_second_sleeper() {
    check("smp run queue: two forks beside two sleepers", || {
        let (pool, [owner, other, sleeper]) = workers();
        owner.enter(|| {
            settle(&pool, &owner);
            assert!(!sleeper.lie_down_and_look());
            assert!(!other.lie_down_and_look());
            let held = Held::new();
            let working = until_held(other, Other::Sleeps, &held);
            let asleep = pool.clone();
            let first_branch = move || {
                let wait = move || {
                    let other = working.join().unwrap();
                    assert_eq!(asleep.asleep(), 0, "nobody has been woken for the second fork");
                    other
                };
                join(wait, || ()).0
            };
            drop(join(first_branch, held.task()));
        });
    });
}
