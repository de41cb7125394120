//! Tasks that are not started in time.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use amp_executor::{CallError, CancellationToken, block_on};
use support::{A, TellsDrop, assert_accounted, fill, hold, one_role, until_after, watchdog};

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn what_is_not_started_in_time_is_dropped_unrun() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for round in 1..=100 {
            let held = hold(&role);
            let mortal = role.with_time_to_live(SHORT);
            let (tell, told) = mpsc::channel();
            let (in_closure, in_future) = (TellsDrop(tell.clone()), TellsDrop(tell));
            let closure = mortal.spawn(move || {
                let _keep = &in_closure;
                unreachable!("it has expired")
            });
            let future = mortal.spawn_future(async move {
                let _keep = &in_future;
                unreachable!("it has expired")
            });
            let patient = role.with_time_to_live(LONG).spawn(|| "patient").unwrap();
            let immortal = role.spawn(|| "immortal").unwrap();
            until_after(Instant::now() + SHORT);
            held.release();
            let closure: amp_executor::JoinError =
                closure.map(|task| task.join().unwrap_err()).unwrap();
            let future: amp_executor::JoinError =
                future.map(|task| task.join().unwrap_err()).unwrap();
            for error in [closure, future] {
                assert!(error.is_expired() && !error.is_cancelled() && !error.is_panic());
                assert!(error.to_string().contains("expired"), "{error}");
                // Before the handle reported it.
                told.try_recv().unwrap();
            }
            assert_eq!(
                (patient.join().unwrap(), immortal.join().unwrap()),
                ("patient", "immortal")
            );
            let metrics = amp.metrics();
            assert_eq!(metrics.role(A).unwrap().expired, 2 * round);
            assert_eq!(metrics.workers[0].expired, 2 * round);
        }
        let report = amp.shutdown();
        assert!(report.is_clean(), "{report}");
        assert_accounted(&amp.metrics());
    });
}

/// Shorter than anything can be: it never runs, however idle the role.
#[test]
fn no_time_at_all() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap().with_time_to_live(Duration::ZERO);
        let ran = Arc::new(AtomicBool::new(false));
        for _ in 0..500 {
            let set = Arc::clone(&ran);
            let closure = role.spawn(move || set.store(true, Ordering::SeqCst)).unwrap();
            assert!(closure.join().unwrap_err().is_expired());
        }
        assert!(!ran.load(Ordering::SeqCst));
    });
}

/// A time to live beyond the clock's range is none.
#[test]
fn all_the_time_there_is() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap().with_time_to_live(Duration::MAX);
        assert_eq!(role.spawn(|| 1).unwrap().join().unwrap(), 1);
        assert_eq!(role.spawn_future(async { 2 }).unwrap().join().unwrap(), 2);
        assert_eq!(role.spawn_at(Instant::now(), || 3).unwrap().join().unwrap(), 3);
    });
}

#[test]
fn a_future_that_has_been_polled_lives_on() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let mut survived = 0;
        while survived < 20 {
            let token = CancellationToken::new();
            let wait = token.child_token();
            let (begin, begun) = mpsc::channel();
            let future = role.with_time_to_live(20 * SHORT).spawn_future(async move {
                begin.send(()).unwrap();
                wait.cancelled().await;
                "lived on"
            });
            let future = future.unwrap();
            if begun.recv().is_err() {
                // Too late for its first poll.
                assert!(future.join().unwrap_err().is_expired());
                continue;
            }
            until_after(Instant::now() + 20 * SHORT);
            token.cancel();
            assert_eq!(future.join().unwrap(), "lived on");
            survived += 1;
        }
    });
}

/// The time in which the spawner waits for room counts.
#[test]
fn a_blocked_spawner_s_task_ages() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let held = hold(&role);
            fill(&role);
            let mut waiting = pin!(role.with_time_to_live(SHORT).spawn_wait(|| "too late"));
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            until_after(Instant::now() + SHORT);
            held.release();
            let task = block_on(waiting).unwrap();
            assert!(task.join().unwrap_err().is_expired());
        }
    });
}

#[test]
fn a_spawner_that_blocks_gets_a_handle_of_what_has_expired() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let held = hold(&role);
            fill(&role);
            let mortal = role.with_time_to_live(Duration::ZERO);
            let (begin, begun) = mpsc::channel();
            let spawner = std::thread::spawn(move || {
                begin.send(()).unwrap();
                mortal.spawn(|| {}).unwrap().join().unwrap_err()
            });
            begun.recv().unwrap();
            held.release();
            assert!(spawner.join().unwrap().is_expired());
        }
    });
}

/// A timed task's time to live begins when it is due.
#[test]
fn timed_tasks_expire_after_they_were_due() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..50 {
            let held = hold(&role);
            let mortal = role.with_time_to_live(SHORT);
            let late = mortal.spawn_at(Instant::now(), || {}).unwrap();
            until_after(Instant::now() + SHORT);
            held.release();
            assert!(late.join().unwrap_err().is_expired());
            // Due later than it would have lived otherwise.
            let due = Instant::now() + 2 * SHORT;
            let patient = role.with_time_to_live(LONG).spawn_at(due, Instant::now).unwrap();
            assert!(patient.join().unwrap() >= due);
        }
        assert_eq!(amp.metrics().role(A).unwrap().expired, 50);
    });
}

#[test]
fn periodic_tasks_do_not_expire() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap().with_time_to_live(Duration::ZERO);
        let (tick, ticks) = mpsc::channel();
        let ticking = role.spawn_every(SHORT / 4, move || tick.send(()).unwrap()).unwrap();
        ticks.iter().take(10).for_each(drop);
        ticking.stop();
        ticking.join().unwrap();
    });
}

/// In place too.
#[test]
fn a_waiting_handle_does_not_run_what_has_expired() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.clone();
        let error = role.spawn(move || {
            let stale = own.with_time_to_live(Duration::ZERO).spawn(|| {}).unwrap();
            stale.join().unwrap_err()
        });
        assert!(error.unwrap().join().unwrap().is_expired());
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

#[test]
fn a_call_says_so() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let stale = amp.role(A).unwrap().with_time_to_live(Duration::ZERO);
        for error in [block_on(stale.call(|| {})), stale.call_blocking(|| {})] {
            assert!(matches!(error, Err(CallError::Join(error)) if error.is_expired()));
        }
    });
}

/// Nobody waits for it, and its room is free again.
#[test]
fn a_detached_task_expires_all_the_same() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        let held = hold(&role);
        let (tell, told) = mpsc::channel();
        let in_closure = TellsDrop(tell);
        drop(role.with_time_to_live(Duration::ZERO).spawn(move || drop(in_closure)).unwrap());
        let poll = {
            let mut waiting = pin!(role.spawn_wait(|| {}));
            waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).map(Result::unwrap)
        };
        assert!(matches!(poll, Poll::Ready(_)));
        held.release();
        told.recv().unwrap();
        let _ = amp.shutdown();
        assert_eq!(amp.metrics().role(A).unwrap().expired, 1);
    });
}
