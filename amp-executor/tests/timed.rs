//! Tasks that run at an instant.

mod support;

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, IdlePolicy, RoleConfig, TrySpawnError, yield_now};
use support::{
    A, B, Log, TellsDrop, assert_accounted, fake_core, fake_workers, hold, one_role, two_roles,
    until, until_after, usable, watchdog,
};

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn never_before_it_is_due() {
    watchdog(|| {
        for idle in [IdlePolicy::Park, IdlePolicy::Backoff, IdlePolicy::Spin] {
            for window in [Duration::ZERO, 50 * US, 5 * MS] {
                let role = RoleConfig::new(A).cores([*usable().last().unwrap()]);
                let amp = AmpExecutor::builder()
                    .role(role.idle(idle).spin_window(window))
                    .build()
                    .unwrap();
                let role = amp.role(A).unwrap();
                for microseconds in [0, 1, 2, 3, 10, 40, 60, 100, 300, 1_000] {
                    for _ in 0..5 {
                        let due = Instant::now() + microseconds * US;
                        let began = role.spawn_at(due, Instant::now).unwrap().join().unwrap();
                        assert!(began >= due);
                    }
                }
                assert!(amp.shutdown().is_clean());
                let lateness = amp.metrics().role(A).unwrap().lateness.clone().unwrap();
                assert_eq!(lateness.count, 50);
            }
        }
    });
}

#[test]
fn in_the_order_of_the_due_times() {
    watchdog(|| {
        let amp = one_role(1_024).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..20 {
            let held = hold(&role);
            let begun = Arc::new(Mutex::new(Vec::new()));
            let start = Instant::now();
            // 0 to 499 in disorder, some of them due at one instant, which keep their order.
            let tasks: Vec<_> = (0..500_u32)
                .map(|number| {
                    let due = start + (number * 173 % 500 / 2) * 10 * US;
                    let begun = Arc::clone(&begun);
                    role.spawn_at(due, move || {
                        begun.lock().unwrap().push((due, number, Instant::now()));
                    })
                    .unwrap()
                })
                .collect();
            assert_eq!(amp.metrics().role(A).unwrap().timed, 500);
            held.release();
            for task in tasks {
                task.join().unwrap();
            }
            let begun = begun.lock().unwrap();
            assert!(begun.is_sorted_by_key(|(due, number, _)| (*due, *number)));
            assert!(begun.iter().all(|(due, _, began)| began >= due));
        }
    });
}

#[test]
fn what_is_past_runs_at_once() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            for ago in [Duration::ZERO, US, MS, HOUR] {
                let Some(due) = Instant::now().checked_sub(ago) else { continue };
                assert_eq!(role.spawn_at(due, || "ran").unwrap().join().unwrap(), "ran");
            }
        }
    });
}

/// A worker that sleeps until something late is woken for what comes before.
#[test]
fn a_sleeping_worker_hears_of_an_earlier_time() {
    watchdog(|| {
        for idle in [IdlePolicy::Park, IdlePolicy::Backoff] {
            let role = RoleConfig::new(A).cores([usable()[0]]).idle(idle);
            let amp = AmpExecutor::builder().role(role).build().unwrap();
            let role = amp.role(A).unwrap();
            let last = role.spawn_at(Instant::now() + HOUR, || {}).unwrap();
            for _ in 0..200 {
                support::until_asleep(&amp);
                let due = Instant::now() + 300 * US;
                assert!(role.spawn_at(due, Instant::now).unwrap().join().unwrap() >= due);
            }
            assert!(!last.is_finished());
        }
    });
}

#[test]
fn room_for_timed_tasks_is_bounded() {
    watchdog(|| {
        let amp = one_role(3).build().unwrap();
        let role = amp.role(A).unwrap();
        let later = Instant::now() + HOUR;
        let waiting: Vec<_> = (0..3).map(|_| role.spawn_at(later, || {}).unwrap()).collect();
        let TrySpawnError::Full(f) = role.spawn_at(later, || "kept").unwrap_err() else { panic!() };
        assert_eq!(f(), "kept");
        assert!(role.spawn_every(HOUR, || {}).unwrap_err().is_full());
        // The room of others is not touched.
        assert_eq!(role.spawn(|| 1).unwrap().join().unwrap(), 1);
        let metrics = amp.metrics();
        let of_role = metrics.role(A).unwrap();
        assert_eq!((of_role.timed, of_role.rejected, of_role.admitted), (3, 2, 4));
        let report = amp.shutdown();
        assert_eq!(report.cancelled, 3, "{report}");
        for task in waiting {
            assert!(task.join().unwrap_err().is_cancelled());
        }
        let TrySpawnError::Closed(f) = role.spawn_at(later, || "back").unwrap_err() else {
            panic!()
        };
        assert_eq!(f(), "back");
        assert!(role.spawn_every(HOUR, || {}).unwrap_err().is_closed());
        let metrics = amp.metrics();
        assert_eq!(metrics.role(A).unwrap().rejected_closed, 2);
        assert_accounted(&metrics);
    });
}

/// As soon as the role is closed, though its worker has not come to that yet.
#[test]
fn a_closed_role_takes_no_timed_task() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = one_role(8).build().unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            let closer = std::thread::spawn(move || amp.shutdown());
            until(|| role.is_closed());
            assert!(role.spawn_at(Instant::now(), || {}).unwrap_err().is_closed());
            assert!(role.spawn_every(HOUR, || {}).unwrap_err().is_closed());
            held.release();
            assert!(closer.join().unwrap().is_clean());
        }
    });
}

#[test]
fn an_aborted_one_never_runs() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let (tell, told) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let task = role
                .spawn_at(Instant::now() + MS, move || {
                    let _keep = &on_drop;
                    unreachable!("it has been aborted")
                })
                .map_err(drop)
                .unwrap();
            task.abort();
            let error: amp_executor::JoinError = task.join().unwrap_err();
            assert!(error.is_cancelled());
            told.try_recv().unwrap();
        }
        let _ = amp.shutdown();
        assert_eq!(amp.metrics().role(A).unwrap().cancelled, 100);
    });
}

#[test]
fn each_way_to_end_cancels_what_is_not_due() {
    watchdog(|| {
        for round in 0..100 {
            let amp = two_roles(8).build().unwrap();
            let role = amp.role(A).unwrap();
            let (tell, told) = mpsc::channel();
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let on_drop = TellsDrop(tell.clone());
                    role.spawn_at(Instant::now() + HOUR, move || drop(on_drop)).unwrap()
                })
                .collect();
            drop(tell);
            let handle = amp.handle();
            match round % 4 {
                0 => assert_eq!(amp.shutdown().cancelled, 4),
                1 => assert_eq!(amp.shutdown_timeout(HOUR).cancelled, 4),
                2 => assert_eq!(amp.drain_role(A).unwrap().cancelled, 4),
                _ => drop(amp),
            }
            assert_eq!(told.try_iter().count(), 4);
            for task in tasks {
                assert!(task.join().unwrap_err().is_cancelled());
            }
            assert_accounted(&handle.metrics());
        }
    });
}

/// What was due before the close, and waits for the worker, is run as anything else that was accepted.
#[test]
fn what_is_due_when_the_role_is_closed() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = one_role(8).build().unwrap();
            let role = amp.role(A).unwrap();
            let held = hold(&role);
            let due = role.spawn_at(Instant::now(), || "ran").unwrap();
            let not_due = role.spawn_at(Instant::now() + HOUR, || {}).unwrap();
            let closer = std::thread::spawn(move || amp.shutdown());
            until(|| role.is_closed());
            held.release();
            assert_eq!(due.join().unwrap(), "ran");
            assert!(not_due.join().unwrap_err().is_cancelled());
            assert_eq!(closer.join().unwrap().cancelled, 1);
        }
    });
}

#[test]
fn for_one_core_or_for_each_in_turn() {
    watchdog(|| {
        let amp = fake_workers(4, 16).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            for core in 0..4 {
                let there = role.on_core(core).unwrap();
                let task = there.spawn_at(Instant::now() + 50 * US, fake_core).unwrap();
                assert_eq!(task.join().unwrap(), Some(core));
            }
            let mut cores: Vec<_> = (0..8)
                .map(|_| role.spawn_at(Instant::now(), fake_core).unwrap())
                .map(|task| task.join().unwrap().unwrap())
                .collect();
            cores.sort_unstable();
            assert_eq!(cores, [0, 0, 1, 1, 2, 2, 3, 3]);
        }
        let key = role.keyed("seven");
        let core = key.spawn(fake_core).unwrap().join().unwrap();
        assert_eq!(key.spawn_at(Instant::now(), fake_core).unwrap().join().unwrap(), core);
    });
}

/// A busy channel does not keep a timed task from its turn, nor timed tasks the channel.
#[test]
fn timed_and_other_tasks_take_turns() {
    watchdog(|| {
        let amp = one_role(64).build().unwrap();
        let role = amp.role(A).unwrap();
        let endless = role
            .spawn_future(async {
                loop {
                    yield_now().await;
                }
            })
            .unwrap();
        for _ in 0..100 {
            let due = Instant::now() + 20 * US;
            assert!(role.spawn_at(due, Instant::now).unwrap().join().unwrap() >= due);
        }
        endless.abort();
        assert!(endless.join().unwrap_err().is_cancelled());
        let log = Log::default();
        let held = hold(&role);
        let past = Instant::now();
        for _ in 0..4 {
            drop(role.spawn_at(past, log.note('t')).unwrap());
            drop(role.spawn(log.note('n')).unwrap());
        }
        held.release();
        assert_eq!(log.text_of(8), "tntntntn");
    });
}

/// In no other task's frame: who waits for it in its own role's worker does not run it early.
#[test]
fn waiting_for_it_does_not_run_it_early() {
    watchdog(|| {
        let amp = fake_workers(2, 8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let other = role.on_core(1).unwrap();
            let began = role.spawn_on_core(0, move || {
                let due = Instant::now() + 200 * US;
                let began = other.spawn_at(due, || (Instant::now(), fake_core())).unwrap();
                (due, began.join().unwrap())
            });
            let (due, (began, core)) = began.unwrap().join().unwrap();
            assert!(began >= due);
            assert_eq!(core, Some(1));
        }
    });
}

#[test]
fn a_panic_is_the_handle_s() {
    watchdog(|| {
        let amp = two_roles(8).build().unwrap();
        let role = amp.role(B).unwrap();
        for _ in 0..50 {
            let task = role.spawn_at(Instant::now(), || panic!("on time")).map_err(drop).unwrap();
            let error: amp_executor::JoinError = task.join().unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("on time"));
        }
        until_after(Instant::now());
        assert_eq!(role.spawn_at(Instant::now(), || 1).unwrap().join().unwrap(), 1);
    });
}
