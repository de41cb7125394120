//! What borrows from a frame that waits: a scope's tasks and a computation taken to the pool, beside a cancel and the end.

#![cfg(loom)]

use executor_common::CancellationToken;
use executor_common::sync::{Arc, thread};
use loom_tests::{Plain, Witness, aside, check, check_with_full_fences};
use smp_executor::SmpExecutor;
use smp_executor::model::{ModelWorker, pool};

/// The task may be with a thief, or in the owner's own queue. The token is made before both: a scope makes its own behind the
/// standard library's `OnceLock`, whose edges loom does not see.
#[test]
fn a_scope_s_cancel_against_the_run_of_its_task() {
    check_with_full_fences("smp borrowed: cancel of a scope against its task", || {
        let (pool, workers) = pool(2);
        let [owner, other]: [ModelWorker; 2] = workers.try_into().expect("a pool of two");
        let helping = thread::spawn(move || other.run());
        owner.enter(|| {
            let (ran, (witness, dropped)) = (Plain::new(), Witness::new());
            let token = CancellationToken::new();
            smp_executor::scope_with_token(&token, |scope| {
                let ran = &ran;
                scope.spawn(move |_| {
                    let _witness = witness;
                    ran.increment();
                });
                token.cancel();
            });
            assert!(ran.get() <= 1);
            assert_eq!(dropped.get(), 1, "nothing of it is left behind the scope");
        });
        // The end of a pool has models of its own.
        aside(|| {
            pool.stop();
            helping.join().unwrap();
        });
    });
}

#[test]
fn a_computation_that_is_taken_to_a_pool_at_its_end_runs_once() {
    check("smp borrowed: install against shutdown", || {
        let executor = Arc::new(SmpExecutor::builder().workers(1).build().unwrap());
        let ending = {
            let executor = Arc::clone(&executor);
            thread::spawn(move || executor.shutdown())
        };
        let ran = Plain::new();
        executor.install(|| ran.increment());
        assert_eq!(ran.get(), 1);
        assert_eq!(ending.join().unwrap().still_running, 0);
    });
}

#[test]
fn a_call_by_name_that_races_with_the_end_runs_or_is_cancelled() {
    check("smp borrowed: spawn on a worker against drop", || {
        let executor = SmpExecutor::builder().workers(1).build().unwrap();
        let (handle, (witness, dropped)) = (executor.handle(), Witness::new());
        let calling = thread::spawn(move || {
            let task = handle.spawn_on(0, move || drop(witness));
            if let Err(error) = task.join() {
                assert!(error.is_cancelled());
            }
        });
        drop(executor);
        calling.join().unwrap();
        assert_eq!(dropped.get(), 1);
    });
}
