//! What an executor says of itself.

mod support;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_executor::{
    AmpExecutor, CallError, CancellationToken, ExecutorMetrics, JoinHandle, RoleHandle,
    RoleMetrics, SpawnError, spawn_local, yield_now,
};
use support::{
    A, B, assert_accounted, fill, hold, one_role, two_roles, until, until_after, watchdog,
};

const HOUR: Duration = Duration::from_secs(3600);

fn of(amp: &AmpExecutor) -> RoleMetrics {
    amp.metrics().role(A).unwrap().clone()
}

/// One task of each kind and with each end, by a role whose worker is held.
fn a_bit_of_everything(role: &RoleHandle) -> Vec<JoinHandle<()>> {
    let core = support::usable()[0];
    let own = role.clone();
    let suspends = |times: u32| async move {
        for _ in 0..times {
            yield_now().await;
        }
    };
    let mut tasks = vec![
        role.spawn(|| ()).unwrap(),
        role.spawn(|| panic!("on purpose")).unwrap(),
        role.spawn_future(suspends(0)).unwrap(),
        role.spawn_future(suspends(3)).unwrap(),
        role.spawn_future(async { panic!("on purpose") }).unwrap(),
        role.spawn_on_core(core, || ()).unwrap(),
        role.spawn_keyed("key", || ()).unwrap(),
        role.with_priority(amp_executor::Priority::High).spawn(|| ()).unwrap(),
        role.with_time_to_live(Duration::ZERO).spawn(|| ()).unwrap(),
        role.with_time_to_live(Duration::ZERO).spawn_future(async {}).unwrap(),
        role.spawn_at(Instant::now(), || ()).unwrap(),
        role.spawn_at(Instant::now() + HOUR, || ()).unwrap(),
        role.spawn_local(move || suspends(2)).unwrap(),
    ];
    let aborted = [role.spawn(|| ()).unwrap(), role.spawn_future(std::future::pending()).unwrap()];
    aborted.iter().for_each(JoinHandle::abort);
    tasks.extend(aborted);
    tasks.extend(role.try_spawn_batch([|| (); 3]).handles);
    drop(role.spawn_every(HOUR, || ()).unwrap());
    // Joined in place, all but two. At the end the role may be closed.
    let nested = move || {
        drop(own.spawn(|| ()).map(JoinHandle::join));
        drop(own.spawn_future(suspends(2)).map(JoinHandle::join));
        drop(own.call_blocking(|| ()));
        spawn_local(suspends(2)).join().unwrap();
        drop(spawn_local(suspends(2)));
        drop(own.spawn_future(suspends(2)));
    };
    tasks.push(role.spawn(nested).unwrap());
    tasks
}

/// Whatever became of it: each admitted task is in one of the four.
#[test]
fn everything_that_was_admitted_is_accounted_for() {
    watchdog(|| {
        for round in 0..200 {
            let amp = two_roles(64).build().unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            let tasks = a_bit_of_everything(&role);
            let suspended = role.spawn_future(std::future::pending::<()>()).unwrap();
            if round % 4 == 0 {
                // Nothing would end it.
                suspended.abort();
            }
            let handle = amp.handle();
            match round % 4 {
                0 => {
                    held.release();
                    assert_eq!(amp.shutdown().still_running, 0);
                }
                1 => {
                    let report = amp.shutdown_timeout(Duration::ZERO);
                    assert_eq!(report.still_running, 1, "{report}");
                    held.release();
                    drop(amp);
                    // The shutdown has given the thread up.
                    until(|| handle.metrics().role(A).unwrap().completed > 0);
                }
                2 => {
                    let dropper = std::thread::spawn(move || drop(amp));
                    until(|| role.is_closed());
                    held.release();
                    dropper.join().unwrap();
                }
                _ => {
                    held.release();
                    until(|| handle.metrics().role(A).unwrap().completed > 12);
                    drop(amp);
                }
            }
            for task in tasks.into_iter().chain([suspended]) {
                assert!(task.is_finished());
            }
            assert_accounted(&handle.metrics());
            let metrics = handle.metrics();
            assert_eq!((metrics.live_futures, metrics.role(A).unwrap().timed), (0, 0));
            assert_eq!(metrics.role(A).unwrap().queue_depth, 0);
        }
    });
}

/// The same of a role that is drained, to the last number.
#[test]
fn each_end_in_its_own_place() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = two_roles(64).build().unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            let mut tasks = a_bit_of_everything(&role);
            held.release();
            tasks.pop().unwrap().join().unwrap();
            drop(tasks);
            assert_eq!(amp.drain_role(A).unwrap().still_running, 0);
            let of_role = of(&amp);
            assert_accounted(&amp.metrics());
            assert_eq!(of_role.expired, 2);
            assert_eq!(of_role.cancelled, 3, "two aborted ones, and one that is due in an hour");
            assert_eq!(of_role.claimed, 2, "closures that were run in place");
            // The held one; the first eight; the timed one; the local one; the batch; the periodic one; the last one and four futures of
            // its own, two of them in place.
            assert_eq!(of_role.completed, 1 + 8 + 1 + 1 + 3 + 1 + 5);
            assert_eq!(amp.metrics().workers[0].panics, 2);
            assert!(of_role.tasks_run > of_role.completed, "futures were polled more than once");
        }
    });
}

#[test]
fn refusals_are_counted_by_their_reason() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.clone();
        role.spawn(move || {
            fill(&own);
            assert!(own.try_spawn(|| ()).unwrap_err().is_full());
            assert!(own.try_spawn_future(async {}).unwrap_err().is_full());
            assert_eq!(own.try_spawn_batch([|| (); 3]).refused.len(), 3);
            assert!(own.spawn_timeout(Duration::ZERO, || ()).unwrap_err().is_full());
            for error in [own.spawn(|| ()).unwrap_err(), own.spawn_future(async {}).unwrap_err()] {
                assert!(matches!(error, SpawnError::WouldDeadlock(_)));
            }
            let called = own.call_blocking(|| ()).unwrap_err();
            assert!(matches!(called, CallError::Spawn(SpawnError::WouldDeadlock(_))));
        })
        .unwrap()
        .join()
        .unwrap();
        let of_role = of(&amp);
        assert_eq!((of_role.timed_out, of_role.would_deadlock, of_role.rejected_closed), (1, 3, 0));
        assert_eq!(of_role.rejected, 5 + 1 + 3, "all that there was no room for");
        assert!(amp.shutdown().is_clean());
        assert!(role.try_spawn(|| ()).unwrap_err().is_closed());
        assert_eq!(role.spawn(|| ()).unwrap_err(), SpawnError::Closed);
        assert!(role.spawn_timeout(HOUR, || ()).unwrap_err().is_closed());
        assert_eq!(amp_executor::block_on(role.spawn_wait(|| ())).unwrap_err(), SpawnError::Closed);
        let of_role = of(&amp);
        assert_eq!((of_role.rejected_closed, of_role.rejected), (4, 9));
        assert_eq!(of_role.admitted, 3);
        assert_accounted(&amp.metrics());
    });
}

/// A call that is taken back was admitted, and is none of those that there was no room for.
#[test]
fn a_hopeless_call_was_not_refused() {
    watchdog(|| {
        let amp = two_roles(4).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let (to_a, to_b) = (a.clone(), b.clone());
        drop(
            a.spawn(move || to_b.call_blocking(move || to_a.call_blocking(|| ()))).unwrap().join(),
        );
        let _ = amp.shutdown();
        let metrics = amp.metrics();
        assert_accounted(&metrics);
        let sum = |of: fn(&RoleMetrics) -> u64| metrics.roles.iter().map(of).sum::<u64>();
        assert_eq!((sum(|role| role.would_deadlock), sum(|role| role.rejected)), (1, 0));
    });
}

#[test]
fn depth_capacity_and_what_is_timed() {
    watchdog(|| {
        let amp = one_role(5).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        let queued = fill(&role);
        let timed = [1, 2].map(|_| role.spawn_at(Instant::now() + HOUR, || ()).unwrap());
        let of_role = of(&amp);
        assert_eq!((of_role.queue_depth, of_role.capacity, of_role.timed), (5, 5, 2));
        assert_eq!((of_role.workers, of_role.admitted, of_role.completed), (1, 8, 0));
        held.release();
        queued.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(of(&amp).queue_depth, 0);
        drop(timed);
    });
}

#[test]
fn futures_that_live() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let token = CancellationToken::new();
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let wait = token.child_token();
                role.spawn_future(async move { wait.cancelled().await }).unwrap()
            })
            .collect();
        until(|| amp.metrics().live_futures == 5);
        token.cancel();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(amp.metrics().live_futures, 0);
    });
}

#[test]
fn delays_are_measured_only_if_asked() {
    watchdog(|| {
        let long = Duration::from_millis(2);
        for measures in [false, true] {
            let amp = one_role(64).measure_delays(measures).build().unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            let queued: Vec<_> = (0..10)
                .map(|number| {
                    role.spawn(move || {
                        if number == 4 {
                            until_after(Instant::now() + long);
                        }
                    })
                    .unwrap()
                })
                .collect();
            let stale = role.with_time_to_live(Duration::ZERO).spawn(|| ()).unwrap();
            until_after(Instant::now() + long);
            held.release();
            queued.into_iter().for_each(|task| task.join().unwrap());
            assert!(stale.join().unwrap_err().is_expired());
            let _ = amp.shutdown();
            let metrics = amp.metrics();
            let (of_role, of_worker) = (metrics.role(A).unwrap(), &metrics.workers[0]);
            assert_eq!(of_role.queue_wait, of_worker.queue_wait);
            assert_eq!(of_role.run_time, of_worker.run_time);
            if measures {
                let (wait, run) =
                    (of_role.queue_wait.as_ref().unwrap(), of_role.run_time.as_ref().unwrap());
                assert_eq!((wait.count, run.count), (12, 12));
                assert!(wait.p50 >= long && wait.max >= long, "{wait:?}");
                assert!(run.max >= long && run.p50 <= run.max, "{run:?}");
                assert_eq!(of_worker.longest_task, run.max);
            } else {
                assert_eq!((&of_role.queue_wait, &of_role.run_time), (&None, &None));
                assert_eq!(of_worker.longest_task, Duration::ZERO);
            }
        }
    });
}

#[test]
fn lateness_is_known_once_there_is_some() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        role.spawn(|| ()).unwrap().join().unwrap();
        assert_eq!(of(&amp).lateness, None);
        let held = hold(&role);
        let late = Duration::from_millis(3);
        let task = role.spawn_at(Instant::now(), || ()).unwrap();
        until_after(Instant::now() + late);
        held.release();
        task.join().unwrap();
        let _ = amp.shutdown();
        let lateness = of(&amp).lateness.unwrap();
        assert_eq!(lateness.count, 1);
        assert!(lateness.max >= late, "{lateness:?}");
    });
}

/// One of two is busy: the worst there is.
#[test]
fn imbalance_and_utilisation() {
    watchdog(|| {
        let amp = two_roles(8).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        assert_eq!(amp.metrics().imbalance(), 1.0, "nobody was busy");
        let held = hold(&a);
        until(|| !of(&amp).busy.is_zero());
        let metrics = amp.metrics();
        assert!((metrics.imbalance() - 2.0).abs() < 1e-9, "{}", metrics.imbalance());
        let of_a = metrics.role(A).unwrap();
        assert!(of_a.utilisation > 0.0 && metrics.utilisation() < of_a.utilisation);
        assert_eq!(metrics.role(B).unwrap().utilisation, 0.0);
        // In a task the busy time grows.
        let busy = of(&amp).busy;
        until(|| of(&amp).busy > busy);
        held.release();
        b.spawn(|| until_after(Instant::now() + Duration::from_micros(100)))
            .unwrap()
            .join()
            .unwrap();
        assert!(amp.shutdown().is_clean());
        assert!(amp.metrics().imbalance() < 2.0);
    });
}

#[test]
fn each_worker_says_whose_it_is() {
    let amp = support::fake_workers(3, 8).build().unwrap();
    let metrics: ExecutorMetrics = amp.metrics();
    let workers: Vec<_> =
        metrics.workers.iter().map(|worker| (worker.index, worker.role, worker.core)).collect();
    assert_eq!(workers, [0, 1, 2].map(|core| (core, Some(A), Some(core))));
    assert_eq!(metrics.role(A).unwrap().workers, 3);
    assert!(metrics.role(B).is_none());
}

/// Readers do not disturb, and a sum never goes back.
#[test]
fn a_snapshot_at_any_time() {
    watchdog(|| {
        let amp = two_roles(16).measure_delays(true).build().unwrap();
        let handle = amp.handle();
        let (stop, stopped) = mpsc::channel::<()>();
        let reader = std::thread::spawn(move || {
            let mut last = RoleMetrics::default();
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                let now = handle.metrics().role(A).unwrap().clone();
                for (before, after) in [
                    (last.admitted, now.admitted),
                    (last.completed, now.completed),
                    (last.tasks_run, now.tasks_run),
                ] {
                    assert!(before <= after);
                }
                // What is read first is no newer than what is read last.
                assert!(now.completed <= handle.metrics().role(A).unwrap().admitted);
                last = now;
            }
        });
        let role = amp.role(A).unwrap();
        for _ in 0..2_000 {
            role.spawn(|| ()).unwrap().join().unwrap();
        }
        drop(stop);
        reader.join().unwrap();
    });
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_as_json() {
    watchdog(|| {
        let amp = one_role(8).measure_delays(true).build().unwrap();
        amp.role(A).unwrap().spawn(|| ()).unwrap().join().unwrap();
        assert!(amp.shutdown().is_clean());
        let json = serde_json::to_value(amp.metrics()).unwrap();
        let role = &json["roles"][0];
        assert_eq!((&role["role"], &role["admitted"]), (&"a".into(), &1.into()));
        assert_eq!((&role["completed"], &role["lateness"]), (&1.into(), &serde_json::Value::Null));
        assert_eq!(role["run_time"]["count"], 1);
        assert_eq!(json["workers"][0]["core"], support::usable()[0]);
    });
}
