//! Timed tasks: a worker does not sleep over a time that has been added, and no task is left behind where they end.

#![cfg(loom)]

use std::time::{Duration, Instant};

use amp_executor::model::{ModelAmp, ModelWorker};
use amp_executor::{MissedPeriods, PeriodicHandle, RoleHandle};
use executor_common::sync::{Arc, thread};
use loom_tests::role::{ROLE, model, one_core};
use loom_tests::{Done, Plain, check};

/// Longer than a model takes.
const LONG: Duration = Duration::from_secs(36_000);

fn one_worker() -> (Arc<ModelAmp>, RoleHandle, ModelWorker) {
    let (amp, [worker]) = model([one_core(2)]);
    let role = amp.handle().role(ROLE).unwrap();
    (Arc::new(amp), role, worker)
}

/// Adds a task that is due now, beside a worker that lies down.
fn add_beside(role: RoleHandle, worker: &ModelWorker) {
    let done = Done::new();
    let adding = {
        let done = done.clone();
        thread::spawn(move || role.spawn_at(Instant::now(), done.one()).unwrap().join().unwrap())
    };
    worker.enter(|| worker.work_until(|| done.is(1)));
    adding.join().unwrap();
}

#[test]
fn a_time_that_is_added_reaches_a_worker_that_lies_down() {
    check("timed: added, falling asleep", || {
        let (_amp, role, worker) = one_worker();
        add_beside(role, &worker);
    });
}

#[test]
fn an_earlier_time_reaches_a_worker_that_lies_down_for_a_later_one() {
    check("timed: earlier one added, falling asleep until a later one", || {
        let (_amp, role, worker) = one_worker();
        let later = role.spawn_at(Instant::now() + LONG, || ()).unwrap();
        add_beside(role, &worker);
        assert!(!later.is_finished());
    });
}

/// `act` goes on beside the close of a role and the end of its worker.
fn beside_the_end(act: impl FnOnce(RoleHandle) + 'static) {
    let (amp, role, worker) = one_worker();
    let acting = thread::spawn(move || act(role));
    amp.close(ROLE);
    worker.run();
    acting.join().unwrap();
}

#[test]
fn a_task_that_is_added_while_the_role_ends_runs_or_is_cancelled_or_refused() {
    check("timed: added against close", || {
        beside_the_end(|role| {
            let ran = Plain::new();
            let run = {
                let ran = ran.clone();
                move || ran.increment()
            };
            let Ok(task) = role.spawn_at(Instant::now(), run) else { return };
            match task.join() {
                Ok(()) => assert_eq!(ran.get(), 1),
                Err(error) => assert!(error.is_cancelled() && ran.get() == 0),
            }
        });
    });
}

#[test]
fn a_task_whose_time_is_far_away_is_cancelled_by_the_end() {
    check("timed: far away, close against falling asleep", || {
        let (amp, role, worker) = one_worker();
        let task = role.spawn_at(Instant::now() + LONG, || ()).unwrap();
        let closing = thread::spawn(move || amp.close(ROLE));
        worker.run();
        closing.join().unwrap();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

/// What a periodic task has done, and whether its closure is gone.
struct Ticks {
    ran: Plain,
    gone: Done,
}

/// Calls what it has when it is dropped.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|last| last());
    }
}

/// A task that is due now, and again when the model is long over.
fn periodic(role: &RoleHandle) -> (PeriodicHandle, Ticks) {
    let ticks = Ticks { ran: Plain::new(), gone: Done::new() };
    let (ran, last) = (ticks.ran.clone(), OnDrop(Some(ticks.gone.one())));
    let run = move || {
        let _last = &last;
        ran.increment();
    };
    let handle = role.spawn_every_from(Instant::now(), LONG, MissedPeriods::Skip, run).unwrap();
    (handle, ticks)
}

/// Stops a task on a thread of its own.
fn stop(ticking: PeriodicHandle) -> thread::JoinHandle<PeriodicHandle> {
    thread::spawn(move || {
        ticking.stop();
        ticking
    })
}

#[test]
fn a_stop_meets_a_periodic_task_before_in_and_after_its_run() {
    check("timed: stop against run and falling asleep", || {
        let (_amp, role, worker) = one_worker();
        let (ticking, ticks) = periodic(&role);
        let stopping = stop(ticking);
        worker.enter(|| worker.work_until(|| ticks.gone.is(1)));
        stopping.join().unwrap().join().unwrap();
        assert!(ticks.ran.get() <= 1);
    });
}

#[test]
fn the_end_ends_a_periodic_task() {
    check("timed: periodic task against close", || {
        let (amp, role, worker) = one_worker();
        let (ticking, ticks) = periodic(&role);
        let closing = thread::spawn(move || amp.close(ROLE));
        worker.run();
        ticking.join().unwrap();
        assert!(ticks.ran.get() <= 1 && ticks.gone.is(1));
        closing.join().unwrap();
    });
}

#[test]
fn a_stop_races_with_the_end() {
    check("timed: stop against close", || {
        let (amp, role, worker) = one_worker();
        let (ticking, ticks) = periodic(&role);
        let stopping = stop(ticking);
        amp.close(ROLE);
        worker.run();
        stopping.join().unwrap().join().unwrap();
        assert!(ticks.ran.get() <= 1 && ticks.gone.is(1));
    });
}

/// Aborted before its first run, in it, or while it waits for the next, which the end of the role makes its last.
#[test]
fn an_abort_of_a_periodic_task_races_with_its_run_and_the_end() {
    check("timed: abort against run and close", || {
        let (amp, role, worker) = one_worker();
        let (ticking, ticks) = periodic(&role);
        let abort = ticking.abort_handle();
        let aborting = thread::spawn(move || abort.abort());
        amp.close(ROLE);
        worker.run();
        aborting.join().unwrap();
        if let Err(error) = ticking.join() {
            assert!(error.is_cancelled());
        }
        assert!(ticks.ran.get() <= 1 && ticks.gone.is(1));
    });
}
