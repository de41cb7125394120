//! A whole asymmetric executor at its smallest: spawning, waking and the end of a role.

#![cfg(loom)]

use amp_executor::model::ModelAmp;
use amp_executor::{AmpExecutor, JoinHandle, RoleConfig, SpawnError, yield_now};
use executor_common::Parker;
use executor_common::sync::thread;
use loom_tests::role::{ROLE, builder, model, one_core};
use loom_tests::{Pause, aside, check};

/// One role, one worker, room for one task.
fn executor() -> AmpExecutor {
    builder([one_core(1)]).build().expect("a model's thread is to be had")
}

/// An executor whose worker polls a future. What comes before the poll is the subject of others.
fn with_future(future: impl Future<Output = ()> + Send + 'static) -> (AmpExecutor, JoinHandle<()>) {
    loom::stop_exploring();
    let amp = executor();
    let begun = Parker::new();
    let unparker = begun.unparker();
    let begins = async move {
        // From here on, and not from where the other thread goes on: by then this one may be asleep already.
        loom::explore();
        unparker.unpark();
        future.await;
    };
    let handle = amp.role(ROLE).unwrap().spawn_future(begins).unwrap();
    begun.park();
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
        let (amp, never) = with_future(std::future::pending::<()>());
        drop(amp);
        assert!(never.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn an_abort_that_races_with_the_shutdown_leaves_nothing() {
    check("role: abort against shutdown", || {
        let (amp, handle) = with_future(async { yield_now().await });
        let abort = handle.abort_handle();
        let aborting = thread::spawn(move || abort.abort());
        assert_eq!(amp.shutdown().still_running, 0);
        aborting.join().unwrap();
        assert!(handle.is_finished());
    });
}

/// Two workers that stay for a future though their role is closed. They fall asleep.
fn two_that_stay(
    future: impl Future<Output = ()> + Send + 'static,
) -> (ModelAmp, [thread::JoinHandle<()>; 2], JoinHandle<()>) {
    let (amp, [first, second]) = model([RoleConfig::new(ROLE).cores([0, 1]).capacity(1)]);
    let handle = amp.handle().role(ROLE).unwrap().try_spawn_future(future).unwrap();
    first.enter(|| assert!(first.run_next()));
    amp.close(ROLE);
    let working = [first, second].map(|worker| thread::spawn(move || worker.run()));
    aside(thread::yield_now);
    (amp, working, handle)
}

#[test]
fn the_end_of_the_last_future_releases_all_workers() {
    check("role: future woken beside two workers that stay", || {
        let pause = Pause::new();
        let (_amp, working, handle) = two_that_stay(pause.wait());
        pause.waker().expect("it has been polled").wake();
        for each in working {
            each.join().unwrap();
        }
        handle.join().unwrap();
    });
}

/// The future may be cancelled by neither of them, but by who ends the role.
#[test]
fn the_cancellation_of_the_last_future_releases_all_workers() {
    check("role: cancel beside two workers that stay", || {
        let (amp, working, handle) = two_that_stay(std::future::pending());
        amp.stop(ROLE);
        aside(|| {
            amp.cancel_waiting(ROLE);
            for each in working {
                each.join().unwrap();
            }
        });
        assert!(handle.join().unwrap_err().is_cancelled());
    });
}

/// The task may be queued, about to begin, or running when the time is up.
#[test]
fn an_end_whose_time_is_up_knows_what_runs() {
    check("role: time is up beside a task", || {
        let (amp, [worker]) = model([one_core(1)]);
        let handle = amp.handle().role(ROLE).unwrap().try_spawn(|| ()).unwrap();
        let working = thread::spawn(move || {
            worker.enter(|| _ = worker.run_next());
            aside(|| worker.run());
        });
        if amp.cut_short(ROLE) == 0 {
            assert!(handle.is_finished(), "nobody runs it, and nobody has ended it");
        }
        working.join().unwrap();
        if let Err(error) = handle.join() {
            assert!(error.is_cancelled());
        }
    });
}
