//! Batches: the one wake-up behind the last task is enough, and what has been pushed when the role is closed is run.

#![cfg(loom)]

use executor_common::sync::thread;
use loom_tests::role::{ROLE, model, one_core};
use loom_tests::{Done, check};

#[test]
fn a_batch_reaches_a_worker_that_lies_down_or_takes_it_as_it_comes() {
    check("batch: two tasks, one worker falling asleep", || {
        let (amp, [worker]) = model([one_core(2)]);
        let role = amp.handle().role(ROLE).unwrap();
        let done = Done::new();
        let tasks = [done.one(), done.one()];
        let spawning = thread::spawn(move || assert!(role.try_spawn_batch(tasks).is_complete()));
        worker.enter(|| worker.work_until(|| done.is(2)));
        spawning.join().unwrap();
    });
}

#[test]
fn a_batch_that_waits_for_room_wakes_who_makes_it() {
    check("batch: two tasks, room for one, worker falling asleep", || {
        let (amp, [worker]) = model([one_core(1)]);
        let role = amp.handle().role(ROLE).unwrap();
        let done = Done::new();
        let tasks = [done.one(), done.one()];
        let spawning = thread::spawn(move || assert_eq!(role.spawn_batch(tasks).unwrap().len(), 2));
        worker.enter(|| worker.work_until(|| done.is(2)));
        spawning.join().unwrap();
    });
}

#[test]
fn what_is_admitted_of_a_batch_that_meets_the_close_is_run() {
    check("batch: two tasks against close", || {
        let (amp, [worker]) = model([one_core(2)]);
        let role = amp.handle().role(ROLE).unwrap();
        let done = Done::new();
        let tasks = [done.one(), done.one()];
        let spawning = thread::spawn(move || role.try_spawn_batch(tasks).handles.len());
        amp.close(ROLE);
        worker.run();
        let admitted = spawning.join().unwrap();
        assert!(done.is(admitted), "what is admitted runs, and nothing else");
    });
}
