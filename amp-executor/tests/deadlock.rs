//! A worker that waits for room which only its own waiting withholds gets an error, not a hang.

mod support;

use std::sync::mpsc;
use std::time::Duration;

use amp_executor::{AmpExecutor, RoleConfig, RoleHandle, SpawnError};
use support::{A, B, fill, hold, one_role, two_roles, usable, watchdog};

#[test]
fn a_worker_that_fills_its_own_channel() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.clone();
        let errors = role
            .spawn(move || {
                fill(&own);
                let closure = own.spawn(|| {}).unwrap_err();
                let future = own.spawn_future(async {}).unwrap_err();
                // A wait with an end is no deadlock.
                assert!(own.spawn_timeout(Duration::from_millis(1), || {}).unwrap_err().is_full());
                [closure, future]
            })
            .unwrap()
            .join()
            .unwrap();
        for error in errors {
            assert_eq!(error, SpawnError::WouldDeadlock(vec![A, A]));
            assert_eq!(error.to_string(), "waiting for room would never end: a -> a");
        }
        // The role works on.
        assert_eq!(role.spawn(|| 1).unwrap().join().unwrap(), 1);
    });
}

/// Two workers of one role: the first may wait for the second, the second may not wait too.
#[test]
fn the_last_free_worker_gets_the_error() {
    watchdog(|| {
        let cores = usable();
        if cores.len() < 2 {
            return;
        }
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([cores[0], cores[1]]).capacity(1))
            .build()
            .unwrap();
        let role = amp.role(A).unwrap();
        let (outcome, outcomes) = mpsc::channel();
        let (ready_tell, ready) = mpsc::channel();
        let (full_tell, full) = mpsc::channel::<()>();
        let full = std::sync::Arc::new(std::sync::Mutex::new(full));
        for _ in 0..2 {
            let (own, outcome, ready) = (role.clone(), outcome.clone(), ready_tell.clone());
            let full = std::sync::Arc::clone(&full);
            role.spawn(move || {
                ready.send(()).unwrap();
                full.lock().unwrap().recv().unwrap();
                outcome.send(own.spawn(|| {}).map(drop)).unwrap();
            })
            .unwrap();
        }
        ready.recv().unwrap();
        ready.recv().unwrap();
        fill(&role);
        full_tell.send(()).unwrap();
        full_tell.send(()).unwrap();
        let mut got = [outcomes.recv().unwrap(), outcomes.recv().unwrap()];
        got.sort_by_key(Result::is_ok);
        assert_eq!(got, [Err(SpawnError::WouldDeadlock(vec![A, A])), Ok(())]);
    });
}

/// Each role's only worker waits for room in the other's full channel.
#[test]
fn a_cycle_of_two_roles() {
    watchdog(|| {
        for _ in 0..20 {
            let amp = two_roles(1).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let (outcome, outcomes) = mpsc::channel();
            let mut go = Vec::new();
            for (own, other) in [(&a, &b), (&b, &a)] {
                let (start, started) = mpsc::channel::<()>();
                let (begin, begun) = mpsc::channel();
                let (role, other, outcome) = (own.role(), other.clone(), outcome.clone());
                own.spawn(move || {
                    begin.send(()).unwrap();
                    started.recv().unwrap();
                    outcome.send((role, other.spawn(|| {}).map(drop))).unwrap();
                })
                .unwrap();
                begun.recv().unwrap();
                go.push(start);
            }
            fill(&a);
            fill(&b);
            for start in go {
                start.send(()).unwrap();
            }
            // Whoever comes second closes the cycle; its error lets the first one go on.
            let (loser, error) = outcomes.recv().unwrap();
            let other = if loser == A { B } else { A };
            assert_eq!(error, Err(SpawnError::WouldDeadlock(vec![loser, other, loser])));
            assert_eq!(outcomes.recv().unwrap(), (other, Ok(())));
        }
    });
}

/// A thread outside takes the room that a waiting worker had hoped for. Nobody enters a wait after that, so
/// that it is the workers' own repeated question that finds the cycle.
#[test]
fn a_wait_that_becomes_hopeless_later() {
    watchdog(|| {
        let amp = two_roles(1).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let feeding = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        // Threads outside fill both channels all the time.
        let feeders: Vec<_> = [a.clone(), b.clone()]
            .map(|role| {
                let feeding = std::sync::Arc::clone(&feeding);
                std::thread::spawn(move || {
                    while feeding.load(std::sync::atomic::Ordering::Relaxed) {
                        let _ = role.spawn_timeout(Duration::from_millis(1), || {});
                    }
                })
            })
            .into();
        let ping = |own: &RoleHandle, other: &RoleHandle| {
            let (own, other) = (own.clone(), other.clone());
            std::thread::spawn(move || {
                for _ in 0..300 {
                    let to = other.clone();
                    // Whatever the answer: there is one.
                    let task = own.spawn(move || to.spawn(|| {}).map(drop)).unwrap();
                    let answer = task.join().unwrap();
                    assert!(matches!(answer, Ok(()) | Err(SpawnError::WouldDeadlock(_))));
                }
            })
        };
        for thread in [ping(&a, &b), ping(&b, &a)] {
            thread.join().unwrap();
        }
        feeding.store(false, std::sync::atomic::Ordering::Relaxed);
        for feeder in feeders {
            feeder.join().unwrap();
        }
    });
}

/// Waiting for a role that is busy, but not stuck, is no deadlock.
#[test]
fn a_busy_role_is_waited_for() {
    watchdog(|| {
        let amp = two_roles(1).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let held = hold(&b);
        fill(&b);
        let (begin, begun) = mpsc::channel();
        let to_b = b.clone();
        let waiting = a.spawn(move || {
            begin.send(()).unwrap();
            to_b.spawn(|| 5).unwrap().join().unwrap()
        });
        begun.recv().unwrap();
        held.release();
        assert_eq!(waiting.unwrap().join().unwrap(), 5);
    });
}
