//! Threads, address space and files: what the system refuses is an error that leaves nothing behind, and what a pool has taken comes
//! back.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;
mod support;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use child::{files, in_child, status_kib, threads};
use smp_executor::{BuildError, JoinError, SmpBuilder, SmpExecutor, blocking, spawn};
use support::{pool, watched};

/// Limits the address space of this process to what it has and so much more.
fn limit_to(more: u64) {
    let bytes = status_kib("VmSize") * 1024 + more;
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit lives during the call.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(result, 0);
}

/// A pool of eight with stacks of this size, which counts how many threads start and stop.
fn eight(stack: usize) -> (SmpBuilder, Arc<[AtomicUsize; 2]>) {
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let (started, stopped) = (Arc::clone(&counts), Arc::clone(&counts));
    let builder = SmpExecutor::builder()
        .workers(8)
        .stack_size(stack)
        .on_thread_start(move |_| {
            started[0].fetch_add(1, Ordering::Relaxed);
        })
        .on_thread_stop(move |_| {
            stopped[1].fetch_add(1, Ordering::Relaxed);
        });
    (builder, counts)
}

fn works(executor: &SmpExecutor) {
    let tasks: Vec<_> = (0..100).map(|n| executor.spawn(move || spawn(move || n))).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap().join().unwrap(), n);
    }
    assert_eq!(executor.map_reduce(0..10_000_u64, || 0, |n| n, |a, b| a + b), 49_995_000);
}

/// For the k-th of eight workers there is no room for a stack.
#[test]
fn a_thread_refused_for_want_of_address_space_leaves_nothing_behind() {
    const STACK: usize = 256 << 20;
    watched(|| {
        let name = "a_thread_refused_for_want_of_address_space_leaves_nothing_behind";
        let ended = in_child(name, || {
            // What a process needs once.
            works(&pool(2));
            let threads_before = threads();
            let mut refused = Vec::new();
            for stacks in 0..5 {
                let (builder, counts) = eight(STACK);
                let builder = builder.max_compensating_threads(0);
                // Besides the stacks, room for what a pool allocates, which is less than one stack.
                limit_to((stacks * STACK + STACK / 2) as u64);
                let error = builder.build().unwrap_err();
                let BuildError::Thread { index, .. } = error else { panic!("{error}") };
                refused.push(index);
                assert_eq!(threads(), threads_before, "{error}");
                let counts = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
                assert_eq!(counts, [index; 2], "those that were started have ended");
                // A smaller one still has room.
                let executor =
                    SmpExecutor::builder().workers(1).stack_size(1 << 20).build().unwrap();
                works(&executor);
                assert!(executor.shutdown().is_clean());
                assert_eq!(threads(), threads_before);
            }
            // The system keeps stacks of threads that have ended for the next ones.
            assert!(refused.is_sorted() && refused[0] == 0 && refused[4] >= 3, "{refused:?}");
        });
        ended.expect_success();
    });
}

/// Each thread of a pool has room for as many forks as fit on its stack, and there is no address space for that.
#[test]
#[cfg_attr(unpooled, ignore = "a sanitizer ends the process where memory is refused")]
fn memory_refused_for_forks_is_an_error_and_leaves_nothing_behind() {
    watched(|| {
        let name = "memory_refused_for_forks_is_an_error_and_leaves_nothing_behind";
        let ended = in_child(name, || {
            works(&pool(2));
            // Eight MiB for each of 72 threads would be asked for.
            limit_to(100 << 20);
            for _ in 0..10 {
                let (builder, counts) = eight(1 << 30);
                let error = builder.build().unwrap_err();
                assert!(matches!(error, BuildError::Memory { threads: 72 }), "{error}");
                assert_eq!(counts[0].load(Ordering::Relaxed), 0);
            }
            works(&SmpExecutor::builder().workers(2).stack_size(1 << 20).build().unwrap());
        });
        ended.expect_success();
    });
}

#[test]
fn a_spare_that_the_system_refuses_is_done_without() {
    const STACK: usize = 64 << 20;
    watched(|| {
        let ended = in_child("a_spare_that_the_system_refuses_is_done_without", || {
            works(&pool(2));
            let builder = SmpExecutor::builder().workers(2).stack_size(STACK);
            let executor = builder.max_compensating_threads(4).build().unwrap();
            works(&executor);
            let threads_before = threads();
            // Not enough for one more stack.
            limit_to(STACK as u64 / 2);
            let (end, ends) = mpsc::channel::<()>();
            let (begun, has_begun) = mpsc::channel();
            let blocked = executor.spawn(move || {
                blocking(|| {
                    begun.send(()).unwrap();
                    ends.recv().unwrap_err();
                    5
                })
            });
            has_begun.recv().unwrap();
            works(&executor);
            let metrics = executor.metrics();
            assert!(metrics.uncompensated_blocks >= 1, "{metrics:?}");
            assert_eq!(metrics.compensating_threads, 0);
            assert_eq!(threads(), threads_before);
            drop(end);
            assert_eq!(blocked.join().unwrap(), 5);
            // As soon as there is room, there is a spare.
            limit_to(1 << 40);
            let (sender, receiver) = mpsc::channel();
            let both: Vec<_> = [1, 2]
                .map(|n| {
                    let sender = sender.clone();
                    executor.spawn(move || blocking(|| sender.send(n)).unwrap())
                })
                .into();
            both.into_iter().for_each(|task| task.join().unwrap());
            assert_eq!(receiver.recv().unwrap() + receiver.recv().unwrap(), 3);
            works(&executor);
            assert!(executor.shutdown().is_clean());
        });
        ended.expect_success();
    });
}

/// One life of a pool, and how many of its tasks have been accounted for.
fn one_life(round: usize, is_in_flight: bool) -> usize {
    let executor = pool(1 + round % 3);
    if round.is_multiple_of(8) {
        return 0;
    }
    let tasks: Vec<_> = (0..8).map(|n| executor.spawn(move || vec![n; 100])).collect();
    let futures: Vec<_> = (0..8)
        .map(|n| {
            executor.spawn_future(async move {
                let list = spawn(move || vec![n; 100]).await.expect("it is accepted");
                if is_in_flight && n % 2 == 0 {
                    pending::<()>().await;
                }
                list
            })
        })
        .collect();
    let blocked = executor.spawn(|| blocking(|| vec![0; 100]));
    let all = tasks.into_iter().chain(futures).chain([blocked]);
    if !is_in_flight {
        return all.map(|handle| assert_eq!(handle.join().unwrap().len(), 100)).count();
    }
    drop(executor);
    // Each handle hears of the end, whichever it was.
    let is_told = |error: JoinError| error.is_cancelled() || error.is_panic();
    all.map(|handle| assert!(handle.join().map_or_else(is_told, |list| list.len() == 100))).count()
}

fn a_thousand_pools(is_in_flight: bool) {
    const POOLS: usize = 1_000;
    const WARM_UP: usize = 100;
    let run = |rounds: std::ops::Range<usize>| -> usize {
        rounds.map(|round| one_life(round, is_in_flight)).sum()
    };
    run(0..WARM_UP);
    let before = (threads(), files(), status_kib("VmRSS"), status_kib("VmSize"));
    assert_eq!(run(WARM_UP..WARM_UP + POOLS), POOLS / 8 * 7 * 17);
    // A thread that has been joined may be seen for a moment.
    while threads() > before.0 {
        std::thread::yield_now();
    }
    let after = (threads(), files(), status_kib("VmRSS"), status_kib("VmSize"));
    assert_eq!((after.0, after.1), (before.0, before.1));
    assert!(after.2 < before.2 + 4_096, "resident KiB: {} -> {}", before.2, after.2);
    assert!(after.3 < before.3 + 65_536, "address space, KiB: {} -> {}", before.3, after.3);
}

#[test]
fn a_thousand_pools_give_everything_back() {
    watched(|| {
        let name = "a_thousand_pools_give_everything_back";
        in_child(name, || a_thousand_pools(false)).expect_success();
    });
}

#[test]
fn a_thousand_pools_with_work_in_flight_give_everything_back() {
    watched(|| {
        let name = "a_thousand_pools_with_work_in_flight_give_everything_back";
        in_child(name, || a_thousand_pools(true)).expect_success();
    });
}
