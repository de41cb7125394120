//! Tasks that do not end, beside a shutdown: it reports them, and the program goes on.

mod support;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use smp_executor::{ExecutorMetrics, SmpExecutor};
use support::{pool, watched};

/// Wakes itself whenever it is polled, and is never ready.
struct Restless {
    polls: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
}

impl Future for Restless {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Restless {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// A pool with restless futures on all workers, and their counts of polls and drops.
fn restless(
    workers: usize,
) -> (SmpExecutor, Vec<smp_executor::JoinHandle<()>>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let executor = pool(workers);
    let (polls, drops) = (Arc::default(), Arc::default());
    let handles = (0..2 * workers)
        .map(|_| {
            let (polls, drops) = (Arc::clone(&polls), Arc::clone(&drops));
            executor.spawn_future(Restless { polls, drops })
        })
        .collect();
    (executor, handles, polls, drops)
}

/// Waits until the workers have counted so many tasks: a handle may hear of the end first, while the task still holds its worker.
fn wait_until_counted(executor: &SmpExecutor, tasks: u64) {
    let completed =
        |metrics: ExecutorMetrics| metrics.workers.iter().map(|w| w.completed).sum::<u64>();
    while completed(executor.metrics()) < tasks {
        std::thread::yield_now();
    }
}

/// All kinds of tasks get their turn beside the restless ones.
fn others_go_on(executor: &SmpExecutor) {
    let tasks: Vec<_> = (0..50).map(|n| executor.spawn(move || n)).collect();
    let futures: Vec<_> = (0..50).map(|n| executor.spawn_future(async move { n })).collect();
    for (n, (task, future)) in tasks.into_iter().zip(futures).enumerate() {
        assert_eq!((task.join().unwrap(), future.join().unwrap()), (n, n));
    }
    assert_eq!(executor.map_reduce(0..1_000_u64, || 0, |n| n, |a, b| a + b), 499_500);
    wait_until_counted(executor, 101);
}

#[test]
fn futures_that_wake_themselves_for_ever_let_others_go_on_and_are_cancelled_at_the_time_limit() {
    watched(|| {
        for workers in [1, 2, 3] {
            let (executor, handles, polls, drops) = restless(workers);
            others_go_on(&executor);
            let report = executor.shutdown_timeout(Duration::from_millis(2));
            // One that is just being polled is reported as running, and cancelled right after.
            let ends = report.cancelled + report.still_running;
            assert_eq!(ends, handles.len() as u64, "{report}");
            let count = handles.len();
            assert!(handles.into_iter().all(|handle| handle.join().unwrap_err().is_cancelled()));
            assert_eq!(drops.load(Ordering::Relaxed), count);
            assert!(polls.load(Ordering::Relaxed) >= count);
        }
    });
}

#[test]
fn a_drop_ends_futures_that_wake_themselves_for_ever() {
    watched(|| {
        for workers in [1, 2] {
            let (executor, handles, _, drops) = restless(workers);
            drop(executor);
            assert_eq!(drops.load(Ordering::Relaxed), handles.len());
            assert!(handles.into_iter().all(|handle| handle.join().unwrap_err().is_cancelled()));
        }
    });
}

/// Occupies a worker until the sender goes, and says when it has begun.
fn stuck(executor: &SmpExecutor) -> (smp_executor::JoinHandle<u32>, mpsc::Sender<()>) {
    let (end, ends) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let handle = executor.spawn(move || {
        begun.send(()).unwrap();
        ends.recv().unwrap_err();
        5
    });
    has_begun.recv().unwrap();
    (handle, end)
}

#[test]
fn what_the_time_limit_has_left_running_does_not_hold_up_the_drop() {
    watched(|| {
        let executor = pool(2);
        let (handle, end) = stuck(&executor);
        let queued: Vec<_> = (0..10).map(|n| executor.spawn(move || n)).collect();
        for (n, task) in queued.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), n);
        }
        wait_until_counted(&executor, 10);
        let report = executor.shutdown_timeout(Duration::from_millis(1));
        assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
        // As often as one likes: it stays as it is.
        assert_eq!(executor.shutdown_timeout(Duration::ZERO).still_running, 1);
        drop(executor);
        drop(end);
        assert_eq!(handle.join().unwrap(), 5, "its thread ends when it does");
    });
}

#[test]
fn a_shutdown_without_a_limit_still_waits_for_what_a_limit_has_left_running() {
    watched(|| {
        let executor = pool(1);
        let (handle, end) = stuck(&executor);
        assert_eq!(executor.shutdown_timeout(Duration::ZERO).still_running, 1);
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| executor.shutdown());
            drop(end);
            let report = waiting.join().unwrap();
            assert_eq!(report.still_running, 0, "{report}");
            assert!(handle.is_finished());
        });
    });
}
