//! How a pool ends: nothing accepted is lost, nothing hangs, and the report is right.

mod support;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use smp_executor::{SmpHandle, yield_now};
use support::{pool, watched};

#[test]
fn shutdown_runs_what_was_accepted_and_what_that_spawns() {
    watched(|| {
        fn spread(handle: &SmpHandle, depth: usize, count: Arc<AtomicUsize>) {
            count.fetch_add(1, Ordering::Relaxed);
            for _ in 0..if depth > 0 { 2 } else { 0 } {
                let (next, count) = (handle.clone(), Arc::clone(&count));
                handle.spawn(move || spread(&next, depth - 1, count));
            }
        }
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let count = Arc::new(AtomicUsize::new(0));
            let (handle, counted) = (executor.handle(), Arc::clone(&count));
            executor.spawn(move || spread(&handle, 12, counted));
            let report = executor.shutdown();
            assert!(report.is_clean(), "{report}");
            assert_eq!(count.load(Ordering::Relaxed), (1 << 13) - 1);
        }
    });
}

/// Such closures leave entries in the worker's queue, which it lets go of before the queue grows: they count all the same.
#[test]
fn closures_that_are_run_in_place_are_all_counted() {
    const CLOSURES: u64 = 1000;
    watched(|| {
        let pool = pool(1);
        let spawner = || (0..CLOSURES).for_each(|_| smp_executor::spawn(|| ()).join().unwrap());
        let (begin, begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let outer = pool.spawn(move || {
            begin.send(()).unwrap();
            gone.recv().unwrap_err();
            spawner();
        });
        begun.recv().unwrap();
        let handle = pool.handle();
        let (report, accepted) = std::thread::scope(|scope| {
            let accepts = scope.spawn(|| {
                // Until the shutdown has begun, which looks at the counts before.
                let accepted = std::iter::from_fn(|| handle.try_spawn(|| ()).ok()).count();
                drop(go);
                accepted as u64
            });
            (pool.shutdown(), accepts.join().unwrap())
        });
        outer.join().unwrap();
        let metrics = handle.metrics();
        let ended: u64 = metrics.workers.iter().map(|each| each.completed + each.claimed).sum();
        // One that was accepted at the very moment of the end may have been cancelled.
        let all = 1 + CLOSURES + accepted;
        assert!((all - 1..=all).contains(&report.ran), "{report}, and there were {all}");
        assert_eq!(ended, report.ran, "{report}");
    });
}

#[test]
fn shutdown_waits_for_suspended_futures() {
    watched(|| {
        let executor = pool(2);
        let (give, take) = mpsc::channel::<()>();
        let waiting = executor.spawn_future(async move {
            while take.try_recv().is_err() {
                yield_now().await;
            }
            9
        });
        std::thread::scope(|threads| {
            let ending = threads.spawn(|| executor.shutdown());
            give.send(()).unwrap();
            assert!(ending.join().unwrap().is_clean());
        });
        assert_eq!(waiting.join().unwrap(), 9);
    });
}

#[test]
fn the_time_limit_cancels_futures_that_wait() {
    watched(|| {
        let executor = pool(1);
        let tracked = Arc::new(());
        let inside = Arc::clone(&tracked);
        let never = executor.spawn_future(async move {
            let _inside = inside;
            pending::<()>().await;
        });
        let report = executor.shutdown_timeout(Duration::from_millis(20));
        assert_eq!((report.cancelled, report.still_running), (1, 0), "{report}");
        assert!(never.join().unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&tracked), 1, "the future has been dropped");
    });
}

#[test]
fn the_time_limit_leaves_closures_that_run() {
    watched(|| {
        let executor = pool(2);
        let (started, barrier) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (inside_start, inside) = (Arc::clone(&started), Arc::clone(&barrier));
        let stuck = executor.spawn(move || {
            inside_start.wait();
            inside.wait();
            4
        });
        started.wait();
        let report = executor.shutdown_timeout(Duration::from_millis(1));
        assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
        barrier.wait();
        assert_eq!(stuck.join().unwrap(), 4, "its thread ends when it does");
    });
}

#[test]
fn dropping_cancels_what_has_not_started_and_waits_for_what_runs() {
    watched(|| {
        let executor = pool(1);
        let (started, go) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (inside_started, inside_go) = (Arc::clone(&started), Arc::clone(&go));
        let running = executor.spawn(move || {
            inside_started.wait();
            inside_go.wait();
        });
        started.wait();
        let queued: Vec<_> = (0..100).map(|_| executor.spawn(|| ())).collect();
        let suspended = executor.spawn_future(pending::<()>());
        let dropping = std::thread::spawn(move || drop(executor));
        for task in queued {
            assert!(task.join().unwrap_err().is_cancelled());
        }
        assert!(suspended.join().unwrap_err().is_cancelled());
        assert!(!running.is_finished());
        go.wait();
        dropping.join().unwrap();
        assert!(running.is_finished());
    });
}

#[test]
fn spawns_that_race_with_the_end_run_or_are_cancelled() {
    watched(|| {
        for _ in 0..300 {
            let executor = pool(2);
            let handle = executor.handle();
            let spawner = std::thread::spawn(move || {
                (0..50).map(|n| handle.spawn(move || n)).collect::<Vec<_>>()
            });
            drop(executor);
            for task in spawner.join().unwrap() {
                if let Err(error) = task.join() {
                    assert!(error.is_cancelled(), "{error}");
                }
            }
        }
    });
}

#[test]
fn shutdown_may_be_called_again_and_from_many_threads() {
    watched(|| {
        let executor = pool(2);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| executor.shutdown());
            }
        });
        assert!(executor.shutdown_timeout(Duration::ZERO).is_clean());
    });
}

#[test]
fn shutdown_on_an_own_worker_returns_at_once() {
    watched(|| {
        let executor = Arc::new(pool(1));
        let inner = Arc::clone(&executor);
        let report = executor.spawn(move || inner.shutdown()).join().unwrap();
        assert_eq!(report.still_running, 0);
        assert!(executor.shutdown().is_clean());
    });
}

#[test]
fn thousands_of_pools_come_and_go() {
    watched(|| {
        for _ in 0..2_000 {
            let executor = pool(2);
            executor.spawn(|| ());
        }
    });
}
