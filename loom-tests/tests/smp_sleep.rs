//! The sleep protocol: never do all workers sleep beside a queue that is not empty.
//!
//! A lost wake-up shows as a deadlock, which loom reports. The deque is the fence-free port, so that the fences
//! of the protocol are all there is between a push and a look at who sleeps.

#![cfg(loom)]

use executor_common::Parker;
use executor_common::sync::thread;
use loom_tests::{Done, check};
use smp_executor::model::{ModelPool, ModelWorker, pool};
use smp_executor::{JoinHandle, Priority, SmpExecutor};

/// Two workers out of a pool of two.
fn two(workers: Vec<ModelWorker>) -> [ModelWorker; 2] {
    workers.try_into().expect("a pool of two has two workers")
}

#[test]
fn a_push_from_outside_reaches_a_worker_that_lies_down() {
    check("smp sleep: outside push, falling asleep", || {
        let (pool, workers) = pool(1);
        let done = Done::new();
        let work = done.one();
        let pushing = thread::spawn(move || drop(pool.spawn(work)));
        workers[0].enter(|| workers[0].work_until(|| done.is(1)));
        pushing.join().unwrap();
    });
}

#[test]
fn a_worker_s_push_reaches_another_that_lies_down() {
    check("smp sleep: worker's push, falling asleep", || {
        let (pool, workers) = pool(2);
        let [pusher, other] = two(workers);
        let done = Done::new();
        let work = done.one();
        // The pusher does nothing else afterwards: a worker that is taken by a long task.
        let pushing = thread::spawn(move || {
            pusher.enter(|| drop(pool.spawn(work)));
            pusher
        });
        other.enter(|| other.work_until(|| done.is(1)));
        drop(pushing.join().unwrap());
    });
}

#[test]
fn two_pushes_at_once_are_both_served_by_one_worker() {
    check("smp sleep: two pushers, one worker", || {
        let (pool, workers) = pool(1);
        let done = Done::new();
        let pushing = [done.one(), done.one()].map(|work| {
            let pool = pool.clone();
            thread::spawn(move || drop(pool.spawn(work)))
        });
        workers[0].enter(|| workers[0].work_until(|| done.is(2)));
        for pushing in pushing {
            pushing.join().unwrap();
        }
    });
}

/// Two tasks from outside, so that one worker may find both. Whoever runs the first, whose handle this returns, is stuck until
/// the other worker runs the second, which ends the pool.
fn spawn_two_that_need_two_workers(pool: &ModelPool) -> JoinHandle<()> {
    let parker = Parker::new();
    let unparker = parker.unparker();
    let stuck = pool.spawn(move || parker.park());
    let ending = pool.clone();
    drop(pool.spawn(move || {
        unparker.unpark();
        // The end of a pool has models of its own.
        loom::stop_exploring();
        ending.stop();
    }));
    stuck
}

#[test]
fn the_last_searcher_calls_the_next_for_what_is_left() {
    check("smp sleep: two tasks that need two workers", || {
        let (pool, workers) = pool(2);
        let [first, second] = two(workers);
        let stuck = spawn_two_that_need_two_workers(&pool);
        let working = thread::spawn(move || first.run());
        second.run();
        working.join().unwrap();
        assert!(stuck.is_finished());
    });
}

#[test]
fn who_gets_up_for_two_pushes_calls_the_other() {
    check("smp sleep: two pushes, both workers falling asleep", || {
        let (pool, workers) = pool(2);
        let [first, second] = two(workers);
        let working = [first, second].map(|worker| thread::spawn(move || worker.run()));
        let stuck = spawn_two_that_need_two_workers(&pool);
        for working in working {
            working.join().unwrap();
        }
        assert!(stuck.is_finished());
    });
}

#[test]
fn a_call_by_name_reaches_its_worker() {
    check("smp sleep: broadcast, falling asleep", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        assert_eq!(executor.broadcast(|index| index), [0]);
    });
}

#[test]
fn a_task_from_outside_is_run_and_joined() {
    check("smp sleep: spawn and join", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        assert_eq!(executor.spawn(|| 7).join().unwrap(), 7);
    });
}

#[test]
fn a_future_woken_from_outside_is_polled_again() {
    check("smp sleep: foreign wake-up of a future", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let token = executor_common::CancellationToken::new();
        let waiting = executor.spawn_future(token.cancelled());
        token.cancel();
        waiting.join().unwrap();
    });
}

#[test]
fn a_push_during_a_search_is_not_left_behind() {
    check("smp sleep: push against the end of a search", || {
        let (pool, workers) = pool(2);
        let [searcher, sleeper] = two(workers);
        sleeper.lie_down();
        let search = searcher.start_search();
        // The searcher has found something else, which holds it from now on.
        let searching = thread::spawn(move || {
            search.end();
            searcher
        });
        let handle = pool.spawn(|| ());
        drop(searching.join().unwrap());
        assert_eq!(pool.asleep(), 0, "nobody has been woken for the push");
        drop(handle);
    });
}

/// A push from outside against a worker that lies down, perhaps while the other one is counted as searching and ends that.
fn a_push_of(priority: Priority, beside_a_searcher: bool) {
    let (pool, workers) = pool(2);
    let [searcher, worker] = two(workers);
    let done = Done::new();
    let work = done.one();
    // Counted from the beginning: the worker may not search then.
    let search = beside_a_searcher.then(|| searcher.start_search());
    let outside = thread::spawn(move || {
        drop(pool.spawn_with(priority, work));
        if let Some(search) = search {
            search.end();
        }
        searcher
    });
    worker.enter(|| worker.work_until(|| done.is(1)));
    drop(outside.join().unwrap());
}

#[test]
fn a_push_of_any_priority_reaches_a_worker_that_lies_down() {
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        check(&format!("smp sleep: push, {priority:?}, falling asleep"), move || {
            a_push_of(priority, false);
        });
    }
}

#[test]
fn a_push_of_any_priority_is_found_by_who_may_not_search() {
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        check(&format!("smp sleep: push, {priority:?}, beside a searcher"), move || {
            a_push_of(priority, true);
        });
    }
}

#[test]
fn a_worker_s_push_of_a_priority_reaches_another_that_lies_down() {
    for priority in [Priority::High, Priority::Low] {
        check(&format!("smp sleep: worker's push, {priority:?}, falling asleep"), move || {
            let (pool, workers) = pool(2);
            let [pusher, other] = two(workers);
            let done = Done::new();
            let work = done.one();
            let pushing = thread::spawn(move || {
                pusher.enter(|| drop(pool.spawn_with(priority, work)));
                pusher
            });
            other.enter(|| other.work_until(|| done.is(1)));
            drop(pushing.join().unwrap());
        });
    }
}

#[test]
fn of_two_workers_one_searches_at_a_time() {
    check("smp sleep: two begin to search", || {
        let (pool, workers) = pool(2);
        let [here, there] = two(workers);
        let other = thread::spawn(move || {
            let search = there.try_start_search();
            (there, search)
        });
        let search = here.try_start_search();
        let (there, other) = other.join().unwrap();
        assert!(search.is_some() != other.is_some(), "half of the workers, and at least one");
        search.into_iter().chain(other).for_each(|search| search.forget());
        drop((here, there, pool));
    });
}
