//! Sets of tasks on a pool.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use smp_executor::{CancellationToken, JoinSet, SmpHandle, block_on, yield_now};
use support::{pool, watched};

#[test]
fn ten_thousand_members() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let mut set: JoinSet<usize> =
                (0..10_000).map(|number| executor.spawn(move || number)).collect();
            let mut seen = vec![false; 10_000];
            let mut blocking = false;
            while let Some(number) = if blocking { set.join_next() } else { block_on(set.next()) } {
                blocking = !blocking;
                assert!(!std::mem::replace(&mut seen[number.unwrap()], true));
            }
            assert!(seen.into_iter().all(|seen| seen));
        }
    });
}

#[test]
fn the_only_worker_collects_members_that_are_all_queued() {
    watched(|| {
        let executor = pool(1);
        let handle = executor.handle();
        let sum = executor.spawn(move || {
            let mut set: JoinSet<usize> =
                (0..10_000).map(|number| handle.spawn(move || number)).collect();
            set.extend((0..100).map(|number| {
                handle.spawn_future(async move {
                    yield_now().await;
                    number
                })
            }));
            set.join_all().into_iter().map(Result::unwrap).sum::<usize>()
        });
        assert_eq!(sum.join().unwrap(), 9_999 * 5_000 + 99 * 50);
    });
}

#[test]
fn the_only_worker_collects_futures_that_wait_for_each_other() {
    watched(|| {
        let executor = pool(1);
        let handle = executor.handle();
        let count = executor.spawn(move || {
            let tokens: Vec<_> = (0..=100).map(|_| CancellationToken::new()).collect();
            tokens[100].cancel();
            // Each waits for the one that was spawned after it.
            let mut set: JoinSet<()> = tokens
                .windows(2)
                .map(|pair| {
                    let (own, after) = (pair[0].clone(), pair[1].clone());
                    handle.spawn_future(async move {
                        after.cancelled().await;
                        own.cancel();
                    })
                })
                .collect();
            set.join_all().into_iter().filter(Result::is_ok).count()
        });
        assert_eq!(count.join().unwrap(), 100);
    });
}

#[test]
fn nested_sets_need_one_worker() {
    fn tree(handle: &SmpHandle, depth: usize) -> usize {
        if depth == 0 {
            return 1;
        }
        let mut set: JoinSet<usize> = (0..3)
            .map(|_| {
                let inner = handle.clone();
                handle.spawn(move || tree(&inner, depth - 1))
            })
            .collect();
        set.join_all().into_iter().map(Result::unwrap).sum()
    }
    watched(|| {
        for workers in [1, 2] {
            let executor = pool(workers);
            let handle = executor.handle();
            assert_eq!(executor.spawn(move || tree(&handle, 6)).join().unwrap(), 729);
        }
    });
}

#[test]
fn a_set_inside_of_a_future_keeps_no_worker() {
    watched(|| {
        let executor = pool(1);
        let handle = executor.handle();
        let sum = executor.spawn_future(async move {
            let mut set: JoinSet<usize> =
                (0..1_000).map(|number| handle.spawn(move || number)).collect();
            let mut sum = 0;
            while let Some(number) = set.next().await {
                sum += number.unwrap();
            }
            sum
        });
        assert_eq!(sum.join().unwrap(), 999 * 500);
    });
}

#[test]
fn a_dropped_set_drops_what_has_not_begun() {
    watched(|| {
        let executor = pool(1);
        let (begun, wait_until_begun) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let running = executor.spawn(move || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
            7
        });
        wait_until_begun.recv().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let mut set: JoinSet<usize> = JoinSet::new();
        for _ in 0..100 {
            let ran = Arc::clone(&ran);
            set.add(executor.spawn(move || ran.fetch_add(1, Ordering::Relaxed)));
        }
        drop(set);
        go.send(()).unwrap();
        assert_eq!(running.join().unwrap(), 7);
        assert_eq!(executor.shutdown().still_running, 0);
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        assert_eq!(Arc::strong_count(&ran), 1, "the closures have been dropped");
    });
}

#[test]
fn an_orderly_end_waits_for_what_runs() {
    watched(|| {
        let executor = pool(2);
        let (begun, wait_until_begun) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let mut set = JoinSet::new();
        set.add(executor.spawn(move || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
        }));
        wait_until_begun.recv().unwrap();
        set.add(executor.spawn_future(std::future::pending()));
        set.abort_all();
        assert!(set.join_next().unwrap().unwrap_err().is_cancelled());
        assert!(set.try_join_next().is_none(), "a closure that runs is not interrupted");
        go.send(()).unwrap();
        assert!(set.join_next().unwrap().is_ok());
        assert!(set.is_empty());
    });
}

#[test]
fn the_pool_s_end_ends_the_members() {
    watched(|| {
        let executor = pool(1);
        let mut set: JoinSet<()> =
            (0..100).map(|_| executor.spawn_future(std::future::pending())).collect();
        drop(executor);
        let results = set.join_all();
        assert_eq!(results.len(), 100);
        assert!(results.into_iter().all(|result| result.unwrap_err().is_cancelled()));
    });
}
