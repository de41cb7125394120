//! A closure's task: run against abort, against the handle's drop, against a claim by the joining thread. The same for one
//! that has expired by then, and for one that has a deadline and is in time.

#![cfg(loom)]

use std::time::{Duration, Instant};

use executor_common::sync::thread;
use executor_common::{
    AbortHandle, DomainId, JoinHandle, RunOutcome, Runnable, closure_task, enter_domain,
    expiring_closure_task,
};
use loom_tests::{Plain, Witness, check};

/// What a model looks at once its threads are done.
struct Observed {
    /// How often the closure ran.
    ran: Plain,
    /// How often what it had captured was dropped.
    work_dropped: Plain,
    /// How often its output was dropped.
    output_dropped: Plain,
}

/// A task whose output is a [`Witness`].
fn observed_task(domain: DomainId) -> (Runnable, JoinHandle<Witness>, Observed) {
    observed(|f| closure_task(domain, f))
}

/// As [`observed_task`], for a task that has expired whenever its turn comes.
fn expired_task(domain: DomainId) -> (Runnable, JoinHandle<Witness>, Observed) {
    observed(|f| expiring_closure_task(domain, Instant::now(), f))
}

/// What the executor's constructors take here.
type Boxed = Box<dyn FnOnce() -> Witness + Send>;

fn observed(
    task: impl FnOnce(Boxed) -> (Runnable, JoinHandle<Witness>),
) -> (Runnable, JoinHandle<Witness>, Observed) {
    let ran = Plain::new();
    let (captured, work_dropped) = Witness::new();
    let (output, output_dropped) = Witness::new();
    let runs = ran.clone();
    let (runnable, handle) = task(Box::new(move || {
        let _captured = captured;
        runs.increment();
        output
    }));
    (runnable, handle, Observed { ran, work_dropped, output_dropped })
}

impl Observed {
    /// Everything was dropped once, whatever became of the task.
    fn nothing_is_left(&self) {
        assert_eq!(self.work_dropped.get(), 1);
        assert_eq!(self.output_dropped.get(), 1);
    }
}

/// Requires what a handle may see: the output of one run, or a cancellation without a run.
fn joined(handle: JoinHandle<Witness>, observed: &Observed) {
    match handle.join() {
        Ok(output) => {
            assert_eq!(observed.ran.get(), 1);
            assert_eq!(observed.output_dropped.get(), 0, "the output is the handle's");
            drop(output);
        }
        Err(error) => {
            assert!(error.is_cancelled());
            assert_eq!(observed.ran.get(), 0, "a cancelled closure never ran");
        }
    }
    observed.nothing_is_left();
}

/// Requires what the handle of an expired task may see, which nobody has run.
fn joined_late(handle: JoinHandle<Witness>, observed: &Observed) {
    let error = handle.join().unwrap_err();
    assert!(error.is_expired(), "{error}");
    assert_eq!(observed.ran.get(), 0, "an expired closure never ran");
    observed.nothing_is_left();
}

fn abort(handle: AbortHandle) {
    handle.abort();
}

#[test]
fn run_against_abort_against_detach() {
    check("closure: run, abort, detach", || {
        let (runnable, handle, observed) = observed_task(DomainId::unique());
        let aborter = handle.abort_handle();
        let runner = thread::spawn(move || runnable.run());
        let aborting = thread::spawn(move || abort(aborter));
        drop(handle);
        let outcome = runner.join().unwrap();
        aborting.join().unwrap();
        let ran = usize::from(matches!(outcome, RunOutcome::Finished));
        assert_eq!(observed.ran.get(), ran, "{outcome:?}");
        observed.nothing_is_left();
    });
}

#[test]
fn run_against_abort_against_join() {
    check("closure: run, abort, join", || {
        let (runnable, handle, observed) = observed_task(DomainId::unique());
        let aborter = handle.abort_handle();
        let runner = thread::spawn(move || drop(runnable.run()));
        let aborting = thread::spawn(move || abort(aborter));
        joined(handle, &observed);
        runner.join().unwrap();
        aborting.join().unwrap();
    });
}

#[test]
fn a_claim_by_the_joining_thread_against_the_queue() {
    check("closure: claim, run", || {
        let domain = DomainId::unique();
        let (runnable, handle, observed) = observed_task(domain);
        let runner = thread::spawn(move || runnable.run());
        enter_domain(domain, None);
        joined(handle, &observed);
        assert_eq!(observed.ran.get(), 1, "nobody cancelled it");
        let outcome = runner.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Finished | RunOutcome::Stale), "{outcome:?}");
    });
}

#[test]
fn a_claim_against_the_queue_against_abort() {
    check("closure: claim, run, abort", || {
        let domain = DomainId::unique();
        let (runnable, handle, observed) = observed_task(domain);
        let aborter = handle.abort_handle();
        let runner = thread::spawn(move || drop(runnable.run()));
        let aborting = thread::spawn(move || abort(aborter));
        enter_domain(domain, None);
        joined(handle, &observed);
        runner.join().unwrap();
        aborting.join().unwrap();
    });
}

#[test]
fn dropped_unrun_against_join() {
    check("closure: dropped unrun, join", || {
        let (runnable, handle, observed) = observed_task(DomainId::unique());
        let queue = thread::spawn(move || drop(runnable));
        joined(handle, &observed);
        assert_eq!(observed.ran.get(), 0);
        queue.join().unwrap();
    });
}

#[test]
fn dropped_unrun_against_a_claim() {
    check("closure: dropped unrun, claim", || {
        let domain = DomainId::unique();
        let (runnable, handle, observed) = observed_task(domain);
        let queue = thread::spawn(move || drop(runnable));
        enter_domain(domain, None);
        joined(handle, &observed);
        queue.join().unwrap();
    });
}

#[test]
fn abort_handles_outlive_everything() {
    check("closure: abort handles last", || {
        let (runnable, handle, observed) = observed_task(DomainId::unique());
        let first = handle.abort_handle();
        let second = first.clone();
        let work_dropped = observed.work_dropped.clone();
        let runner = thread::spawn(move || drop(runnable.run()));
        let looking = thread::spawn(move || {
            if first.is_finished() {
                assert_eq!(work_dropped.get(), 1, "finished means that the closure is gone");
            }
        });
        drop(handle);
        drop(second);
        runner.join().unwrap();
        looking.join().unwrap();
        assert_eq!(observed.ran.get(), 1);
        observed.nothing_is_left();
    });
}

#[test]
fn expiry_against_abort_against_detach() {
    check("closure: expires, abort, detach", || {
        let (runnable, handle, observed) = expired_task(DomainId::unique());
        let aborter = handle.abort_handle();
        let runner = thread::spawn(move || runnable.run());
        let aborting = thread::spawn(move || abort(aborter));
        drop(handle);
        let outcome = runner.join().unwrap();
        aborting.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Expired | RunOutcome::Cancelled), "{outcome:?}");
        assert_eq!(observed.ran.get(), 0);
        observed.nothing_is_left();
    });
}

#[test]
fn expiry_against_detach() {
    check("closure: expires, detach", || {
        let (runnable, handle, observed) = expired_task(DomainId::unique());
        let runner = thread::spawn(move || runnable.run());
        drop(handle);
        let outcome = runner.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Expired), "{outcome:?}");
        assert_eq!(observed.ran.get(), 0);
        observed.nothing_is_left();
    });
}

#[test]
fn expiry_against_join() {
    check("closure: expires, join", || {
        let (runnable, handle, observed) = expired_task(DomainId::unique());
        let runner = thread::spawn(move || drop(runnable.run()));
        joined_late(handle, &observed);
        runner.join().unwrap();
    });
}

#[test]
fn expiry_against_a_claim_by_the_joining_thread() {
    check("closure: expires, claim, run", || {
        let domain = DomainId::unique();
        let (runnable, handle, observed) = expired_task(domain);
        let runner = thread::spawn(move || runnable.run());
        enter_domain(domain, None);
        joined_late(handle, &observed);
        let outcome = runner.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Expired | RunOutcome::Stale), "{outcome:?}");
    });
}

#[test]
fn a_claim_in_time_against_the_queue() {
    check("closure: in time, claim, run", || {
        let domain = DomainId::unique();
        let far = Instant::now() + Duration::from_secs(3600);
        let (runnable, handle, observed) = observed(|f| expiring_closure_task(domain, far, f));
        let runner = thread::spawn(move || runnable.run());
        enter_domain(domain, None);
        joined(handle, &observed);
        assert_eq!(observed.ran.get(), 1, "nobody cancelled it");
        let outcome = runner.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Finished | RunOutcome::Stale), "{outcome:?}");
    });
}
