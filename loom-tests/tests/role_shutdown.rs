//! A whole asymmetric executor at its smallest: spawning, waking and the end of a role.

#![cfg(loom)]

use amp_executor::{AmpExecutor, JoinHandle, SpawnError, yield_now};
use executor_common::sync::thread;
use loom_tests::role::{ROLE, builder, one_core};
use loom_tests::{aside, check};

/// One role, one worker, room for one task.
fn executor() -> AmpExecutor {
    builder([one_core(1)]).build().expect("a model's thread is to be had")
}

/// An executor whose worker has been woken for a future.
fn with_future(future: impl Future<Output = ()> + Send + 'static) -> (AmpExecutor, JoinHandle<()>) {
    let amp = executor();
    let handle = amp.role(ROLE).unwrap().spawn_future(future).unwrap();
    (amp, handle)
}

#[test]
fn the_start_of_a_worker_races_with_the_drop() {
    check("role: start and drop", || drop(executor()));
}

#[test]
fn a_spawned_task_is_run_and_joined() {
    check("role: spawn and join", || {
        let amp = aside(executor);
        assert_eq!(amp.role(ROLE).unwrap().spawn(|| 7).unwrap().join().unwrap(), 7);
        aside(|| drop(amp));
    });
}

#[test]
fn a_spawn_that_races_with_the_shutdown_runs_or_is_refused() {
    check("role: spawn against shutdown", || {
        let amp = aside(executor);
        let role = amp.role(ROLE).unwrap();
        let spawning = thread::spawn(move || match role.spawn(|| 5) {
            Ok(handle) => assert_eq!(handle.join().unwrap(), 5),
            Err(error) => assert_eq!(error, SpawnError::Closed),
        });
        assert!(amp.shutdown().is_clean());
        spawning.join().unwrap();
    });
}

#[test]
fn a_suspended_future_is_cancelled_by_the_drop() {
    check("role: drop beside a suspended future", || {
        let (amp, never) = aside(|| with_future(std::future::pending::<()>()));
        drop(amp);
        assert!(never.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn an_abort_that_races_with_the_shutdown_leaves_nothing() {
    check("role: abort against shutdown", || {
        let (amp, handle) = aside(|| with_future(async { yield_now().await }));
        let abort = handle.abort_handle();
        let aborting = thread::spawn(move || abort.abort());
        assert_eq!(amp.shutdown().still_running, 0);
        aborting.join().unwrap();
        assert!(handle.is_finished());
    });
}
