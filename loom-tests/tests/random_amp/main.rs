//! Whole `AmpExecutor`s under random schedules: random programs, and what must hold after each of them.
//!
//! Three roles with full rings, the first one with two workers; the last one may lend to it. A worker waits for other roles only where
//! the executor promises to notice that nobody would ever end the wait: for room, and for the answer to a call.

#![cfg(shuttle)]

mod closures;
mod futures;
mod timed;

use std::time::Duration;

use amp_executor::{AmpExecutor, Event, IdlePolicy, Role, RoleConfig, RoleHandle};
use executor_common::sync::thread;
use loom_tests::ledger::Ledger;
use loom_tests::random::{chance, check, pick};
use loom_tests::role::builder;

const ROLES: [Role; 3] = [Role::new("wide"), Role::new("middle"), Role::new("lender")];

/// What a worker of each role keeps.
#[derive(Debug, Default)]
struct Uses(usize);

/// What all tasks of a program share.
#[derive(Clone)]
struct World {
    ledger: Ledger,
    roles: [RoleHandle; 3],
}

impl World {
    /// With room for so many tasks.
    fn with_executor(tasks: usize) -> (Self, AmpExecutor) {
        let ledger = Ledger::new(tasks);
        let told = ledger.clone();
        let lends = chance(2);
        let cores: [&[usize]; 3] = [&[0, 1], &[2], &[3]];
        let roles = ROLES.iter().zip(cores).map(|(role, cores)| {
            let config = RoleConfig::new(*role)
                .cores(cores.iter().copied())
                .capacity(pick(1..4))
                .idle(if chance(2) { IdlePolicy::Park } else { IdlePolicy::Backoff });
            if lends && *role == ROLES[2] { config.lend_to(ROLES[0]) } else { config }
        });
        let mut builder = builder(roles).on_panic(move |_| told.note_panic()).on_event(|event| {
            let is_defect = matches!(event, Event::WorkerRestarted { .. });
            assert!(!is_defect, "{event:?}");
        });
        for role in ROLES {
            builder = builder.state(role, |_| Uses::default());
        }
        if chance(4) {
            builder = builder.stall_limit(Duration::from_millis(1));
        }
        let executor = builder.build().expect("the roles fit");
        let roles = ROLES.map(|role| executor.role(role).expect("declared above"));
        (Self { ledger, roles }, executor)
    }

    fn role(&self) -> &RoleHandle {
        &self.roles[pick(0..self.roles.len())]
    }
}

/// Whatever was accepted runs to its end, role by role.
#[test]
fn a_shutdown_runs_what_was_accepted() {
    check("AMP: shutdown", || {
        let (world, executor) = World::with_executor(24);
        join(outsiders(&world));
        let report = executor.shutdown();
        assert_eq!(report.still_running, 0, "{report}");
        world.ledger.check_all_ended();
        drop(executor);
        world.ledger.check_end();
    });
}

/// The roles end one after the other while others spawn, wait for room and call.
#[test]
fn roles_end_one_by_one() {
    check("AMP: drained roles", || {
        let (world, executor) = World::with_executor(24);
        let outsiders = outsiders(&world);
        for index in 0..pick(1..4) {
            pause(40);
            let role = ROLES[(index + pick(0..3)) % 3];
            let report = executor.drain_role(role).expect("declared");
            assert_eq!(report.still_running, 0, "{report}");
        }
        if chance(2) {
            join(outsiders);
            drop(executor);
        } else {
            let _ = executor.shutdown();
            join(outsiders);
            world.ledger.check_all_ended();
            drop(executor);
        }
        world.ledger.check_end();
    });
}

/// At a random moment what has not started is cancelled, blocked spawners are released, and nothing is lost.
#[test]
fn a_drop_cancels_what_has_not_started() {
    check("AMP: drop", || {
        let (world, executor) = World::with_executor(24);
        let outsiders = outsiders(&world);
        pause(60);
        drop(executor);
        join(outsiders);
        world.ledger.check_end();
    });
}

/// The time is up at a random moment of the shutdown.
#[test]
fn a_shutdown_with_a_deadline_loses_nothing() {
    check("AMP: shutdown with a deadline", || {
        let (world, executor) = World::with_executor(24);
        let outsiders = outsiders(&world);
        pause(40);
        let report = executor.shutdown_timeout(Duration::from_millis(pick(0..10) as u64));
        if chance(2) {
            let late = executor.shutdown();
            assert_eq!(late.still_running, 0, "{late}, after {report}");
        }
        drop(executor);
        join(outsiders);
    });
}

fn pause(most: usize) {
    for _ in 0..pick(0..most) {
        thread::yield_now();
    }
}

fn outsiders(world: &World) -> Vec<thread::JoinHandle<()>> {
    let one = || {
        let world = world.clone();
        thread::spawn(move || closures::outsider(&world))
    };
    (0..pick(1..4)).map(|_| one()).collect()
}

fn join(outsiders: Vec<thread::JoinHandle<()>>) {
    for outsider in outsiders {
        outsider.join().expect("an outsider does not panic");
    }
}
