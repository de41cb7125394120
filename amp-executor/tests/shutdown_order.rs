//! Roles that end one by one, in the order that the program gives.

mod support;

use std::future::pending;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use amp_executor::{
    AmpBuilder, AmpExecutor, BuildError, Role, RoleConfig, Spawn, SpawnError, block_on, yield_now,
};
use support::{
    A, B, C, FakeCpus, Pins, assert_accounted, fill, hold, one_role, two_roles, until, watchdog,
};

fn three_roles(capacity: usize) -> AmpBuilder {
    let on = |role, core| RoleConfig::new(role).cores([core, core + 1]).shared().capacity(capacity);
    AmpExecutor::builder()
        .role(on(A, 0))
        .role(on(B, 1))
        .role(on(C, 2))
        .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
}

#[test]
fn the_order_is_the_program_s() {
    watchdog(|| {
        for _ in 0..50 {
            for order in [[A, B, C], [C, A, B], [C, B, A], [B, C, A]] {
                let (tell, stopped) = mpsc::channel();
                let amp = three_roles(16)
                    .shutdown_order(order)
                    .on_thread_stop(move |worker| tell.send(worker.role).unwrap())
                    .build()
                    .unwrap();
                assert!(amp.shutdown().is_clean());
                let stopped: Vec<Role> = stopped.try_iter().collect();
                let expected: Vec<Role> = order.iter().flat_map(|role| [*role; 2]).collect();
                assert_eq!(stopped, expected);
            }
        }
    });
}

/// A chain of work: each role gives the next one something to do while it is drained.
#[test]
fn work_that_is_passed_on_is_done() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = three_roles(64).shutdown_order([C, B, A]).build().unwrap();
            let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
            let log = Arc::new(Mutex::new(Vec::new()));
            let held = [hold(&c), hold(&c)];
            for number in 0..20 {
                let (to_b, to_a, log) = (b.clone(), a.clone(), Arc::clone(&log));
                drop(c.spawn(move || {
                    drop(to_b.spawn(move || {
                        drop(to_a.spawn(move || log.lock().unwrap().push(number)).unwrap());
                    }))
                }));
            }
            let closer = std::thread::spawn(move || amp.shutdown());
            until(|| c.is_closed());
            assert!(!a.is_closed() && !b.is_closed());
            held.into_iter().for_each(support::Hold::release);
            let report = closer.join().unwrap();
            assert!(report.is_clean(), "{report}");
            assert_eq!(log.lock().unwrap().len(), 20);
        }
    });
}

/// The declaration is the order of those who give none.
#[test]
fn a_timeout_keeps_the_order() {
    watchdog(|| {
        let amp = three_roles(16).shutdown_order([B, A, C]).build().unwrap();
        let [a, b, c] = [A, B, C].map(|role| amp.role(role).unwrap());
        let endless = b.spawn_future(pending::<()>()).unwrap();
        let other = a.spawn_future(pending::<()>()).unwrap();
        let report = amp.shutdown_timeout(Duration::from_millis(5));
        assert_eq!((report.cancelled, report.still_running), (2, 0), "{report}");
        assert!(endless.join().unwrap_err().is_cancelled());
        assert!(other.join().unwrap_err().is_cancelled());
        assert!(a.is_closed() && b.is_closed() && c.is_closed());
    });
}

#[test]
fn an_order_names_each_role_once() {
    let error = |order: &[Role]| three_roles(4).shutdown_order(order.to_vec()).build().unwrap_err();
    let missing = error(&[A, C]);
    assert!(matches!(missing, BuildError::ShutdownOrder { role: B, times: 0 }));
    assert_eq!(missing.to_string(), "the shutdown order names role \"b\" 0 times");
    let twice = error(&[A, B, C, B]);
    assert!(matches!(twice, BuildError::ShutdownOrder { role: B, times: 2 }));
    let unknown = error(&[A, B, Role::new("d"), C]);
    assert!(matches!(unknown, BuildError::NoSuchRole { role, .. } if role.name() == "d"));
    assert_eq!(unknown.to_string(), "there is no role \"d\" for the shutdown order");
    assert!(matches!(error(&[]), BuildError::ShutdownOrder { role: A, times: 0 }));
}

#[test]
fn a_drained_role_has_run_what_it_accepted() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = two_roles(16).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let tasks: Vec<_> = (0..10).map(|number| a.spawn(move || number).unwrap()).collect();
            let future = a
                .spawn_future(async {
                    for _ in 0..10 {
                        yield_now().await;
                    }
                    "ended"
                })
                .unwrap();
            let report = amp.drain_role(A).unwrap();
            assert!(report.is_clean(), "{report}");
            assert!(tasks.iter().all(amp_executor::JoinHandle::is_finished));
            assert_eq!(future.join().unwrap(), "ended");
            assert_eq!(a.spawn(|| {}).unwrap_err(), SpawnError::Closed);
            // The other one goes on.
            assert!(!b.is_closed());
            assert_eq!(b.spawn(|| 1).unwrap().join().unwrap(), 1);
            assert_eq!(amp.spawn_in(B, || 2).unwrap().join().unwrap(), 2);
            // Again, and as a part of the whole.
            let again = amp.drain_role(A).unwrap();
            assert_eq!((again.ran, again.cancelled, again.still_running), (0, 0, 0));
            assert!(amp.shutdown().is_clean());
            assert_accounted(&amp.metrics());
        }
    });
}

#[test]
fn a_role_that_is_not_there() {
    let amp = one_role(4).build().unwrap();
    assert_eq!(amp.drain_role(B).unwrap_err(), SpawnError::UnknownRole(B));
}

#[test]
fn a_drain_releases_blocked_spawners() {
    watchdog(|| {
        for _ in 0..50 {
            let amp = Arc::new(two_roles(1).build().unwrap());
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let held = hold(&a);
            let queued = fill(&a);
            // From a thread, from another role's worker, and in a future.
            let (to_a, in_future) = (a.clone(), a.clone());
            let outside = std::thread::spawn(move || to_a.spawn(|| {}).map(drop));
            let to_a = a.clone();
            let future =
                b.spawn_future(async move { in_future.spawn_wait(|| {}).await.map(drop) }).unwrap();
            let inside = b.spawn(move || to_a.spawn(|| {}).map(drop)).unwrap();
            let draining = {
                let amp = Arc::clone(&amp);
                std::thread::spawn(move || amp.drain_role(A).unwrap())
            };
            // The worker is still held: it is the close that releases them.
            assert_eq!(outside.join().unwrap(), Err(SpawnError::Closed));
            assert_eq!(inside.join().unwrap(), Err(SpawnError::Closed));
            assert_eq!(future.join().unwrap(), Err(SpawnError::Closed));
            assert!(!b.is_closed());
            held.release();
            assert!(draining.join().unwrap().is_clean());
            queued.into_iter().for_each(|task| task.join().unwrap());
            assert_eq!(block_on(b.call(|| 1)).unwrap(), 1);
        }
    });
}

/// It cannot wait for itself, nor for one that may wait for it.
#[test]
fn a_worker_that_drains_a_role_does_not_wait() {
    watchdog(|| {
        for role in [A, B] {
            for _ in 0..50 {
                let amp = Arc::new(two_roles(4).build().unwrap());
                let (inside, other) = (Arc::clone(&amp), amp.role(role).unwrap());
                let (release, released) = mpsc::channel::<()>();
                let report = amp.spawn_in(A, move || {
                    let queued = (role == B).then(|| {
                        other.spawn(move || released.recv().unwrap()).unwrap();
                        other.spawn(|| "ran").unwrap()
                    });
                    let report = inside.drain_role(role).unwrap();
                    assert!(other.is_closed());
                    (report, queued)
                });
                let (report, queued) = report.unwrap().join().unwrap();
                assert!(report.still_running <= 1, "{report}");
                if let Some(queued) = queued {
                    assert!(!queued.is_finished());
                    release.send(()).unwrap();
                    assert_eq!(queued.join().unwrap(), "ran");
                }
                let rest = amp.shutdown();
                assert_eq!(rest.still_running, 0, "{rest}");
                assert_accounted(&amp.metrics());
            }
        }
    });
}

/// Several threads drain several roles, and the whole, at once.
#[test]
fn drains_from_many_threads() {
    watchdog(|| {
        for _ in 0..100 {
            let amp = three_roles(16).build().unwrap();
            let handles: Vec<_> = [A, B, C]
                .iter()
                .cycle()
                .take(30)
                .map(|role| amp.spawn_in(*role, || ()).unwrap())
                .collect();
            std::thread::scope(|scope| {
                for role in [C, A, A, B] {
                    let amp = &amp;
                    scope.spawn(move || assert_eq!(amp.drain_role(role).unwrap().cancelled, 0));
                }
                scope.spawn(|| assert_eq!(amp.shutdown().cancelled, 0));
            });
            for handle in handles {
                assert!(handle.is_finished());
                handle.join().unwrap();
            }
            assert_accounted(&amp.metrics());
        }
    });
}
