//! What is queued behind a task that does not end is cancelled all the same when the pool ends, and counted.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use smp_executor::{JoinHandle, spawn, spawn_future, spawn_local};
use support::{pool, watched};

/// Counts its drops.
struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Half closures, half futures.
fn queue_here(count: usize, drops: &Arc<AtomicUsize>) -> Vec<JoinHandle<()>> {
    let task = |n: usize| {
        let counts = Counts(Arc::clone(drops));
        if n.is_multiple_of(2) {
            spawn(move || drop(counts))
        } else {
            spawn_future(async move { drop(counts) })
        }
    };
    (0..count).map(task).collect()
}

#[test]
fn the_time_limit_cancels_what_is_queued_on_the_worker_of_a_task_that_does_not_end() {
    watched(|| {
        for queued in [1, 2, 1_000] {
            let executor = pool(1);
            let drops = Arc::new(AtomicUsize::new(0));
            let (end, ends) = mpsc::channel::<()>();
            let (tell, told) = mpsc::channel();
            let inside = Arc::clone(&drops);
            let stuck = executor.spawn(move || {
                tell.send(queue_here(queued, &inside)).unwrap();
                ends.recv().unwrap_err();
                7
            });
            let handles = told.recv().unwrap();
            let mailed = executor.spawn_on(0, || ());
            let report = executor.shutdown_timeout(Duration::from_millis(1));
            assert_eq!((report.ran, report.still_running), (0, 1), "{report}");
            assert_eq!(report.cancelled, queued as u64 + 1, "{report}");
            assert_eq!(drops.load(Ordering::Relaxed), queued);
            assert!(mailed.join().unwrap_err().is_cancelled());
            for handle in handles {
                assert!(handle.join().unwrap_err().is_cancelled());
            }
            drop(end);
            assert_eq!(stuck.join().unwrap(), 7);
        }
    });
}

#[test]
fn a_drop_cancels_what_a_running_task_waits_for() {
    watched(|| {
        // What the task waits for has been queued before the end, or is queued after its beginning.
        for late in [false, true] {
            let executor = pool(1);
            let (stopping, stops) = mpsc::channel::<()>();
            let (polled, has_been_polled) = mpsc::channel();
            // The end drops it, on the thread that drops the pool.
            let suspended = executor.spawn_future(async move {
                let _stopping = stopping;
                polled.send(()).unwrap();
                std::future::pending::<()>().await;
            });
            has_been_polled.recv().unwrap();
            let (begun, has_begun) = mpsc::channel();
            let waiting = executor.spawn(move || {
                let queue = || {
                    let (sender, receiver) = mpsc::channel::<()>();
                    drop(spawn(move || sender.send(())));
                    receiver
                };
                let early = (!late).then(queue);
                begun.send(()).unwrap();
                stops.recv().unwrap_err();
                early.unwrap_or_else(queue).recv().is_err()
            });
            has_begun.recv().unwrap();
            drop(executor);
            assert!(waiting.join().unwrap(), "the other end was dropped unrun");
            assert!(suspended.join().unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn the_time_limit_holds_beside_a_destructor_that_does_not_end() {
    struct Waits(mpsc::Receiver<()>);

    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.recv().unwrap_err();
        }
    }

    watched(|| {
        let executor = pool(2);
        let (end, ends) = mpsc::channel();
        let local = executor.spawn(|| {
            let waits = Waits(ends);
            // Only the worker itself may drop it.
            let local = spawn_local(async move {
                let _waits = waits;
                std::future::pending::<()>().await;
            });
            local.abort_handle()
        });
        let local = local.join().unwrap();
        let report = executor.shutdown_timeout(Duration::from_millis(1));
        assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
        drop(end);
        while !local.is_finished() {
            std::thread::yield_now();
        }
    });
}
