//! Spawned closures and futures: each runs once, none starves, none needs a free worker that is not there.

mod support;

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};

use smp_executor::{Role, SmpExecutor, SmpHandle, Spawn, current_worker, yield_now};
use support::{pool, watched};

#[test]
fn each_task_runs_exactly_once() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let runs: Arc<Vec<AtomicUsize>> =
                Arc::new((0..10_000).map(|_| AtomicUsize::new(0)).collect());
            let handles: Vec<_> = (0..10_000)
                .map(|index| {
                    let runs = Arc::clone(&runs);
                    executor.spawn(move || runs[index].fetch_add(1, Ordering::Relaxed))
                })
                .collect();
            for handle in handles {
                assert_eq!(handle.join().unwrap(), 0);
            }
            assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
        }
    });
}

#[test]
fn a_worker_that_waits_for_a_queued_task_runs_it() {
    watched(|| {
        // One worker: each level waits for a task that nobody else could run.
        fn nest(handle: &SmpHandle, depth: usize) -> usize {
            if depth == 0 {
                return 0;
            }
            let inner = handle.clone();
            handle.spawn(move || nest(&inner, depth - 1)).join().unwrap() + 1
        }
        let executor = pool(1);
        let handle = executor.handle();
        assert_eq!(executor.spawn(move || nest(&handle, 100)).join().unwrap(), 100);
    });
}

#[test]
fn a_worker_that_waits_for_a_queued_future_polls_it() {
    watched(|| {
        let executor = pool(1);
        let handle = executor.handle();
        let future = async {
            yield_now().await;
            yield_now().await;
            5
        };
        let task = executor.spawn(move || handle.spawn_future(future).join().unwrap());
        assert_eq!(task.join().unwrap(), 5);
    });
}

#[test]
fn a_chain_of_spawns_does_not_grow_the_stack() {
    fn link(handle: &SmpHandle, left: usize, done: mpsc::Sender<()>) {
        if left == 0 {
            done.send(()).unwrap();
            return;
        }
        let next = handle.clone();
        handle.spawn(move || link(&next, left - 1, done));
    }
    watched(|| {
        // A hundred thousand frames do not fit into this stack: growing would end the process.
        let executor = SmpExecutor::builder().workers(1).stack_size(128 << 10).build().unwrap();
        let (done, end) = mpsc::channel();
        let handle = executor.handle();
        executor.spawn(move || link(&handle, 100_000, done));
        end.recv().unwrap();
    });
}

#[test]
fn a_task_that_respawns_itself_does_not_starve_outsiders() {
    watched(|| {
        fn again(handle: &SmpHandle, stop: Arc<AtomicBool>) {
            if !stop.load(Ordering::Relaxed) {
                let next = handle.clone();
                handle.spawn(move || again(&next, stop));
            }
        }
        let executor = pool(1);
        let stop = Arc::new(AtomicBool::new(false));
        let (handle, flag) = (executor.handle(), Arc::clone(&stop));
        executor.spawn(move || again(&handle, flag));
        assert_eq!(executor.spawn(|| 3).join().unwrap(), 3);
        stop.store(true, Ordering::Relaxed);
        assert!(executor.shutdown().is_clean());
    });
}

#[test]
fn yielding_futures_and_closures_share_one_worker() {
    watched(|| {
        let executor = pool(1);
        let stop = Arc::new(AtomicBool::new(false));
        let futures: Vec<_> = (0..100)
            .map(|_| {
                let stop = Arc::clone(&stop);
                executor.spawn_future(async move {
                    let mut turns = 0;
                    while !stop.load(Ordering::Relaxed) {
                        yield_now().await;
                        turns += 1;
                    }
                    turns
                })
            })
            .collect();
        for _ in 0..1_000 {
            executor.spawn(|| ()).join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        for future in futures {
            assert!(future.join().unwrap() > 0, "each of them had a turn");
        }
    });
}

#[test]
fn a_future_woken_by_a_foreign_thread_runs_on_a_worker() {
    watched(|| {
        let executor = pool(2);
        for _ in 0..1_000 {
            let slot: Arc<Mutex<Option<Waker>>> = Arc::default();
            let (ready, is_ready) = (Arc::new(AtomicBool::new(false)), Arc::clone(&slot));
            let flag = Arc::clone(&ready);
            let handle = executor.spawn_future(poll_fn(move |context| {
                assert!(current_worker().is_some());
                *is_ready.lock().unwrap() = Some(context.waker().clone());
                if flag.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
            }));
            let waking = std::thread::spawn(move || {
                loop {
                    if let Some(waker) = slot.lock().unwrap().take() {
                        ready.store(true, Ordering::Release);
                        return waker.wake();
                    }
                    std::thread::yield_now();
                }
            });
            handle.join().unwrap();
            waking.join().unwrap();
        }
    });
}

#[test]
fn many_outside_threads_spawn_at_once() {
    watched(|| {
        let executor = pool(2);
        let count = Arc::new(AtomicUsize::new(0));
        std::thread::scope(|threads| {
            for _ in 0..16 {
                threads.spawn(|| {
                    for _ in 0..1_000 {
                        let count = Arc::clone(&count);
                        executor.spawn(move || count.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
        });
        let report = executor.shutdown();
        assert!(report.is_clean(), "{report}");
        assert_eq!(count.load(Ordering::Relaxed), 16_000);
    });
}

#[test]
fn all_workers_take_part() {
    watched(|| {
        let executor = pool(4);
        // Four tasks that can only end together need four workers.
        let barrier = Arc::new(Barrier::new(4));
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                executor.spawn(move || {
                    barrier.wait();
                    current_worker().unwrap()
                })
            })
            .collect();
        let workers: HashSet<_> = handles.into_iter().map(|task| task.join().unwrap()).collect();
        assert_eq!(workers.len(), 4);
    });
}

#[test]
fn one_push_after_the_other_wakes_the_pool_every_time() {
    watched(|| {
        let executor = pool(2);
        for round in 0..20_000 {
            assert_eq!(executor.spawn(move || round).join().unwrap(), round);
        }
    });
}

#[test]
fn roles_are_labels() {
    const IO: Role = Role::new("io");
    watched(|| {
        let executor = pool(1);
        executor.spawn_in(IO, || ()).unwrap().join().unwrap();
        executor.spawn_future_in(IO, async { yield_now().await }).unwrap().join().unwrap();
        let metrics = executor.metrics();
        let io = metrics.role(IO).unwrap();
        assert_eq!((io.admitted, io.tasks_run), (2, 3), "the future was polled twice");
    });
}

#[test]
fn broadcast_runs_once_on_every_worker() {
    watched(|| {
        let executor = pool(3);
        for _ in 0..1_000 {
            let workers = executor.broadcast(|index| (index, current_worker()));
            assert_eq!(workers, [(0, Some(0)), (1, Some(1)), (2, Some(2))]);
        }
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            executor.broadcast(|index| assert_ne!(index, 1, "not on this one"));
        }));
        assert!(panic.is_err());
        assert_eq!(executor.broadcast(|_| 0).len(), 3);
    });
}
