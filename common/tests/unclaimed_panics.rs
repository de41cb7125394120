//! Panics that no handle takes, in hooks and in destructors.

#![cfg(not(loom))]

mod support;

use executor_common::panic::{caught, discard, payload_text};
use executor_common::sync::{Arc, Counter};
use executor_common::{DomainId, PanicHook, RunOutcome, closure_task};
use support::{Bomb, Queue, Reports, future_on, on_worker};

#[test]
fn the_hook_hears_of_a_panic_whose_handle_goes_later_on_another_thread() {
    let reports = Reports::new();
    let (runnable, handle) = closure_task::<_, ()>(DomainId::unique(), || panic!("late"));
    reports.on_worker(|| drop(runnable.run()));
    assert_eq!(reports.count(), 0, "the handle may still take it");
    // This thread has no hook: the panic carries the one of the executor where it happened.
    drop(handle);
    assert_eq!(reports.count(), 1);
}

#[test]
fn a_hook_that_panics_is_contained() {
    let calls = Arc::new(Counter::new());
    let counted = Arc::clone(&calls);
    let hook: PanicHook = Arc::new(move |_| {
        counted.add(1);
        panic!("the hook's own panic");
    });
    let (runnable, handle) = closure_task::<_, ()>(DomainId::unique(), || panic!("unclaimed"));
    drop(handle);
    let outcome = on_worker(DomainId::unique(), Some(hook), || runnable.run());
    assert!(matches!(outcome, RunOutcome::Panicked));
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_thread_without_a_hook_goes_on() {
    let (runnable, handle) = closure_task::<_, ()>(DomainId::unique(), || panic!("nobody listens"));
    drop(handle);
    assert!(matches!(runnable.run(), RunOutcome::Panicked));
}

/// A payload whose own destructor panics, again and again.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        std::panic::panic_any(Grenade);
    }
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_is_contained() {
    let (runnable, handle) =
        closure_task::<_, ()>(DomainId::unique(), || std::panic::panic_any(Grenade));
    drop(handle);
    assert!(matches!(runnable.run(), RunOutcome::Panicked));
}

#[test]
fn an_unwanted_output_s_destructor_panics_into_the_hook() {
    let reports = Reports::new();
    let (runnable, handle) = closure_task(DomainId::unique(), || Bomb("the output's panic"));
    drop(handle);
    let outcome = reports.on_worker(|| runnable.run());
    assert!(matches!(outcome, RunOutcome::Panicked));
    assert_eq!(reports.count(), 1);

    let (queue, _tasks) = Queue::new();
    let (runnable, handle) =
        future_on(&queue, DomainId::unique(), async { Bomb("the output's panic") });
    drop(handle);
    assert!(matches!(reports.on_worker(|| runnable.run()), RunOutcome::Panicked));
    assert_eq!(reports.count(), 2);
    assert_eq!(Arc::strong_count(&queue), 1, "the cell is freed all the same");
}

#[test]
fn an_output_that_a_handle_drops_panics_on_the_handle_s_thread() {
    let reports = Reports::new();
    let (queue, _tasks) = Queue::new();
    let (runnable, handle) =
        future_on(&queue, DomainId::unique(), async { Bomb("the output's panic") });
    assert!(matches!(reports.on_worker(|| runnable.run()), RunOutcome::Finished));
    let payload = caught(|| drop(handle)).unwrap_err();
    assert_eq!(payload_text(&*payload), "the output's panic");
    assert_eq!(reports.count(), 0);
    assert_eq!(Arc::strong_count(&queue), 1, "the cell is freed all the same");
}

#[test]
fn an_output_that_a_handle_drops_while_unwinding_does_not_abort() {
    let (runnable, handle) = closure_task(DomainId::unique(), || Bomb("the output's panic"));
    assert!(matches!(runnable.run(), RunOutcome::Finished));
    let payload = caught(move || {
        let _handle = handle;
        panic!("the first panic");
    })
    .unwrap_err();
    assert_eq!(payload_text(&*payload), "the first panic");
}

#[test]
fn a_destructor_that_panics_on_cancellation_is_the_handle_s_or_the_hook_s() {
    for keep in [true, false] {
        let reports = Reports::new();
        let bomb = Bomb("the closure's panic");
        let (runnable, handle) = closure_task(DomainId::unique(), move || {
            // Owned by the closure, which never runs.
            let _bomb = &bomb;
        });
        let handle = keep.then_some(handle);
        let outcome = reports.on_worker(|| runnable.cancel());
        assert!(matches!(outcome, RunOutcome::Cancelled));
        match handle {
            Some(handle) => assert!(handle.join().unwrap_err().is_panic()),
            None => assert_eq!(reports.count(), 1),
        }
    }
}

#[test]
fn a_waker_that_panics_does_not_reach_the_runner() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Wake, Waker};

    struct Explosive;
    impl Wake for Explosive {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("the waker's panic");
        }
    }

    let (runnable, mut handle) = closure_task(DomainId::unique(), || 7);
    let waker = Waker::from(std::sync::Arc::new(Explosive));
    assert!(pin!(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
    let outcome = caught(|| runnable.run()).map_err(discard);
    assert!(matches!(outcome, Ok(RunOutcome::Finished)));
    assert_eq!(handle.join().unwrap(), 7);
}
