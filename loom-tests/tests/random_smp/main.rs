//! Whole `SmpExecutor`s under random schedules: random programs, and what must hold after each of them.
//!
//! A program is a tree of tasks. Whoever spawns a task keeps its handle, and joins it, aborts it or lets it go. So nobody
//! waits for somebody who waits for him, and a program that does not end is the executor's fault.

#![cfg(shuttle)]

mod closures;
mod futures;

use std::time::Duration;

use executor_common::sync::thread;
use loom_tests::ledger::Ledger;
use loom_tests::random::{chance, check, pick};
use smp_executor::{CancellationToken, SmpExecutor, SmpHandle};

/// What all tasks of a program share.
#[derive(Clone)]
struct World {
    ledger: Ledger,
    handle: SmpHandle,
    /// Cancelled now and then.
    token: CancellationToken,
    /// Nothing is cancelled but what somebody aborts.
    is_drained: bool,
}

impl World {
    /// With room for so many tasks, and an executor whose injector has such a limit.
    fn with_executor(tasks: usize, limit: Option<usize>, is_drained: bool) -> (Self, SmpExecutor) {
        let ledger = Ledger::new(tasks);
        let told = ledger.clone();
        let mut builder = SmpExecutor::builder()
            .workers(pick(1..5))
            // Each task may block.
            .max_compensating_threads(tasks)
            .on_panic(move |_| told.note_panic());
        if let Some(limit) = limit {
            builder = builder.injector_limit(limit);
        }
        let executor = builder.build().expect("threads can be started");
        let (handle, token) = (executor.handle(), CancellationToken::new());
        (Self { ledger, handle, token, is_drained }, executor)
    }
}

/// Whatever the outsiders get accepted before the end begins runs to its end.
#[test]
fn a_shutdown_runs_what_was_accepted() {
    check("SMP: shutdown", || {
        let (world, executor) = World::with_executor(24, None, true);
        let outsiders = outsiders(&world);
        if chance(2) {
            broadcast(&executor);
        }
        join(outsiders);
        world.token.cancel();
        let report = executor.shutdown();
        assert_eq!(report.still_running, 0, "{report}");
        world.ledger.check_all_ended();
        drop(executor);
        world.ledger.check_end();
    });
}

/// At a random moment what has not started is cancelled, and nothing is lost.
#[test]
fn a_drop_cancels_what_has_not_started() {
    check("SMP: drop", || {
        let (world, executor) = World::with_executor(24, None, false);
        let outsiders = outsiders(&world);
        for _ in 0..pick(0..40) {
            thread::yield_now();
        }
        drop(executor);
        join(outsiders);
        world.ledger.check_end();
    });
}

/// The time is up at a random moment of the shutdown.
#[test]
fn a_shutdown_with_a_deadline_loses_nothing() {
    check("SMP: shutdown with a deadline", || {
        let (world, executor) = World::with_executor(24, None, false);
        let outsiders = outsiders(&world);
        for _ in 0..pick(0..20) {
            thread::yield_now();
        }
        let report = executor.shutdown_timeout(Duration::from_millis(pick(0..10) as u64));
        if chance(2) {
            let late = executor.shutdown();
            assert_eq!(late.still_running, 0, "{late}, after {report}");
        }
        drop(executor);
        join(outsiders);
        // Nobody waits for what was left running but this: if something is lost, it is too many steps.
        while !world.ledger.is_over() {
            thread::yield_now();
        }
        world.ledger.check_end();
    });
}

/// Outsiders wait for room, are refused, or give up.
#[test]
fn a_full_injector_admits_one_after_the_other() {
    check("SMP: admission", || {
        let ends_early = chance(2);
        let (world, executor) = World::with_executor(16, Some(pick(1..4)), !ends_early);
        let outsiders = outsiders(&world);
        if !ends_early {
            join(outsiders);
            world.token.cancel();
            let _ = executor.shutdown();
            world.ledger.check_all_ended();
            drop(executor);
        } else {
            for _ in 0..pick(0..40) {
                thread::yield_now();
            }
            drop(executor);
            join(outsiders);
        }
        world.ledger.check_end();
    });
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

fn broadcast(executor: &SmpExecutor) {
    let indices = executor.broadcast(|index| {
        assert_eq!(smp_executor::current_worker(), Some(index));
        index
    });
    assert!(indices.into_iter().eq(0..executor.workers()));
}
