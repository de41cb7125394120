//! The end of a role, seen by those who look without a lock: what does not begin any more, and what is over.

#![cfg(loom)]

use std::time::Instant;

use amp_executor::{Role, RoleConfig};
use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{Arc, thread};
use loom_tests::check;
use loom_tests::role::{NORMAL, ROLE, channel, model, one_core};

/// A worker that takes its next task after the stop knows of the stop, if the one who stops has not seen that it took one.
#[test]
fn nothing_begins_behind_the_task_that_a_stopper_sees() {
    check("stop: two tasks, the first one is seen", || {
        let (amp, [worker]) = model([one_core(1)]);
        let role = amp.handle().role(ROLE).unwrap();
        let first = role.try_spawn(|| ()).unwrap();
        let second = role.spawn_at(Instant::now(), || ()).unwrap();
        let working = thread::spawn(move || {
            worker.enter(|| assert!(worker.run_next() && worker.run_timed()));
        });
        amp.stop(ROLE);
        let first_runs = amp.in_task(ROLE) == 1 && !first.is_finished();
        working.join().unwrap();
        if first_runs {
            assert!(second.join().unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn who_sees_that_a_task_is_over_sees_what_it_did() {
    check("stop: a task begins and ends", || {
        let (amp, [worker]) = model([one_core(1)]);
        let task = amp.handle().role(ROLE).unwrap().try_spawn(|| ()).unwrap();
        let working = thread::spawn(move || worker.enter(|| assert!(worker.run_next())));
        if amp.in_task(ROLE) == 1 && amp.in_task(ROLE) == 0 {
            assert!(task.is_finished());
        }
        working.join().unwrap();
    });
}

#[test]
fn who_sees_that_a_lender_is_gone_sees_what_it_did() {
    check("stop: a lender comes and goes", || {
        let lends = RoleConfig::new(Role::new("lender")).cores([1]).capacity(1).lend_to(ROLE);
        let (amp, [_busy, lender]) = model([one_core(1), lends]);
        let task = amp.handle().role(ROLE).unwrap().try_spawn(|| ()).unwrap();
        let lending = thread::spawn(move || lender.enter(|| assert!(lender.run_lent())));
        if amp.borrowed(ROLE) == 1 && amp.borrowed(ROLE) == 0 {
            assert!(task.is_finished());
        }
        lending.join().unwrap();
    });
}

/// As a role's flag is set before its channel is closed, and a worker looks for both.
#[test]
fn who_finds_a_ring_at_its_end_sees_what_came_before_the_close() {
    check("stop: flag and close", || {
        let (channel, [_parker]) = channel::<1>();
        let channel = Arc::new(channel);
        let closing = Arc::new(AtomicBool::new(false));
        let stopping = {
            let (channel, closing) = (Arc::clone(&channel), Arc::clone(&closing));
            thread::spawn(move || {
                // Ordering: Relaxed, as the role's flag; the close is what orders it.
                closing.store(true, Ordering::Relaxed);
                channel.lane(NORMAL).ring().close();
            })
        };
        if channel.lane(NORMAL).ring().is_drained() {
            // Ordering: as above.
            assert!(closing.load(Ordering::Relaxed));
        }
        stopping.join().unwrap();
    });
}
