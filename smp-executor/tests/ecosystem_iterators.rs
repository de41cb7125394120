//! paralight's iterators on a pool.

mod support;

use std::collections::HashSet;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paralight::prelude::*;
use smp_executor::{CurrentPool, SmpExecutor, current_worker};
use support::{pool, watched};

/// Runs `body` on pools of several sizes, from outside and on a worker.
fn everywhere(body: impl Fn(&SmpExecutor) + Send + Sync + 'static) {
    watched(move || {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            body(&executor);
            executor.install(|| body(&executor));
        }
    });
}

#[test]
fn what_is_reduced_is_that_of_a_loop() {
    everywhere(|executor| {
        for len in [0_u64, 1, 2, 3, 63, 64, 65, 1_000, 100_000] {
            let list: Vec<u64> = (0..len).collect();
            let expected: u64 = list.iter().map(|n| n * 7).filter(|n| n % 3 != 0).sum();
            let chain = list.par_iter().map(|n| n * 7).filter(|n| n % 3 != 0);
            let sum = chain.with_thread_pool(executor).reduce(|| 0, |a, b| a + b);
            assert_eq!(sum, expected, "{len} numbers");
        }
    });
}

#[test]
fn parts_are_put_together_in_order() {
    everywhere(|executor| {
        let list: Vec<usize> = (0..20_000).collect();
        let text = list.par_iter().with_thread_pool(executor).map(|n| format!("{n} ")).reduce(
            String::new,
            |mut a, b| {
                a += &b;
                a
            },
        );
        let expected: String = list.iter().map(|n| format!("{n} ")).collect();
        assert!(text == expected, "the order is another one");
        let doubled: Vec<usize> =
            list.par_iter().map(|n| 2 * n).with_thread_pool(executor).collect();
        assert!(doubled.iter().enumerate().all(|(at, n)| *n == 2 * at));
    });
}

#[test]
fn a_search_finds_the_first() {
    everywhere(|executor| {
        let list: Vec<usize> = (0..50_000).collect();
        for wanted in [0, 1, 777, 49_999] {
            let found = list.par_iter().with_thread_pool(executor).find_first(|n| **n >= wanted);
            assert_eq!(found, Some(&wanted));
        }
        assert_eq!(list.par_iter().with_thread_pool(executor).find_first(|_| false), None);
        assert!(list.par_iter().with_thread_pool(executor).any(|n| *n == 40_000));
    });
}

/// Counts itself as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(alive: &'a AtomicUsize) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn each_item_is_dropped_once_whatever_ends_the_loop() {
    everywhere(|executor| {
        const LEN: usize = 5_000;
        let alive = AtomicUsize::new(0);
        let list = || (0..LEN).map(|_| Counted::new(&alive)).collect::<Vec<_>>();
        for stop_at in [0, 1, 70, LEN / 2, LEN - 1] {
            let calls = AtomicUsize::new(0);
            let is_due = |_: &Counted<'_>| calls.fetch_add(1, Ordering::Relaxed) == stop_at;
            // A search that ends early, an error, and a panic.
            drop(list().into_par_iter().with_thread_pool(executor).find_any(|item| is_due(item)));
            assert_eq!(alive.load(Ordering::Relaxed), 0);
            calls.store(0, Ordering::Relaxed);
            let result = list()
                .into_par_iter()
                .with_thread_pool(executor)
                .try_for_each(|item| if is_due(&item) { Err(()) } else { Ok(()) });
            assert!(result.is_err());
            assert_eq!(alive.load(Ordering::Relaxed), 0);
            calls.store(0, Ordering::Relaxed);
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                list().into_par_iter().with_thread_pool(executor).for_each(|item| {
                    if is_due(&item) {
                        std::panic::resume_unwind(Box::new("stopped"));
                    }
                });
            }));
            assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"stopped"));
            assert_eq!(alive.load(Ordering::Relaxed), 0);
        }
    });
}

#[test]
fn loops_nest() {
    everywhere(|executor| {
        let rows: Vec<Vec<u64>> =
            (0..100).map(|row| (0..1_000).map(|n| row * n).collect()).collect();
        let sum: u64 = rows
            .par_iter()
            .with_thread_pool(executor)
            .map(|row| row.par_iter().copied().with_thread_pool(CurrentPool).sum::<u64>())
            .sum();
        assert_eq!(sum, rows.iter().flatten().sum::<u64>());
    });
}

#[test]
fn the_work_is_done_on_the_pool_and_shared() {
    watched(|| {
        let executor = pool(2);
        let threads = Mutex::new(HashSet::new());
        let list = [(); 1_000];
        // Nobody promises that the second worker comes in time for one loop.
        while threads.lock().unwrap().len() < 2 {
            list.par_iter().with_thread_pool(&executor).for_each(|()| {
                assert!(current_worker().is_some());
                threads.lock().unwrap().insert(thread::current().id());
                (0..10_000).for_each(|n| {
                    black_box(n);
                });
            });
        }
    });
}

#[test]
fn the_current_pool_is_the_workers_or_the_global_one() {
    watched(|| {
        let name = || {
            let names = [()].par_iter().with_thread_pool(CurrentPool);
            names.map(|()| thread::current().name().map(str::to_owned)).find_any(|_| true)
        };
        let global = name().flatten().expect("it has a name");
        assert!(global.starts_with("smp-global"), "{global}");
        let executor = SmpExecutor::builder().workers(1).thread_name("mine").build().unwrap();
        let mine = executor.install(name).flatten().expect("it has a name");
        assert!(mine.starts_with("mine"), "{mine}");
    });
}

#[test]
fn after_the_shutdown_the_caller_does_it() {
    watched(|| {
        let executor = pool(2);
        assert!(executor.shutdown().is_clean());
        let sum: u64 = [1, 2, 3].par_iter().copied().with_thread_pool(&executor).sum();
        assert_eq!(sum, 6);
    });
}

#[test]
fn what_is_made_for_each_part_is_made_a_few_times() {
    watched(|| {
        let executor = pool(1);
        for costly in [false, true] {
            let made = AtomicUsize::new(0);
            let make = || {
                made.fetch_add(1, Ordering::Relaxed);
                if costly {
                    let end = Instant::now() + Duration::from_micros(100);
                    while Instant::now() < end {}
                }
            };
            let list = vec![1_u64; 1_000_000];
            let chain = list.par_iter().map_init(make, |(), n| *n);
            assert_eq!(chain.with_thread_pool(&executor).sum::<u64>(), 1_000_000);
            // Of cheap items each block may have one of its own, and blocks grow with the list.
            let made = made.into_inner();
            assert!((1..2_000).contains(&made), "{made}, costly: {costly}");
        }
    });
}
