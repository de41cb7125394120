//! The executor's end, in all its ways.

mod support;

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use amp_executor::{AmpExecutor, Spawn, SpawnError, yield_now};
use support::{A, B, fill, hold, one_role, two_roles, until, watchdog};

#[test]
fn roles_are_drained_in_the_order_of_their_declaration() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = two_roles(16).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let log = Arc::new(Mutex::new(Vec::new()));
            let held = hold(&a);
            let closer = {
                for number in 0..5 {
                    let (log, to_b) = (Arc::clone(&log), b.clone());
                    a.spawn(move || {
                        // The second role is still open while the first one drains.
                        let in_b = Arc::clone(&log);
                        to_b.spawn(move || in_b.lock().unwrap().push((B, number))).unwrap();
                        log.lock().unwrap().push((A, number));
                    })
                    .unwrap();
                }
                std::thread::spawn(move || (amp.shutdown(), amp))
            };
            until(|| a.is_closed());
            assert!(!b.is_closed());
            held.let_go();
            let (report, amp) = closer.join().unwrap();
            assert!(report.is_clean(), "{report}");
            assert_eq!(report.ran, 11, "the held one, five and five");
            assert!(b.is_closed());
            for role in [A, B] {
                let log = log.lock().unwrap();
                let numbers = log.iter().filter(|(r, _)| *r == role).map(|(_, number)| *number);
                assert!(numbers.eq(0..5));
            }
            // Again, and from several threads: nothing is left to do.
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let report = amp.shutdown();
                        assert!(report.is_clean());
                        assert_eq!(report.ran, 0);
                    });
                }
            });
        }
    });
}

#[test]
fn spawning_after_a_shutdown() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        assert!(amp.shutdown().is_clean());
        assert!(role.is_closed());
        assert_eq!(role.spawn(|| {}).unwrap_err(), SpawnError::Closed);
        assert_eq!(role.spawn_future(async {}).unwrap_err(), SpawnError::Closed);
        assert!(role.try_spawn(|| {}).unwrap_err().is_closed());
        assert_eq!(amp.spawn_in(A, || {}).unwrap_err(), SpawnError::Closed);
        let handle = amp.handle();
        drop(amp);
        assert_eq!(handle.spawn_in(A, || {}).unwrap_err(), SpawnError::Closed);
    });
}

#[test]
fn a_shutdown_waits_for_futures() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let (finish, finished) = mpsc::channel::<()>();
        let finished = Mutex::new(finished);
        let future = role
            .spawn_future(async move {
                while finished.lock().unwrap().try_recv().is_err() {
                    yield_now().await;
                }
                "ended"
            })
            .unwrap();
        let closer = std::thread::spawn(move || amp.shutdown());
        until(|| role.is_closed());
        finish.send(()).unwrap();
        assert_eq!(future.join().unwrap(), "ended");
        assert!(closer.join().unwrap().is_clean());
    });
}

/// The last future is woken from outside, when all workers sleep.
#[test]
fn a_shutdown_waits_for_a_suspended_future() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = two_roles(4).build().unwrap();
            let token = amp_executor::CancellationToken::new();
            let wait = token.child_token();
            let future = amp.spawn_future_in(A, async move { wait.cancelled().await }).unwrap();
            let role = amp.role(A).unwrap();
            let closer = std::thread::spawn(move || amp.shutdown());
            until(|| role.is_closed());
            token.cancel();
            future.join().unwrap();
            assert!(closer.join().unwrap().is_clean());
        }
    });
}

#[test]
fn an_aborted_future_lets_the_shutdown_end() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = two_roles(4).build().unwrap();
            let future = amp.spawn_future_in(A, pending::<()>()).unwrap();
            let role = amp.role(A).unwrap();
            let closer = std::thread::spawn(move || amp.shutdown());
            until(|| role.is_closed());
            future.abort();
            assert!(future.join().unwrap_err().is_cancelled());
            assert_eq!(closer.join().unwrap().still_running, 0);
        }
    });
}

#[test]
fn a_timeout_cancels_a_suspended_future() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let lives = Arc::new(());
        let in_future = Arc::clone(&lives);
        let future = amp
            .spawn_future_in(A, async move {
                let _keep = in_future;
                pending::<()>().await;
            })
            .unwrap();
        until(|| amp.metrics().workers[0].parks > 1 || amp.metrics().tasks_run() == 1);
        let report = amp.shutdown_timeout(Duration::from_millis(50));
        assert_eq!((report.ran, report.cancelled, report.still_running), (0, 1, 0), "{report}");
        assert!(future.join().unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&lives), 1);
        assert_eq!(amp.metrics().live_futures, 0);
    });
}

#[test]
fn a_timeout_leaves_a_stuck_closure_running() {
    watchdog(|| {
        let amp = two_roles(4).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let held = hold(&a);
        let queued = fill(&a);
        let future = {
            let held_b = hold(&b);
            let future = b.spawn_future(pending::<()>()).unwrap();
            held_b.release();
            future
        };
        until(|| b.depth() == 0);
        let report = amp.shutdown_timeout(Duration::from_millis(30));
        assert_eq!((report.cancelled, report.still_running), (5, 1), "{report}");
        assert!(!report.is_clean());
        for task in queued {
            assert!(task.join().unwrap_err().is_cancelled());
        }
        assert!(future.join().unwrap_err().is_cancelled());
        // The second one is not told of the cancelled ones again.
        let report = amp.shutdown_timeout(Duration::from_millis(1));
        assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
        // The drop does not wait for a thread that the shutdown has given up.
        drop(amp);
        assert!(!held.task.is_finished());
        held.release();
    });
}

#[test]
fn a_drop_cancels_what_waits_and_waits_for_what_runs() {
    watchdog(|| {
        let amp = one_role(4).build().unwrap();
        let role = amp.role(A).unwrap();
        let suspended = role.spawn_future(pending::<()>()).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (begin, begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let set = Arc::clone(&over);
        let running = role
            .spawn(move || {
                begin.send(()).unwrap();
                released.recv().unwrap();
                set.store(true, Ordering::SeqCst);
            })
            .unwrap();
        begun.recv().unwrap();
        let queued = fill(&role);
        let dropper = std::thread::spawn(move || {
            drop(amp);
            assert!(over.load(Ordering::SeqCst));
        });
        for task in queued {
            assert!(task.join().unwrap_err().is_cancelled());
        }
        assert!(suspended.join().unwrap_err().is_cancelled());
        release.send(()).unwrap();
        running.join().unwrap();
        dropper.join().unwrap();
    });
}

#[test]
fn an_executor_dropped_by_its_own_worker() {
    watchdog(|| {
        for _ in 0..100 {
            let (tell, stopped) = mpsc::channel();
            let amp =
                two_roles(4).on_thread_stop(move |worker| tell.send(worker.role).unwrap()).build();
            let amp = amp.unwrap();
            let role = amp.role(A).unwrap();
            let suspended = role.spawn_future(pending::<()>()).unwrap();
            let dropping = role.spawn(move || drop(amp)).unwrap();
            dropping.join().unwrap();
            assert!(suspended.join().unwrap_err().is_cancelled());
            let mut roles = [stopped.recv().unwrap(), stopped.recv().unwrap()];
            roles.sort_unstable();
            assert_eq!(roles, [A, B], "the threads end by themselves");
        }
    });
}

#[test]
fn a_shutdown_by_an_own_worker_does_not_wait_for_itself() {
    watchdog(|| {
        let amp = Arc::new(one_role(4).build().unwrap());
        let inside = Arc::clone(&amp);
        let report = amp.spawn_in(A, move || {
            let _ = inside.shutdown_timeout(Duration::MAX);
            inside.shutdown()
        });
        assert_eq!(report.unwrap().join().unwrap().still_running, 1);
        assert!(amp.shutdown().is_clean());
    });
}

/// Spawners against a shutdown: whatever was accepted ran, and nothing else did.
#[test]
fn what_is_accepted_is_run() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = two_roles(2).build().unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            let spawners: Vec<_> = (0..4)
                .map(|number| {
                    let role = amp.role(if number < 2 { A } else { B }).unwrap();
                    let ran = Arc::clone(&ran);
                    std::thread::spawn(move || {
                        let mut accepted = 0;
                        loop {
                            let ran = Arc::clone(&ran);
                            let task = move || ran.fetch_add(1, Ordering::SeqCst);
                            let spawned = if number % 2 == 0 {
                                role.spawn(task)
                            } else {
                                role.spawn_future(async move {
                                    yield_now().await;
                                    task()
                                })
                            };
                            match spawned {
                                Ok(_) => accepted += 1,
                                Err(error) => {
                                    assert_eq!(error, SpawnError::Closed);
                                    return accepted;
                                }
                            }
                        }
                    })
                })
                .collect();
            until(|| ran.load(Ordering::SeqCst) > 10);
            assert!(amp.shutdown().is_clean());
            let ran = ran.load(Ordering::SeqCst);
            let accepted: usize = spawners.into_iter().map(|s| s.join().unwrap()).sum();
            assert_eq!(ran, accepted);
        }
    });
}

/// The same against a drop: every handle resolves.
#[test]
fn every_handle_resolves_after_a_drop() {
    watchdog(|| {
        for _ in 0..100 {
            let amp: AmpExecutor = two_roles(2).build().unwrap();
            let spawners: Vec<_> = (0..4)
                .map(|number| {
                    let role = amp.role(if number < 2 { A } else { B }).unwrap();
                    std::thread::spawn(move || {
                        let mut handles = Vec::new();
                        loop {
                            let spawned = if number % 2 == 0 {
                                role.spawn(|| {})
                            } else {
                                role.spawn_future(async {
                                    yield_now().await;
                                })
                            };
                            match spawned {
                                Ok(handle) => handles.push(handle),
                                Err(_) => return handles,
                            }
                        }
                    })
                })
                .collect();
            until(|| amp.metrics().tasks_run() > 10);
            drop(amp);
            for handle in spawners.into_iter().flat_map(|spawner| spawner.join().unwrap()) {
                match handle.join() {
                    Ok(()) => {}
                    Err(error) => assert!(error.is_cancelled()),
                }
            }
        }
    });
}
