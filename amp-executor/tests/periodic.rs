//! Tasks that run once in each period.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::time::{Duration, Instant};

use amp_executor::{MissedPeriods, PeriodicHandle, RoleHandle};
use support::{
    A, TellsDrop, assert_accounted, fake_core, fake_workers, hold, one_role, two_roles, until,
    until_after, watchdog,
};

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn it_runs_and_stops() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let (tick, ticks) = mpsc::channel();
            let begun = Instant::now();
            let ticking = role.spawn_every(200 * US, move || tick.send(Instant::now()).unwrap());
            let ticking = ticking.unwrap();
            let first: Vec<_> = ticks.iter().take(3).collect();
            assert!((1..).zip(&first).all(|(number, at)| *at >= begun + number * 200 * US));
            ticking.stop();
            until(|| ticking.is_finished());
            // The closure is gone, and its sender with it.
            let later = ticks.into_iter().count();
            assert_eq!(ticking.runs(), 3 + later as u64);
            assert_eq!(ticking.lateness().count, ticking.runs());
            ticking.join().unwrap();
        }
        assert!(amp.shutdown().is_clean());
        let metrics = amp.metrics();
        let of_role = metrics.role(A).unwrap();
        assert_eq!((of_role.admitted, of_role.completed, of_role.timed), (100, 100, 0));
        assert_eq!(of_role.lateness.as_ref().unwrap().count, of_role.tasks_run - 100, "100 stops");
        assert_accounted(&metrics);
    });
}

/// It need not wait for its next instant to be dropped.
#[test]
fn what_is_due_in_an_hour_is_stopped_now() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let other = role.spawn_at(Instant::now() + HOUR, || {}).unwrap();
        let worker = role.spawn(|| std::thread::current().id()).unwrap().join().unwrap();
        for _ in 0..500 {
            let (tell, told) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let ticking = role
                .spawn_every(HOUR, move || {
                    let _keep = &on_drop;
                })
                .unwrap();
            ticking.stop();
            ticking.stop();
            assert_eq!((ticking.runs(), ticking.missed()), (0, 0));
            ticking.join().unwrap();
            assert_eq!(told.try_recv().unwrap(), worker, "dropped on the worker");
            assert_eq!(amp.metrics().role(A).unwrap().timed, 1);
        }
        assert!(!other.is_finished());
    });
}

/// A periodic task that knows its handle, and with it the instant that a run is for.
fn with_handle(
    role: &RoleHandle,
    first: Instant,
    period: Duration,
    missed: MissedPeriods,
    mut run: impl FnMut(&PeriodicHandle) + Send + 'static,
) -> Arc<PeriodicHandle> {
    let slot = Arc::new(OnceLock::<Weak<PeriodicHandle>>::new());
    let in_task = Arc::clone(&slot);
    let handle = role.spawn_every_from(first, period, missed, move || {
        // Once the test has it.
        let handle = loop {
            if let Some(handle) = in_task.get() {
                break handle;
            }
            std::thread::yield_now();
        };
        if let Some(handle) = handle.upgrade() {
            run(&handle);
        }
    });
    let handle = Arc::new(handle.unwrap());
    slot.set(Arc::downgrade(&handle)).unwrap();
    handle
}

/// Runs are for whole periods after the first instant, also after a run that took several; what those left out is counted.
#[test]
fn it_keeps_its_phase_and_counts_what_it_misses() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..20 {
            let first = Instant::now() + MS;
            let period = MS;
            let (tell, told) = mpsc::channel();
            let handle = with_handle(&role, first, period, MissedPeriods::Skip, move |handle| {
                let began = Instant::now();
                // The present run is counted.
                let (runs, missed) = (handle.runs() - 1, handle.missed());
                let due = first + period * (runs + missed) as u32;
                let is_wanted = tell.send((began, due, runs, missed)).is_ok();
                if is_wanted && runs >= 2 {
                    until_after(due + 3 * period + period / 2);
                }
            });
            // A run behind such an overrun is for an instant in the middle of which it ended. To one that has lost its phase no run
            // would be late.
            until(|| handle.lateness().max >= period / 2);
            let seen: Vec<_> = told.iter().take(8).collect();
            drop(told);
            assert!(seen.iter().all(|(began, due, ..)| began >= due), "{seen:?}");
            assert!((0..).zip(&seen).all(|(number, (_, _, runs, _))| *runs == number));
            let in_overruns = |pair: &[(_, _, _, u64)]| pair[1].3 >= pair[0].3 + 2;
            assert!(seen[2..].windows(2).all(in_overruns), "{seen:?}");
            handle.stop();
            until(|| handle.is_finished());
        }
    });
}

#[test]
fn a_task_that_holds_the_worker_makes_it_miss() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..20 {
            let first = Instant::now() + MS;
            let begun = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&begun);
            let handle = with_handle(&role, first, MS, MissedPeriods::Skip, move |handle| {
                log.lock().unwrap().push((handle.runs() - 1, handle.missed(), Instant::now()));
            });
            until(|| handle.runs() >= 2);
            let held = hold(&role);
            let (runs, missed) = (handle.runs(), handle.missed());
            let due = first + MS * (runs + missed) as u32;
            // Due four times by now.
            until_after(due + 3 * MS);
            held.release();
            until(|| handle.runs() >= runs + 2);
            assert!(handle.missed() >= missed + 2, "the first and the last were run");
            assert!(handle.lateness().max >= 3 * MS);
            handle.stop();
            until(|| handle.is_finished());
            let begun = begun.lock().unwrap();
            assert!(begun.iter().zip(0..).all(|((runs, ..), number)| *runs == number));
            let due = |runs: u64, missed: u64| first + MS * (runs + missed) as u32;
            assert!(begun.iter().all(|(runs, missed, at)| *at >= due(*runs, *missed)));
        }
    });
}

#[test]
fn it_catches_up_if_asked() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..20 {
            let first = Instant::now() + MS;
            let (tick, ticks) = mpsc::channel();
            let ticking = role.spawn_every_from(first, MS, MissedPeriods::CatchUp, move || {
                let _ = tick.send(Instant::now());
            });
            let ticking = ticking.unwrap();
            let held = hold(&role);
            until_after(first + 9 * MS);
            held.release();
            let began: Vec<_> = ticks.iter().take(12).collect();
            assert!((0..).zip(&began).all(|(number, at)| *at >= first + number * MS));
            assert_eq!(ticking.missed(), 0);
            assert!(ticking.lateness().max >= 9 * MS || began[0] < first + 9 * MS);
            ticking.stop();
            ticking.join().unwrap();
        }
        assert_eq!(amp.metrics().role(A).unwrap().missed_periods, 0);
    });
}

/// It will never be on time again, and leaves every other turn to the rest.
#[test]
fn catching_up_for_ever_starves_nobody() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let runs = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&runs);
        let first = Instant::now();
        let nanosecond = Duration::from_nanos(1);
        let ticking = role.spawn_every_from(first, nanosecond, MissedPeriods::CatchUp, move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        for number in 0..500 {
            assert_eq!(role.spawn(move || number).unwrap().join().unwrap(), number);
        }
        until(|| runs.load(Ordering::Relaxed) > 1_000);
        let ticking = ticking.unwrap();
        ticking.stop();
        ticking.join().unwrap();
    });
}

#[test]
fn it_stops_itself() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let handle =
                with_handle(&role, Instant::now(), 50 * US, MissedPeriods::Skip, |handle| {
                    if handle.runs() == 5 {
                        handle.stop();
                    }
                });
            until(|| handle.is_finished());
            assert_eq!(handle.runs(), 5);
        }
    });
}

/// The only handle is in the closure, and goes with it.
#[test]
fn it_owns_its_handle_and_stops_itself() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let (tell, told) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let (give, given) = mpsc::channel::<PeriodicHandle>();
            let mut own = None;
            let ticking = role.spawn_every(20 * US, move || {
                let _keep = &on_drop;
                let own = own.get_or_insert_with(|| given.recv().unwrap());
                if own.runs() >= 2 {
                    own.stop();
                }
            });
            give.send(ticking.unwrap()).unwrap();
            told.recv().unwrap();
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

#[test]
fn a_panic_ends_it() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let (tell, told) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let mut runs = 0;
            let ticking = role.spawn_every(20 * US, move || {
                let _keep = &on_drop;
                runs += 1;
                assert!(runs < 3, "the third run");
            });
            let error = ticking.unwrap().join().unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("the third run"), "{error}");
            told.try_recv().unwrap();
        }
        assert_eq!(role.spawn(|| 1).unwrap().join().unwrap(), 1);
        assert_eq!(amp.metrics().role(A).unwrap().timed, 0);
    });
}

#[test]
fn an_aborted_one_is_cancelled() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let ticking = role.spawn_every(50 * US, || {}).unwrap();
            until(|| ticking.runs() > 0);
            ticking.abort_handle().abort();
            assert!(ticking.join().unwrap_err().is_cancelled());
        }
        let _ = amp.shutdown();
        assert_accounted(&amp.metrics());
    });
}

#[test]
fn a_dropped_handle_lets_it_go_on_until_its_role_ends() {
    watchdog(|| {
        for round in 0..100 {
            let amp = two_roles(8).build().unwrap();
            let role = amp.role(A).unwrap();
            let (tick, ticks) = mpsc::channel();
            drop(role.spawn_every(50 * US, move || tick.send(()).unwrap()).unwrap());
            ticks.iter().take(3).for_each(drop);
            let handle = amp.handle();
            let report = match round % 4 {
                0 => amp.shutdown(),
                1 => amp.shutdown_timeout(HOUR),
                2 => amp.drain_role(A).unwrap(),
                _ => {
                    drop(amp);
                    ticks.iter().for_each(drop);
                    assert_accounted(&handle.metrics());
                    continue;
                }
            };
            assert!(report.is_clean(), "{report}");
            assert_eq!(report.ran, 1);
            ticks.try_iter().for_each(drop);
            assert_eq!(ticks.try_recv(), Err(mpsc::TryRecvError::Disconnected));
            assert_accounted(&handle.metrics());
        }
    });
}

/// Those who wait for its end hear of it.
#[test]
fn the_end_of_its_role_ends_it() {
    watchdog(|| {
        for is_due in [true, false] {
            for _ in 0..50 {
                let amp = two_roles(8).build().unwrap();
                let role = amp.role(A).unwrap();
                let period = if is_due { 20 * US } else { HOUR };
                let ticking = role.spawn_every(period, || {}).unwrap();
                let waiting = std::thread::spawn(move || ticking.join());
                assert!(amp.shutdown().is_clean());
                waiting.join().unwrap().unwrap();
            }
        }
    });
}

#[test]
fn it_stays_on_one_core() {
    watchdog(|| {
        let amp = fake_workers(4, 8).build().unwrap();
        let role = amp.role(A).unwrap();
        for round in 0..40 {
            let is_for_core = round % 2 == 0;
            let lane = if is_for_core { role.on_core(round % 4).unwrap() } else { role.clone() };
            let (tick, ticks) = mpsc::channel();
            let ticking = lane.spawn_every(50 * US, move || tick.send(fake_core()).unwrap());
            let cores: Vec<_> = ticks.iter().take(5).collect();
            drop(ticks);
            assert_eq!(cores, [cores[0]; 5]);
            assert!(!is_for_core || cores[0] == Some(round % 4));
            ticking.unwrap().stop();
        }
    });
}

#[test]
fn several_on_one_worker() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let (tick, ticks) = mpsc::channel();
        let tasks: Vec<_> = (0..8_usize)
            .map(|number| {
                let tick = tick.clone();
                let period = (100 + 37 * number as u32) * US;
                role.spawn_every(period, move || tick.send(number).unwrap()).unwrap()
            })
            .collect();
        assert!(role.spawn_every(MS, || {}).unwrap_err().is_full());
        let mut runs = [0; 8];
        while runs.iter().any(|runs| *runs < 20) {
            runs[ticks.recv().unwrap()] += 1;
        }
        for task in &tasks {
            task.stop();
        }
        // Nobody has missed another one's stop.
        for task in tasks {
            task.join().unwrap();
        }
    });
}

/// Any handle, any thread, while it runs.
#[test]
fn stops_from_many_threads() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let ticking = role.spawn_every(Duration::from_nanos(1), || {}).unwrap();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| ticking.stop());
                }
            });
            ticking.join().unwrap();
        }
        assert_eq!(amp.metrics().role(A).unwrap().timed, 0);
    });
}

#[test]
#[should_panic(expected = "a period of zero")]
fn a_period_of_zero() {
    let amp = one_role(8).build().unwrap();
    let _ = amp.role(A).unwrap().spawn_every(Duration::ZERO, || {});
}
