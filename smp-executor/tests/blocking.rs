//! Workers that wait do not take the pool's parallelism with them.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};

use smp_executor::{
    JoinHandle, SmpExecutor, blocking, current_worker, spawn, spawn_future, yield_now,
};
use support::{pool, watched};

#[test]
fn tasks_that_all_wait_for_queued_tasks_finish() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let barrier = Arc::new(Barrier::new(workers));
            let waiting: Vec<JoinHandle<usize>> = (0..workers)
                .map(|index| {
                    let barrier = Arc::clone(&barrier);
                    executor.spawn(move || {
                        let queued = spawn(move || index);
                        // Now each worker has such a task, and none is left.
                        barrier.wait();
                        queued.join().unwrap()
                    })
                })
                .collect();
            for (index, handle) in waiting.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), index);
            }
        }
    });
}

/// Each worker blocks in a way that only another task ends, and that other task is queued behind it.
fn all_workers_block(executor: &SmpExecutor, workers: usize) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::channel()).unzip();
    let waiting: Vec<JoinHandle<usize>> = receivers
        .into_iter()
        .map(|receiver| executor.spawn(move || blocking(|| receiver.recv()).unwrap()))
        .collect();
    for (index, sender) in senders.into_iter().enumerate() {
        drop(executor.spawn(move || sender.send(index)));
    }
    for (index, handle) in waiting.into_iter().enumerate() {
        assert_eq!(handle.join().unwrap(), index);
    }
}

#[test]
fn queued_work_goes_on_while_all_workers_block() {
    watched(|| {
        for workers in [1, 2, 3] {
            let executor = pool(workers);
            for _ in 0..50 {
                all_workers_block(&executor, workers);
            }
            let metrics = executor.metrics();
            assert_eq!(metrics.uncompensated_blocks, 0);
            assert!(metrics.workers.len() <= 2 * workers, "no more spares than blocked workers");
        }
    });
}

/// What only a private task could end: the blocked worker's own queue is opened to others.
#[test]
fn what_a_blocked_worker_has_queued_is_run_by_others() {
    watched(|| {
        let executor = pool(1);
        let outer = executor.spawn(|| {
            let (sender, receiver) = mpsc::channel();
            drop(spawn(move || sender.send(current_worker())));
            (current_worker(), blocking(|| receiver.recv()).unwrap())
        });
        let (outer, inner) = outer.join().unwrap();
        assert_ne!(outer, inner);
        // Also what it queues while it blocks.
        let nested = executor.spawn(|| {
            blocking(|| {
                let (sender, receiver) = mpsc::channel();
                drop(spawn(move || sender.send(7)));
                receiver.recv().unwrap()
            })
        });
        assert_eq!(nested.join().unwrap(), 7);
    });
}

#[test]
fn a_join_that_blocks_is_compensated() {
    watched(|| {
        let executor = pool(1);
        let (begun, has_begun) = mpsc::channel();
        let (sender, receiver) = mpsc::channel::<()>();
        // A future that has begun and waits for a queued task cannot be run in place.
        let receiver = Mutex::new(receiver);
        let awaited = executor.spawn_future(async move {
            let ready = spawn(move || receiver.lock().unwrap().recv().is_ok());
            begun.send(()).unwrap();
            ready.await.unwrap()
        });
        has_begun.recv().unwrap();
        let joining = executor.spawn(move || awaited.join().unwrap());
        sender.send(()).unwrap();
        assert!(joining.join().unwrap());
    });
}

#[test]
fn a_future_that_yields_until_another_task_has_run_does_not_keep_its_joiner() {
    watched(|| {
        let executor = pool(1);
        let joining = executor.spawn(|| {
            let flag = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&flag);
            let yielding = spawn_future(async move {
                while !seen.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            });
            drop(spawn(move || flag.store(true, Ordering::Relaxed)));
            yielding.join().unwrap();
        });
        joining.join().unwrap();
    });
}

/// A spare that waits for a forked job is no substitute for the worker that runs that job and blocks in it.
#[test]
fn a_blocked_thief_of_a_waiting_spare_has_a_substitute() {
    watched(|| {
        let executor = pool(1);
        let (spare_runs, gate) = mpsc::channel::<()>();
        let first = executor.spawn(move || blocking(|| gate.recv().unwrap()));
        // On the spare.
        let second = executor.spawn(move || {
            let has_begun = AtomicBool::new(false);
            let fork = smp_executor::join(
                || {
                    spare_runs.send(()).unwrap();
                    while !has_begun.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                },
                // On the worker, which goes on, and takes this branch.
                || {
                    has_begun.store(true, Ordering::Relaxed);
                    spawn_future(async { spawn(|| 42).await.unwrap() }).join().unwrap()
                },
            );
            fork.1
        });
        first.join().unwrap();
        assert_eq!(second.join().unwrap(), 42);
    });
}

#[test]
fn spares_are_bounded_and_reported() {
    watched(|| {
        let executor =
            SmpExecutor::builder().workers(1).max_compensating_threads(2).build().unwrap();
        let gate = Arc::new(Barrier::new(4));
        let blocked: Vec<_> = (0..3)
            .map(|_| {
                let gate = Arc::clone(&gate);
                executor.spawn(move || blocking(|| gate.wait().is_leader()))
            })
            .collect();
        // The worker and both spares block, and there is nobody left.
        while executor.metrics().uncompensated_blocks == 0 {
            std::thread::yield_now();
        }
        assert_eq!(executor.metrics().compensating_threads, 2);
        gate.wait();
        for handle in blocked {
            handle.join().unwrap();
        }
        // Those who are surplus go out of play.
        while executor.metrics().compensating_threads > 0 {
            std::thread::yield_now();
        }
        assert_eq!(executor.metrics().workers.len(), 3);
    });
}

#[test]
fn a_pool_ends_while_workers_block() {
    watched(|| {
        for drops in [false, true] {
            let executor = pool(2);
            let (sender, receiver) = mpsc::channel::<()>();
            let (begun, has_begun) = mpsc::channel();
            let blocked = executor.spawn(move || {
                blocking(|| {
                    begun.send(()).unwrap();
                    receiver.recv().is_err()
                })
            });
            has_begun.recv().unwrap();
            let ending = std::thread::spawn(move || {
                if drops { drop(executor) } else { assert!(executor.shutdown().is_clean()) }
            });
            drop(sender);
            ending.join().unwrap();
            assert!(blocked.join().unwrap());
        }
    });
}

#[test]
fn blocking_passes_its_panic_on_and_ends() {
    watched(|| {
        let executor = pool(1);
        let error = executor.spawn(|| blocking(|| panic!("in between"))).join().unwrap_err();
        assert!(error.to_string().contains("in between"));
        while executor.metrics().compensating_threads > 0 {
            std::thread::yield_now();
        }
        assert_eq!(executor.spawn(|| 3).join().unwrap(), 3);
    });
}

#[test]
fn outside_of_a_pool_blocking_is_a_call() {
    assert_eq!(blocking(|| 5), 5);
}

#[test]
fn many_workers_block_and_go_on_all_the_time() {
    watched(|| {
        let executor = pool(2);
        let runs = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            // No more than there are workers and spares: each of them may come to block beside the others.
            let tasks: Vec<_> = (0..50)
                .map(|_| {
                    let runs = Arc::clone(&runs);
                    executor.spawn(move || {
                        let (sender, receiver) = mpsc::channel();
                        let inner = spawn(move || sender.send(()).unwrap());
                        blocking(|| receiver.recv()).unwrap();
                        inner.join().unwrap();
                        runs.fetch_add(1, Ordering::Relaxed);
                    })
                })
                .collect();
            for task in tasks {
                task.join().unwrap();
            }
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1_000);
    });
}

#[test]
fn a_pool_ends_while_a_spare_goes_out_of_play() {
    watched(|| {
        for round in 0..300 {
            let executor = pool(1);
            let (go, gone) = mpsc::channel::<()>();
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = Arc::clone(&stop);
            let blocked = executor.spawn(move || blocking(|| gone.recv().unwrap()));
            drop(executor.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }));
            go.send(()).unwrap();
            blocked.join().unwrap();
            stop.store(true, Ordering::Relaxed);
            (0..round % 100).for_each(|_| std::hint::spin_loop());
            // A spare that nobody woke would sleep for ten seconds; then the watchdog strikes.
            drop(executor);
        }
    });
}

#[test]
fn a_task_that_spawns_and_joins_in_a_loop_leaves_nothing_behind() {
    watched(|| {
        let executor = pool(1);
        let worker = executor.handle();
        let depth = executor.spawn(move || {
            for n in 0..100_000 {
                assert_eq!(spawn(move || n).join().unwrap(), n);
            }
            worker.metrics().workers[0].queue_depth
        });
        let depth = depth.join().unwrap();
        assert!(depth < 1_000, "{depth} entries of tasks that are done");
    });
}

#[test]
fn what_a_hook_spawns_before_a_sleep_is_run() {
    watched(|| {
        let (sender, ran) = mpsc::channel();
        let once = Mutex::new(Some(sender));
        let executor = SmpExecutor::builder().workers(1).on_park(move |_| {
            if let Some(sender) = once.lock().unwrap().take() {
                drop(spawn(move || sender.send(())));
            }
        });
        let executor = executor.build().unwrap();
        ran.recv().unwrap();
        assert_eq!(executor.spawn(|| 1).join().unwrap(), 1);
    });
}
