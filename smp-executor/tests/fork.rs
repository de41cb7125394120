//! `join` and `scope`: borrowed data, nesting, panics, and locks held across a fork.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};

use smp_executor::{SmpExecutor, join, scope};
use support::{pool, watched};

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = join(|| fib(n - 1), || fib(n - 2));
    a + b
}

/// The text of the panic that `f` ends with.
fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => executor_common::panic::payload_text(&*payload).to_owned(),
    }
}

#[test]
fn fib_at_every_level() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            assert_eq!(executor.join(|| fib(22), || fib(21)), (17_711, 10_946));
        }
    });
}

#[test]
fn branches_run_at_the_same_time_where_somebody_is_idle() {
    watched(|| {
        let executor = pool(2);
        let barrier = Barrier::new(2);
        for _ in 0..1_000 {
            executor.join(|| barrier.wait(), || barrier.wait());
        }
    });
}

#[test]
fn a_lock_held_across_join_on_every_worker_does_not_deadlock() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let lock = Mutex::new(0_u64);
            executor.scope(|s| {
                for _ in 0..200 {
                    s.spawn(|_| {
                        // While this frame waits for a branch, nothing that asks for the lock may run on it.
                        let mut held = lock.lock().unwrap();
                        let (a, b) = join(|| fib(10), || fib(9));
                        *held += a + b;
                    });
                }
            });
            assert_eq!(*lock.lock().unwrap(), 200 * (55 + 34));
        }
    });
}

#[test]
fn a_waiting_worker_leaves_a_long_job_to_others() {
    watched(|| {
        let executor = pool(2);
        for _ in 0..1_000 {
            let stolen = Barrier::new(2);
            let (end, ended) = mpsc::channel::<()>();
            let long = executor.install(|| {
                let ((), long) = join(
                    || {
                        stolen.wait();
                    },
                    || {
                        stolen.wait();
                        // A job that ends after this very `join` has returned: on the stack of the worker that
                        // waits for it, it would never end.
                        let long = executor.spawn(move || {
                            let _ = ended.recv();
                        });
                        fib(14);
                        long
                    },
                );
                long
            });
            drop(end);
            long.join().unwrap();
        }
    });
}

#[test]
fn a_fork_is_found_though_its_worker_forks_no_more() {
    if !executor_common::sync::asymmetric::is_supported() {
        return;
    }
    watched(|| {
        let executor = pool(2);
        for _ in 0..1_000 {
            let busy = Barrier::new(2);
            let (release, released) = mpsc::channel::<()>();
            let busy = &busy;
            executor.scope(|s| {
                s.spawn(move |_| {
                    busy.wait();
                    let _ = released.recv();
                });
                s.spawn(move |_| {
                    // Nobody is idle: what is forked now stays private.
                    busy.wait();
                    let (started, start) = mpsc::channel();
                    let first = move || {
                        drop(release);
                        // Not another fork until somebody else has begun the oldest one.
                        start.recv().unwrap();
                    };
                    join(|| join(first, || fib(3)), || started.send(()).unwrap());
                });
            });
        }
    });
}

#[test]
fn an_unbalanced_chain_of_joins_is_as_deep_as_its_recursion() {
    fn chain(depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let (a, b) = join(|| chain(depth - 1), || 1);
        a + b
    }
    watched(|| {
        let executor = SmpExecutor::builder().workers(2).stack_size(256 << 20).build().unwrap();
        assert_eq!(executor.join(|| chain(100_000), || ()).0, 100_000);
    });
}

#[test]
fn panics_of_either_branch_reach_the_caller() {
    watched(|| {
        for workers in [1, 2] {
            let executor = pool(workers);
            for _ in 0..200 {
                assert_eq!(panic_text(|| executor.join(|| panic!("a"), || fib(5))), "a");
                assert_eq!(panic_text(|| executor.join(|| fib(5), || panic!("b"))), "b");
                assert_eq!(panic_text(|| executor.join(|| panic!("a"), || panic!("b"))), "a");
            }
            assert_eq!(executor.join(|| fib(10), || 0).0, 55, "the pool goes on");
        }
    });
}

#[test]
fn a_panic_while_the_other_branch_is_stolen_waits_for_it() {
    watched(|| {
        let executor = pool(2);
        for _ in 0..500 {
            let stolen = Barrier::new(2);
            let ended = AtomicUsize::new(0);
            let text = panic_text(|| {
                executor.join(
                    || {
                        stolen.wait();
                        panic!("a")
                    },
                    || {
                        stolen.wait();
                        fib(12);
                        ended.fetch_add(1, Ordering::Relaxed);
                    },
                )
            });
            assert_eq!((text.as_str(), ended.load(Ordering::Relaxed)), ("a", 1));
        }
    });
}

#[test]
fn panics_of_both_branches_at_once_leave_the_first() {
    watched(|| {
        let executor = pool(2);
        let tracked = Arc::new(());
        for _ in 0..500 {
            let stolen = Barrier::new(2);
            let throw = |text: &str, capture: Arc<()>| {
                stolen.wait();
                let _capture = capture;
                panic!("{text}")
            };
            let (a, b) = (Arc::clone(&tracked), Arc::clone(&tracked));
            let text = panic_text(|| executor.join(|| throw("a", a), || throw("b", b)));
            assert_eq!(text, "a");
        }
        assert_eq!(Arc::strong_count(&tracked), 1);
    });
}

#[test]
fn nothing_leaks_when_a_branch_panics() {
    watched(|| {
        let executor = pool(2);
        let tracked = Arc::new(());
        for _ in 0..500 {
            let (first, second) = (Arc::clone(&tracked), Arc::clone(&tracked));
            panic_text(|| {
                executor.join(
                    move || {
                        let _first = first;
                        panic!("a")
                    },
                    move || second,
                )
            });
        }
        assert_eq!(Arc::strong_count(&tracked), 1);
    });
}

#[test]
fn outside_of_a_pool_the_global_one_helps() {
    watched(|| {
        assert_eq!(join(|| fib(10), || fib(11)), (55, 89));
        let mut list = [0; 64];
        scope(|s| {
            for place in &mut list {
                s.spawn(|_| *place = 1);
            }
        });
        assert_eq!(list, [1; 64]);
    });
}

#[test]
fn one_pool_may_wait_for_another() {
    watched(|| {
        let (outer, inner) = (pool(1), pool(1));
        let result = outer.join(|| inner.join(|| fib(10), || fib(9)), || 1);
        assert_eq!(result, ((55, 34), 1));
    });
}

#[test]
fn a_scope_waits_for_what_its_tasks_spawn() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let count = AtomicUsize::new(0);
            executor.scope(|s| {
                for _ in 0..100 {
                    s.spawn(|s| {
                        for _ in 0..10 {
                            s.spawn(|_| {
                                count.fetch_add(1, Ordering::Relaxed);
                            });
                        }
                    });
                }
            });
            assert_eq!(count.load(Ordering::Relaxed), 1_000);
        }
    });
}

#[test]
fn a_scope_on_the_only_worker_runs_its_own_tasks() {
    watched(|| {
        let executor = pool(1);
        let sum = executor
            .spawn(|| {
                let count = AtomicUsize::new(0);
                scope(|s| {
                    for _ in 0..10_000 {
                        s.spawn(|_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
                count.into_inner()
            })
            .join()
            .unwrap();
        assert_eq!(sum, 10_000);
    });
}

#[test]
fn a_scopes_first_panic_comes_after_all_its_tasks() {
    watched(|| {
        let executor = pool(2);
        let ended = AtomicUsize::new(0);
        let text = panic_text(|| {
            executor.scope(|s| {
                s.spawn(|_| panic!("task"));
                for _ in 0..100 {
                    s.spawn(|_| {
                        fib(8);
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        });
        assert_eq!((text.as_str(), ended.load(Ordering::Relaxed)), ("task", 100));
        let text = panic_text(|| {
            executor.scope(|s| {
                s.spawn(|_| panic!("task"));
                panic!("body");
            });
        });
        assert_eq!(text, "body");
    });
}
