//! Roles whose idle workers wait in a reactor.

#[path = "../../common/tests/reactors/mod.rs"]
mod reactors;
mod support;

use std::panic::catch_unwind;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_executor::{
    AmpExecutor, BuildError, CallError, IdlePolicy, Role, RoleConfig, SpawnError, spawn_local,
    with_state, yield_now,
};
use reactors::{End, TestReactor, runtime, sleep};
use support::{A, B, C, fake_workers, one_role, two_roles, usable, watchdog};

/// Tasks from outside and from within, futures of both kinds, and a sleep between any two.
fn sum_of_all(amp: &AmpExecutor) -> u64 {
    let role = amp.role(A).unwrap();
    let mut sum = 0;
    for n in 0..50 {
        let again = role.clone();
        let task = role.spawn_future(async move {
            let local = spawn_local(async move {
                yield_now().await;
                with_state(|base: &mut u64| *base + n).unwrap()
            });
            again.call(|| 1).await.unwrap() + local.await.unwrap()
        });
        sum += task.unwrap().join().unwrap();
    }
    sum
}

#[test]
fn everything_runs_whatever_the_reactor_does() {
    watchdog(|| {
        for polls in [0, 1, 2, 3, 10, 50] {
            for end in [End::Returns, End::Panics] {
                let reactor = TestReactor::ending(polls, end);
                let amp = one_role(64).state(A, |_| 0_u64).reactor(A, reactor).build().unwrap();
                assert_eq!(sum_of_all(&amp), 50 * 49 / 2 + 50);
                assert!(amp.shutdown().is_clean());
            }
        }
    });
}

#[test]
fn between_two_polls_the_thread_is_no_worker() {
    watchdog(|| {
        let reactor = TestReactor::calling(|| {
            assert!(catch_unwind(|| drop(spawn_local(async {}))).is_err());
        });
        let amp = one_role(64).state(A, |_| 0_u64).reactor(A, reactor.clone()).build().unwrap();
        assert_eq!(sum_of_all(&amp), 50 * 49 / 2 + 50);
        assert!(amp.shutdown().is_clean());
        assert!(reactor.polls() > 2);
    });
}

#[test]
fn two_workers_share_a_runtime() {
    watchdog(|| {
        let amp = fake_workers(2, 64).reactor(A, runtime()).build().unwrap();
        let role = amp.role(A).unwrap();
        let timers: Vec<_> = (0..10).map(|_| role.spawn_future(sleep(1)).unwrap()).collect();
        timers.into_iter().for_each(|timer| timer.join().unwrap());
    });
}

#[test]
fn timed_tasks_are_not_early_and_come() {
    watchdog(|| {
        let amps = [
            one_role(64).reactor(A, TestReactor::new()).build().unwrap(),
            one_role(64).reactor(A, runtime()).build().unwrap(),
        ];
        for amp in amps {
            let role = amp.role(A).unwrap();
            for wait in [0, 1, 5] {
                let due = Instant::now() + Duration::from_millis(wait);
                let ran = role.spawn_at(due, Instant::now).unwrap().join().unwrap();
                assert!(ran >= due);
            }
            assert!(amp.shutdown().is_clean());
        }
    });
}

#[test]
fn a_role_that_is_never_idle_lets_its_reactor_turn() {
    watchdog(|| {
        let amp = one_role(64).reactor(A, runtime()).build().unwrap();
        let role = amp.role(A).unwrap();
        let stop = amp_executor::CancellationToken::new();
        let stopped = stop.clone();
        let busy = role.spawn_future(async move {
            while !stopped.is_cancelled() {
                yield_now().await;
            }
        });
        let timer = role.spawn_future(sleep(2));
        timer.unwrap().join().unwrap();
        stop.cancel();
        busy.unwrap().join().unwrap();
    });
}

#[test]
fn a_lender_is_called_out_of_its_reactor() {
    watchdog(|| {
        let cores = usable();
        let lender = RoleConfig::new(B).cores([*cores.last().unwrap()]).shared().lend_to(A);
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([cores[0]]).shared())
            .role(lender)
            .reactor(B, TestReactor::new())
            .build()
            .unwrap();
        let role = amp.role(A).unwrap();
        let held = support::hold(&role);
        // Its own worker is held: only the lender can.
        assert_eq!(role.spawn(|| 7).unwrap().join().unwrap(), 7);
        held.release();
    });
}

#[test]
fn the_runtime_s_own_task_may_end_the_executor() {
    watchdog(|| {
        for shuts_down in [false, true] {
            let runtime = runtime();
            let tokio = runtime.handle().clone();
            let amp = one_role(8).reactor(A, runtime).build().unwrap();
            let (done, finished) = mpsc::channel();
            // On the worker's thread, which must not wait for itself.
            tokio.spawn(async move {
                if shuts_down {
                    assert!(amp.shutdown().still_running <= 1);
                }
                done.send(()).unwrap();
            });
            finished.recv().unwrap();
        }
    });
}

#[test]
fn a_worker_whose_reactor_has_no_timers_goes_on_without_it() {
    watchdog(|| {
        let (report, reports) = mpsc::channel();
        let io_alone = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let amp = one_role(64).reactor(A, io_alone);
        let amp =
            amp.on_event(move |event| report.send(event.to_string()).unwrap()).build().unwrap();
        let role = amp.role(A).unwrap();
        let due = Instant::now() + Duration::from_millis(2);
        assert!(role.spawn_at(due, Instant::now).unwrap().join().unwrap() >= due);
        assert!(amp.shutdown().is_clean());
        assert!(reports.try_recv().is_err(), "the worker was not restarted");
    });
}

#[test]
fn what_the_runtime_runs_itself_is_told_of_a_deadlock() {
    watchdog(|| {
        let runtime = runtime();
        let tokio = runtime.handle().clone();
        let amp = one_role(2).reactor(A, runtime).build().unwrap();
        let (role, (done, finished)) = (amp.role(A).unwrap(), mpsc::channel());
        tokio.spawn(async move {
            // The worker that would run it has this thread.
            let called = role.call_blocking(|| ());
            // What was called is cancelled, and still in the channel.
            let queued = role.spawn(|| ());
            let refused = role.spawn(|| ());
            done.send((called, queued, refused.err())).unwrap();
        });
        let (called, queued, refused) = finished.recv().unwrap();
        assert!(matches!(called, Err(CallError::Spawn(SpawnError::WouldDeadlock(_)))));
        queued.unwrap().join().unwrap();
        assert!(matches!(refused, Some(SpawnError::WouldDeadlock(_))));
    });
}

#[test]
fn who_waits_in_a_reactor_does_not_spin() {
    watchdog(|| {
        let amp = two_roles(8).reactor(A, TestReactor::new()).build().unwrap();
        assert_eq!(amp.placement()[0].idle, IdlePolicy::Park);
    });
}

#[test]
fn a_reactor_for_no_role_is_refused() {
    let error = one_role(8).reactor(C, TestReactor::new()).build().unwrap_err();
    let is_named = |role: Role, what: &str| role == C && what == "a reactor";
    assert!(matches!(error, BuildError::NoSuchRole { role, what } if is_named(role, what)));
}
