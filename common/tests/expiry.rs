//! Tasks that come too late for their start.

#![cfg(not(loom))]

mod support;

use std::future::pending;
use std::time::{Duration, Instant};

use executor_common::sync::Arc;
use executor_common::{
    DomainId, JoinHandle, RunOutcome, Runnable, WorkerCounters, block_on, expiring_closure_task,
    expiring_future_task, reclaim_closure, yield_now,
};
use support::{Bomb, CountsDrop, Queue, Reports, on_worker, watched};

/// An hour, which no test takes.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// As [`expiring_future_task`]; the test keeps `queue` until nobody runs the task any more.
fn future_task<F: Future<Output: Send> + Send + 'static>(
    queue: &Arc<Queue>,
    domain: DomainId,
    deadline: Instant,
    future: F,
) -> (Runnable, JoinHandle<F::Output>) {
    // SAFETY: the tests do as the line above says; future and output are `Send`.
    unsafe { expiring_future_task(domain, deadline, future, queue, 0) }
}

#[test]
fn an_expired_task_is_neither_cancelled_nor_a_panic() {
    let (runnable, handle) = expiring_closure_task(DomainId::unique(), Instant::now(), || ());
    assert!(!runnable.is_future());
    let id = handle.id();
    assert!(matches!(runnable.run(), RunOutcome::Expired));
    assert!(handle.is_finished());
    let error = handle.join().unwrap_err();
    assert!(error.is_expired());
    assert!(!error.is_cancelled() && !error.is_panic() && !error.is_self_join());
    assert_eq!(error.task_id(), id);
    assert_eq!(error.to_string(), format!("task {id} expired before it was started"));
    assert!(error.try_into_panic().unwrap_err().is_expired(), "the error comes back whole");
}

#[test]
fn what_is_started_in_time_runs() {
    let (runnable, handle) = expiring_closure_task(DomainId::unique(), far(), || 7);
    assert!(matches!(runnable.run(), RunOutcome::Finished));
    assert_eq!(handle.join().unwrap(), 7);

    let (queue, _tasks) = Queue::new();
    let (runnable, handle) = future_task(&queue, DomainId::unique(), far(), async { 7 });
    assert!(matches!(runnable.run(), RunOutcome::Finished));
    assert_eq!(handle.join().unwrap(), 7);
}

#[test]
fn a_detached_closure_expires_too() {
    let (held, dropped) = CountsDrop::new();
    let (runnable, handle) =
        expiring_closure_task(DomainId::unique(), Instant::now(), move || drop(held));
    drop(handle);
    assert!(matches!(runnable.run(), RunOutcome::Expired));
    assert_eq!(dropped.get(), 1);

    let (runnable, handle) = expiring_closure_task(DomainId::unique(), far(), || ());
    drop(handle);
    assert!(matches!(runnable.run(), RunOutcome::Finished));
}

#[test]
fn an_abort_before_the_turn_wins() {
    let (runnable, handle) = expiring_closure_task(DomainId::unique(), Instant::now(), || ());
    handle.abort();
    assert!(matches!(runnable.run(), RunOutcome::Cancelled));
    assert!(handle.join().unwrap_err().is_cancelled());

    let (runnable, handle) = expiring_closure_task(DomainId::unique(), Instant::now(), || ());
    assert!(matches!(runnable.cancel(), RunOutcome::Cancelled), "nobody asked for the time");
    assert!(handle.join().unwrap_err().is_cancelled());
}

#[test]
fn a_late_task_does_not_run_in_place_either() {
    watched(|| {
        let domain = DomainId::unique();
        let (runnable, handle) = expiring_closure_task(domain, Instant::now(), || ());
        let error = on_worker(domain, None, || handle.join()).unwrap_err();
        assert!(error.is_expired());
        assert!(matches!(runnable.run(), RunOutcome::Stale));

        let (queue, _tasks) = Queue::new();
        let (runnable, handle) = future_task(&queue, domain, Instant::now(), async {});
        assert!(runnable.is_future());
        let error = on_worker(domain, None, || handle.join()).unwrap_err();
        assert!(error.is_expired());
        assert!(matches!(runnable.run(), RunOutcome::StaleFuture));

        let (runnable, handle) = expiring_closure_task(domain, far(), || 7);
        assert_eq!(on_worker(domain, None, || handle.join()).unwrap(), 7);
        assert!(matches!(runnable.run(), RunOutcome::Stale));
    });
}

#[test]
fn a_future_that_has_been_polled_never_expires() {
    watched(|| {
        let (queue, tasks) = Queue::new();
        let mut time_to_live = Duration::from_millis(10);
        loop {
            let deadline = Instant::now() + time_to_live;
            let future = async move {
                yield_now().await;
                while Instant::now() < deadline {
                    std::hint::spin_loop();
                }
                yield_now().await;
                pending::<()>().await;
            };
            let (runnable, handle) = future_task(&queue, DomainId::unique(), deadline, future);
            let RunOutcome::Yielded(runnable) = runnable.run() else {
                // This thread was held up for so long.
                assert!(handle.join().unwrap_err().is_expired());
                time_to_live *= 2;
                continue;
            };
            let RunOutcome::Yielded(runnable) = runnable.run() else { panic!("it yields") };
            assert!(matches!(runnable.run(), RunOutcome::Suspended));
            handle.abort();
            assert!(matches!(tasks.recv().unwrap().run(), RunOutcome::Cancelled));
            assert!(block_on(handle).unwrap_err().is_cancelled());
            return;
        }
    });
}

/// Reclaims a closure that has been made a task.
fn there_and_back<F: FnOnce() -> usize + Send + 'static>(deadline: Instant, f: F) -> F {
    let (runnable, handle) = expiring_closure_task(DomainId::unique(), deadline, f);
    // SAFETY: the two come from the call above, with this `F`, and are untouched.
    unsafe { reclaim_closure(runnable, handle) }
}

#[test]
fn a_refused_closure_comes_back_bare() {
    let (held, dropped) = CountsDrop::new();
    let numbers = [1, 2, 3];
    let f = there_and_back(Instant::now(), move || {
        let _held = held;
        numbers.len()
    });
    assert_eq!(dropped.get(), 0);
    assert_eq!(f(), 3);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_destructor_that_panics_on_expiry_is_the_handle_s_or_the_hook_s() {
    for keep in [true, false] {
        let reports = Reports::new();
        let bomb = Bomb("the closure's panic");
        let (runnable, handle) =
            expiring_closure_task(DomainId::unique(), Instant::now(), move || {
                let _bomb = &bomb;
            });
        let handle = keep.then_some(handle);
        let outcome = reports.on_worker(|| runnable.run());
        assert!(matches!(outcome, RunOutcome::Expired));
        match handle {
            Some(handle) => assert!(handle.join().unwrap_err().is_panic()),
            None => assert_eq!(reports.count(), 1),
        }
    }
}

#[test]
fn what_expires_is_counted_and_did_not_run() {
    let counters = WorkerCounters::new(Instant::now());
    let (runnable, _handle) = expiring_closure_task(DomainId::unique(), Instant::now(), || ());
    counters.count(&runnable.run());
    let metrics = counters.snapshot();
    assert_eq!((metrics.expired, metrics.tasks_run, metrics.completed), (1, 0, 0));
    assert_eq!((metrics.cancelled, counters.ended()), (0, 0));
}
