//! Blocking spawns and calls: room reaches who waits for it, the end of a role releases everybody, and of those who wait for one
//! another in a cycle exactly one is told.

#![cfg(loom)]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use amp_executor::model::{ModelAmp, ModelWorker};
use amp_executor::{CallError, Role, RoleConfig, RoleHandle, SpawnError};
use executor_common::sync::{Arc, thread};
use executor_common::{JoinHandle, Parker, Unparker, block_on};
use loom_tests::role::{ROLE, model, one_core};
use loom_tests::{Done, Pause, check};

const OTHER: Role = Role::new("other");

/// [`ROLE`] and [`OTHER`], with one worker and room for one task each.
struct Pair {
    roles: [RoleHandle; 2],
    workers: [ModelWorker; 2],
    _amp: ModelAmp,
}

fn pair() -> Pair {
    let other = RoleConfig::new(OTHER).cores([1]).capacity(1);
    let (amp, workers) = model([one_core(1), other]);
    Pair { roles: [ROLE, OTHER].map(|role| amp.handle().role(role).unwrap()), workers, _amp: amp }
}

/// Has each of two workers wait for the other one's role, and then run what is there. Counts what they have run.
fn cycle<E>(
    pair: Pair,
    wait: impl Fn(&RoleHandle, &Done) -> Result<(), E> + Clone + 'static,
    is_deadlock: impl Fn(&E) -> bool,
) -> Done
where
    E: 'static,
{
    let [role, other] = pair.roles;
    let [worker, other_worker] = pair.workers;
    let ran = Done::new();
    let run = |worker: ModelWorker, target: RoleHandle| {
        let (wait, ran) = (wait.clone(), ran.clone());
        move || {
            let mut outcome = None;
            worker.enter(|| {
                outcome = Some(wait(&target, &ran));
                while worker.run_next() {}
            });
            outcome.expect("the worker has been entered")
        }
    };
    let elsewhere = thread::spawn(run(other_worker, role));
    let outcomes = [run(worker, other)(), elsewhere.join().unwrap()];
    match outcomes {
        [Ok(()), Err(error)] | [Err(error), Ok(())] => assert!(is_deadlock(&error)),
        _ => panic!("exactly one of the two is told"),
    }
    ran
}

#[test]
fn of_two_workers_that_call_each_other_one_is_told() {
    check("calls: cycle of two", || {
        let ran = cycle(
            pair(),
            |role, ran| role.call_blocking(ran.one()),
            |error| matches!(error, CallError::Spawn(SpawnError::WouldDeadlock(_))),
        );
        assert!(ran.is(1), "what is refused does not run");
    });
}

#[test]
fn of_two_workers_that_wait_for_each_other_s_room_one_is_told() {
    check("spawns: cycle of two", || {
        let pair = pair();
        for role in &pair.roles {
            drop(role.try_spawn(|| ()).unwrap());
        }
        cycle(
            pair,
            |role, ran| role.spawn(ran.one()).map(drop),
            |error| matches!(error, SpawnError::WouldDeadlock(_)),
        );
    });
}

#[test]
fn room_reaches_a_worker_that_waits_for_it() {
    check("spawns: worker blocked twice, room", || {
        let Pair { roles: [role, other], workers: [worker, other_worker], _amp } = pair();
        drop(other.try_spawn(|| ()).unwrap());
        let working = thread::spawn(move || {
            other_worker.enter(|| {
                for _ in 0..2 {
                    while !other_worker.run_next() {
                        thread::yield_now();
                    }
                }
            });
        });
        worker.enter(|| {
            assert!(other.spawn(|| ()).is_ok());
            assert!(other.spawn(|| ()).is_ok());
        });
        working.join().unwrap();
        drop(role);
    });
}

#[test]
fn an_answer_reaches_the_future_that_called() {
    check("calls: answer, falling asleep", || {
        let Pair { roles: [role, other], workers: [worker, other_worker], _amp } = pair();
        let answered = Done::new();
        let answer = answered.one();
        let calling = async move { other.call(answer).await.is_ok() };
        let handle = role.try_spawn_future(calling).unwrap();
        worker.enter(|| {
            assert!(worker.run_next());
            let working = thread::spawn(move || {
                other_worker.enter(|| assert!(other_worker.run_next()));
            });
            worker.work_until(|| handle.is_finished());
            working.join().unwrap();
        });
        assert!(handle.join().unwrap() && answered.is(1));
    });
}

/// One role, whose lane for all and lane of its core are full, and its worker.
fn full() -> (Arc<ModelAmp>, [RoleHandle; 2], ModelWorker) {
    let (amp, [worker]) = model([one_core(1)]);
    let role = amp.handle().role(ROLE).unwrap();
    let roles = [role.clone(), role.on_core(0).unwrap()];
    for role in &roles {
        drop(role.try_spawn(|| ()).unwrap());
    }
    (Arc::new(amp), roles, worker)
}

type Spawned = Result<JoinHandle<()>, SpawnError>;

/// Spawns on a thread of its own.
fn spawn_elsewhere(
    role: RoleHandle,
    spawn: impl FnOnce(RoleHandle) -> Spawned + 'static,
) -> thread::JoinHandle<Spawned> {
    thread::spawn(move || spawn(role))
}

/// Closes the role beside a spawner that waits.
fn close_beside(lane: usize, spawn: impl FnOnce(RoleHandle) -> Spawned + 'static) {
    let (amp, roles, _worker) = full();
    let spawning = spawn_elsewhere(roles[lane].clone(), spawn);
    amp.close(ROLE);
    assert_eq!(spawning.join().unwrap().unwrap_err(), SpawnError::Closed);
}

fn blocking(role: RoleHandle) -> Spawned {
    role.spawn(|| ())
}

fn awaiting(role: RoleHandle) -> Spawned {
    block_on(role.spawn_wait(|| ()))
}

#[test]
fn the_close_releases_blocked_spawners() {
    check("spawns: blocked, close", || close_beside(0, blocking));
    check("spawns: blocked in a core's lane, close", || close_beside(1, blocking));
    check("spawns: awaiting room, close", || close_beside(0, awaiting));
}

/// The worker makes room once, beside a spawner that waits for it.
fn room_beside(lane: usize, spawn: impl FnOnce(RoleHandle) -> Spawned + 'static) {
    let (_amp, roles, worker) = full();
    let spawning = spawn_elsewhere(roles[lane].clone(), spawn);
    worker.enter(|| assert!(worker.run_next() && worker.run_next()));
    assert!(spawning.join().unwrap().is_ok());
}

#[test]
fn room_reaches_a_spawner_that_waits_for_it() {
    check("spawns: blocked, room", || room_beside(0, blocking));
    check("spawns: blocked in a core's lane, room", || room_beside(1, blocking));
    check("spawns: awaiting room, room", || room_beside(0, awaiting));
}

fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Has a future wait for room on a thread of its own, which goes on with `f` once it is woken. The way to wake it.
fn await_room(
    role: &RoleHandle,
    f: impl FnOnce(&mut (dyn Future<Output = Spawned> + Unpin)) + 'static,
) -> (thread::JoinHandle<()>, Unparker) {
    let (parker, registered) = (Parker::new(), Parker::new());
    let (wake, register) = (parker.unparker(), registered.unparker());
    let mut waiting = role.spawn_wait(|| ());
    let thread = thread::spawn(move || {
        assert!(poll_once(&mut waiting, &Waker::from(parker.unparker())).is_pending());
        register.unpark();
        parker.park();
        f(&mut waiting);
    });
    registered.park();
    (thread, wake)
}

/// The first one is polled without having been notified, and finds room by its own look, or goes. It may be in the queue still
/// when more room is made. The second one relies on its notification alone.
#[test]
fn a_notification_spent_on_one_that_has_its_room_or_goes_reaches_the_next() {
    check("spawns: two await room, the first goes", || {
        let (amp, [worker]) = model([one_core(2)]);
        let role = amp.handle().role(ROLE).unwrap();
        for _ in 0..2 {
            drop(role.try_spawn(|| ()).unwrap());
        }
        let (first, wake) = await_room(&role, |mut first| {
            let _ = poll_once(&mut first, Waker::noop());
        });
        let (second, _) = await_room(&role, |second| assert!(block_on(second).is_ok()));
        wake.unpark();
        worker.enter(|| assert!(worker.run_next() && worker.run_next()));
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// The workers may be held for ever: who cancels does not leave to them what is on its way.
#[test]
fn a_spawn_that_races_with_the_cancellation_is_refused_or_cancelled() {
    fn cancel_beside(spawn: impl FnOnce(&RoleHandle) -> Option<JoinHandle<()>> + 'static) {
        let (amp, [_held]) = model([one_core(1)]);
        let role = amp.handle().role(ROLE).unwrap();
        let spawning = thread::spawn(move || spawn(&role));
        amp.cancel();
        if let Some(handle) = spawning.join().unwrap() {
            assert!(handle.is_finished());
        }
    }
    check("spawns: closure against cancel", || {
        cancel_beside(|role| role.try_spawn(|| ()).ok());
    });
    check("spawns: future against cancel", || {
        cancel_beside(|role| role.try_spawn_future(async {}).ok());
    });
    check("spawns: timed task against cancel", || {
        cancel_beside(|role| role.spawn_at(Instant::now(), || ()).ok());
    });
}

/// The spawner gets the room that the end makes, or is refused; what it has spawned by then is run.
#[test]
fn a_drain_beside_a_blocked_spawner() {
    check("spawns: blocked, drain", || {
        let (amp, roles, worker) = full();
        let spawning = spawn_elsewhere(roles[0].clone(), blocking);
        amp.close(ROLE);
        worker.run();
        assert!(amp.drain(ROLE).is_clean());
        match spawning.join().unwrap() {
            Ok(handle) => handle.join().unwrap(),
            Err(error) => assert_eq!(error, SpawnError::Closed),
        }
    });
}

#[test]
fn a_wake_up_of_a_role_s_future_races_with_the_drain() {
    check("spawns: future woken, drain", || {
        let (amp, [worker]) = model::<1>([one_core(1)]);
        let (amp, pause) = (Arc::new(amp), Pause::new());
        let handle = amp.handle().role(ROLE).unwrap().try_spawn_future(pause.wait()).unwrap();
        worker.enter(|| assert!(worker.run_next()));
        let waker = pause.waker().expect("it has been polled");
        let waking = thread::spawn(move || waker.wake());
        amp.close(ROLE);
        worker.run();
        handle.join().unwrap();
        waking.join().unwrap();
    });
}
