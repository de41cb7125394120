//! The end of a pool: what was accepted runs or is cancelled, and every handle learns which.

#![cfg(loom)]

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, thread};
use loom_tests::check;
use smp_executor::SmpExecutor;
use smp_executor::model::pool;

#[test]
fn a_spawn_that_races_with_the_drop_runs_or_is_cancelled() {
    check("smp shutdown: spawn against drop", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let handle = executor.handle();
        let spawning = thread::spawn(move || match handle.spawn(|| 7).join() {
            Ok(result) => assert_eq!(result, 7),
            Err(error) => assert!(error.is_cancelled()),
        });
        drop(executor);
        spawning.join().unwrap();
    });
}

#[test]
fn a_spawn_that_races_with_the_drain_runs_or_is_cancelled() {
    check("smp shutdown: spawn against drain", || {
        let (pool, workers) = pool(1);
        let working = thread::spawn(move || workers.into_iter().for_each(|worker| worker.run()));
        let spawning = {
            let pool = pool.clone();
            thread::spawn(move || {
                if let Err(error) = pool.spawn(|| 7).join() {
                    assert!(error.is_cancelled());
                }
            })
        };
        pool.drain();
        spawning.join().unwrap();
        working.join().unwrap();
    });
}

#[test]
fn a_drain_runs_what_was_accepted_before() {
    check("smp shutdown: drain of a queued task", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        drop(executor.spawn(move || counted.fetch_add(1, Ordering::Relaxed)));
        assert!(executor.shutdown().is_clean());
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_suspended_future_is_cancelled_by_the_drop() {
    check("smp shutdown: drop beside a suspended future", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let never = executor.spawn_future(std::future::pending::<()>());
        drop(executor);
        assert!(never.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn the_last_of_two_workers_ends_a_drained_pool() {
    check("smp shutdown: drain of two workers", || {
        let (pool, workers) = pool(2);
        let working: Vec<_> =
            workers.into_iter().map(|worker| thread::spawn(move || worker.run())).collect();
        pool.drain();
        for worker in working {
            worker.join().unwrap();
        }
    });
}

#[test]
fn a_broadcast_that_races_with_the_drop_returns() {
    check("smp shutdown: broadcast against stop", || {
        let (pool, workers) = pool(1);
        let working = thread::spawn(move || workers.into_iter().for_each(|worker| worker.run()));
        let stopping = {
            let pool = pool.clone();
            thread::spawn(move || pool.stop())
        };
        // With a result from the worker, or from nobody.
        assert!(pool.broadcast(|index| index).len() <= 1);
        stopping.join().unwrap();
        working.join().unwrap();
    });
}

#[test]
fn mail_that_races_with_the_stop_is_cancelled() {
    // Three threads meet here: who stops the pool, the worker that has seen it and looks into its box for the last time, and who
    // leaves mail there and has not seen it.
    check("smp shutdown: mail against stop", || {
        let (pool, mut workers) = pool(1);
        let worker = workers.pop().expect("a pool of one");
        let leaving = thread::spawn(move || {
            let mut has_left = false;
            worker.enter(|| has_left = worker.leave_if_stopping());
            (worker, has_left)
        });
        let stopping = {
            let pool = pool.clone();
            thread::spawn(move || pool.stop())
        };
        let mail = pool.spawn_on(0, || ());
        stopping.join().unwrap();
        let (worker, has_left) = leaving.join().unwrap();
        assert!(!has_left || mail.is_finished(), "nobody comes for the mail");
        drop(worker);
    });
}
