//! Where two features meet.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use amp_executor::{
    AmpBuilder, AmpExecutor, IdlePolicy, MissedPeriods, RoleConfig, RoleHandle, SpawnError,
    TrySpawnError, WorkerPlacement, spawn_local,
};
use support::{A, B, Hold, hold, one_role, until, usable, watchdog};

/// A and B with one worker each, and B lends to A.
fn b_lends_to_a(capacity: usize) -> AmpBuilder {
    let cores = usable();
    let on = |role, core: &usize| RoleConfig::new(role).cores([*core]).shared().capacity(capacity);
    AmpExecutor::builder()
        .role(on(A, cores.first().unwrap()))
        .role(on(B, cores.last().unwrap()).lend_to(A))
}

/// Occupies A's own worker, which is on the first core. Nobody else may take this task.
fn hold_a(amp: &AmpExecutor) -> Hold {
    hold(&amp.role(A).unwrap().on_core(usable()[0]).unwrap())
}

#[test]
fn a_task_that_wants_its_roles_state_is_not_lent() {
    watchdog(|| {
        let amp = b_lends_to_a(8).state(A, |_| 1_u32).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold_a(&amp);
        let one = a.with_state(|n: &mut u32| *n).unwrap();
        // This one is lent, so that the lender has had the other one in its hands.
        let name = || std::thread::current().name().unwrap().to_owned();
        assert!(a.spawn(name).unwrap().join().unwrap().starts_with("b-"));
        held.release();
        assert_eq!(one.join().unwrap(), 1);
    });
}

/// The future is in neither ring nor registry while a lender has it in its hands.
#[test]
fn a_shutdown_runs_the_futures_that_a_lender_sends_home() {
    watchdog(|| {
        for _ in 0..1_000 {
            let amp = b_lends_to_a(16).build().unwrap();
            let a = amp.role(A).unwrap();
            let spawn = |n| a.spawn_future(async move { n }).unwrap();
            let tasks: Vec<_> = (0..16).map(spawn).collect();
            let report = amp.shutdown();
            assert!(report.is_clean(), "{report}");
            assert!(tasks.into_iter().map(|task| task.join().unwrap()).eq(0..16));
        }
    });
}

#[test]
fn a_lender_leaves_the_channel_its_bound() {
    watchdog(|| {
        const CAPACITY: usize = 4;
        let amp = b_lends_to_a(CAPACITY).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold_a(&amp);
        let mut futures = Vec::new();
        while let Ok(future) = a.try_spawn_future(async {}) {
            futures.push(future);
            // The lender gets time to send it home, which it does not do for ever.
            let until = Instant::now() + Duration::from_millis(50);
            while a.depth() > 0 && Instant::now() < until {
                std::thread::yield_now();
            }
            assert!(futures.len() <= 2 * CAPACITY, "there is no bound");
        }
        held.release();
        futures.into_iter().for_each(|future| future.join().unwrap());
    });
}

#[test]
fn a_shutdown_ends_a_periodic_task_that_overruns() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let a = amp.role(A).unwrap();
        let (tick, ticks) = mpsc::channel();
        let period = Duration::from_micros(50);
        let late = move || {
            let _ = tick.send(());
            let end = Instant::now() + 3 * period;
            while Instant::now() < end {}
        };
        let ticking = a.spawn_every(period, late).unwrap();
        ticks.iter().take(3).for_each(drop);
        assert!(amp.shutdown().is_clean());
        ticking.join().unwrap();
    });
}

#[test]
fn a_closed_role_takes_no_timed_task() {
    watchdog(|| {
        let amp = Arc::new(one_role(8).build().unwrap());
        let a = amp.role(A).unwrap();
        let held = hold(&a);
        let drainer = Arc::clone(&amp);
        let draining = std::thread::spawn(move || drainer.drain_role(A));
        until(|| a.is_closed());
        let once = a.spawn_at(Instant::now(), || ());
        assert!(matches!(once, Err(TrySpawnError::Closed(_))), "{once:?}");
        let often = a.spawn_every(Duration::from_secs(1), || ());
        assert!(matches!(often, Err(TrySpawnError::Closed(_))));
        held.release();
        assert!(draining.join().unwrap().unwrap().is_clean());
    });
}

#[test]
fn a_periodic_task_that_is_stopped_while_it_runs_ends_with_that_run() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let a = amp.role(A).unwrap();
        let (begin, begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let run = move || {
            begin.send(()).unwrap();
            released.recv().unwrap();
        };
        let hour = Duration::from_secs(3600);
        let skip = MissedPeriods::Skip;
        let ticking = a.spawn_every_from(Instant::now(), hour, skip, run).unwrap();
        begun.recv().unwrap();
        ticking.stop();
        release.send(()).unwrap();
        ticking.join().unwrap();
        assert!(begun.recv().is_err(), "the closure is gone");
    });
}

#[test]
fn what_does_not_start_is_not_late() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold(&a);
        let now = Instant::now();
        let once = a.spawn_at(now, || ()).unwrap();
        once.abort();
        let expired = a.with_time_to_live(Duration::ZERO).spawn_at(now, || ()).unwrap();
        let often =
            a.spawn_every_from(now, Duration::from_secs(1), MissedPeriods::Skip, || ()).unwrap();
        often.abort_handle().abort();
        held.release();
        assert!(once.join().unwrap_err().is_cancelled());
        assert!(expired.join().unwrap_err().is_expired());
        until(|| often.is_finished());
        let _ = amp.shutdown();
        assert_eq!((often.runs(), often.lateness().count), (0, 0));
        assert_eq!(amp.metrics().role(A).unwrap().lateness, None);
    });
}

#[test]
fn times_beyond_the_clock_never_come() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let a = amp.role(A).unwrap();
        let often = a.spawn_every(Duration::MAX, || unreachable!()).unwrap();
        // More nanoseconds than fit into 64 bits.
        let far = Instant::now() + Duration::from_nanos(u64::MAX) + Duration::from_secs(1);
        let once = a.spawn_at(far, || unreachable!()).unwrap();
        let soon = Instant::now() + Duration::from_millis(1);
        a.spawn_at(soon, || ()).unwrap().join().unwrap();
        a.with_time_to_live(Duration::MAX).spawn_at(soon, || ()).unwrap().join().unwrap();
        assert_eq!(amp.shutdown().cancelled, 1);
        often.join().unwrap();
        assert!(once.join().unwrap_err().is_cancelled());
    });
}

/// What a batch has pushed when its iterator panics runs.
fn batch_with_a_panic(
    spawn: impl Fn(&RoleHandle, Box<dyn Iterator<Item = Box<dyn FnOnce() + Send>>>),
) {
    let amp = one_role(8).build().unwrap();
    let a = amp.role(A).unwrap();
    until(|| amp.metrics().workers[0].parks == 1);
    let (done, is_done) = mpsc::channel();
    let closures = (0..2).map(move |n| {
        assert_eq!(n, 0, "on purpose");
        let done = done.clone();
        Box::new(move || done.send(()).unwrap()) as Box<dyn FnOnce() + Send>
    });
    catch_unwind(AssertUnwindSafe(|| spawn(&a, Box::new(closures)))).unwrap_err();
    is_done.recv().unwrap();
}

#[test]
fn a_batch_whose_iterator_panics_is_announced() {
    watchdog(|| {
        batch_with_a_panic(|a, closures| drop(a.try_spawn_batch(closures)));
        batch_with_a_panic(|a, closures| drop(a.spawn_batch(closures)));
    });
}

#[test]
fn a_stuck_task_that_was_lent_is_one_task() {
    watchdog(|| {
        let amp = b_lends_to_a(8).build().unwrap();
        let held = hold_a(&amp);
        let lent = hold(&amp.role(A).unwrap());
        held.release();
        let report = amp.shutdown_timeout(Duration::from_millis(200));
        assert_eq!(report.still_running, 1, "{report}");
        lent.let_go();
    });
}

#[test]
fn who_runs_out_of_time_is_turned_away_for_want_of_room() {
    watchdog(|| {
        let amp = one_role(1).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold(&a);
        let queued = a.try_spawn(|| ()).unwrap();
        assert!(a.try_spawn(|| ()).is_err());
        assert!(a.spawn_timeout(Duration::ZERO, || ()).is_err());
        held.release();
        queued.join().unwrap();
        let metrics = amp.metrics();
        let role = metrics.role(A).unwrap();
        assert_eq!((role.rejected, role.timed_out), (2, 1));
    });
}

#[test]
fn a_local_future_of_a_worker_that_leaves_is_accounted_for() {
    watchdog(|| {
        let spawn = |_: &WorkerPlacement| drop(spawn_local(async {}));
        let amp = one_role(8).on_thread_stop(spawn).build().unwrap();
        let _ = amp.shutdown();
        let metrics = amp.metrics();
        let role = metrics.role(A).unwrap();
        assert_eq!((role.admitted, role.cancelled), (1, 1));
    });
}

/// The lender that is called for a task of A has got work of its own just then.
#[test]
fn a_lender_that_does_not_help_calls_the_next_one() {
    watchdog(|| {
        let cores = usable();
        if cores.len() < 2 {
            return;
        }
        let on = |role, cores: &[usize]| RoleConfig::new(role).cores(cores.to_vec()).shared();
        let lenders = on(B, &cores[..2]).lend_to(A);
        let amp = AmpExecutor::builder().role(on(A, &cores[..1])).role(lenders).build().unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let held = hold_a(&amp);
        for _ in 0..200 {
            // They fall asleep one after the other. Who did so last is called first.
            for (worker, core) in [(1, cores[0]), (2, cores[1])] {
                let parks = || amp.metrics().workers[worker].parks;
                let before = parks();
                b.spawn_on_core(core, || ()).unwrap().join().unwrap();
                until(|| parks() > before);
            }
            let (release, released) = mpsc::channel::<()>();
            let own = b.spawn_on_core(cores[1], move || released.recv().is_err()).unwrap();
            a.spawn(|| ()).unwrap().join().unwrap();
            drop(release);
            own.join().unwrap();
        }
        held.release();
    });
}

/// A future that is suspended at its first poll. At the second it tells `begun`, waits for `go_on`, and is ready.
fn suspended(
    waker: &Arc<Mutex<Option<Waker>>>,
    begun: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
) -> impl Future<Output = ()> + Send + use<> {
    let (waker, go_on) = (Arc::clone(waker), Mutex::new(go_on));
    std::future::poll_fn(move |context| {
        let mut waker = waker.lock().unwrap();
        if waker.is_none() {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        begun.send(()).unwrap();
        let _ = go_on.lock().unwrap().recv();
        Poll::Ready(())
    })
}

#[test]
fn a_future_that_is_polled_in_place_and_suspended_is_accounted_for_once() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let a = amp.role(A).unwrap();
        let waker = Arc::default();
        let (begin, begun) = mpsc::channel();
        let future = suspended(&waker, begin, mpsc::channel().1);
        let spawner = a.clone();
        let outer = a.spawn(move || {
            let inner = spawner.spawn_future(future).unwrap();
            inner.join_timeout(Duration::ZERO).unwrap_err()
        });
        let inner = outer.unwrap().join().unwrap();
        waker.lock().unwrap().clone().unwrap().wake();
        begun.recv().unwrap();
        inner.join().unwrap();
        let _ = amp.shutdown();
        let metrics = amp.metrics();
        let role = metrics.role(A).unwrap();
        assert_eq!((role.admitted, role.completed, role.claimed), (2, 2, 0));
    });
}

/// The entry of the future that is run in place is gone before the future is done, and the task that runs it is not queued.
#[test]
fn the_last_future_of_a_closed_role_ends_in_place() {
    watchdog(|| {
        let cores = usable();
        if cores.len() < 2 {
            return;
        }
        let role = RoleConfig::new(A).cores(cores[..2].to_vec()).idle(IdlePolicy::Park);
        let amp = Arc::new(AmpExecutor::builder().role(role).build().unwrap());
        let a = amp.role(A).unwrap();
        let waker = Arc::default();
        let (begin, begun) = mpsc::channel();
        let (go_on, its_go_on) = mpsc::channel();
        let future = a.spawn_future(suspended(&waker, begin, its_go_on)).unwrap();
        until(|| waker.lock().unwrap().is_some() && amp.metrics().live_futures == 1);
        let held = hold(&a.on_core(cores[1]).unwrap());
        let its_waker = waker.lock().unwrap().clone().unwrap();
        let join = move || {
            its_waker.wake();
            future.join().unwrap();
        };
        let timed = a.on_core(cores[0]).unwrap().spawn_at(Instant::now(), join).unwrap();
        begun.recv().unwrap();
        held.release();
        until(|| amp.metrics().role(A).unwrap().queue_depth == 0);
        let ender = Arc::clone(&amp);
        let ending = std::thread::spawn(move || ender.shutdown());
        until(|| a.is_closed());
        let parks = || amp.metrics().workers[1].parks;
        let before = parks();
        // It may have fallen asleep behind the close already.
        let patience = Instant::now() + Duration::from_millis(50);
        until(|| parks() > before || Instant::now() > patience);
        drop(go_on);
        timed.join().unwrap();
        assert!(ending.join().unwrap().is_clean());
    });
}

/// A's worker spawns into A until it hears that this would never end.
fn spawn_until_it_would_deadlock(amp: &AmpExecutor) {
    let a = amp.role(A).unwrap();
    let spawner = a.clone();
    // Keyed, so that it is not lent.
    let error = a.keyed(&0).spawn(move || {
        loop {
            if let Err(error) = spawner.spawn_future(async {}) {
                return error;
            }
        }
    });
    assert_eq!(error.unwrap().join().unwrap(), SpawnError::WouldDeadlock(vec![A, A]));
}

#[test]
fn a_lender_that_may_take_nothing_hides_no_deadlock() {
    watchdog(|| spawn_until_it_would_deadlock(&b_lends_to_a(2).build().unwrap()));
}

#[test]
fn a_lender_that_has_left_hides_no_deadlock() {
    watchdog(|| {
        let amp = b_lends_to_a(2).build().unwrap();
        assert!(amp.drain_role(B).unwrap().is_clean());
        spawn_until_it_would_deadlock(&amp);
    });
}
