//! A limit on queued tasks.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use smp_executor::{Role, SmpExecutor, Spawn, SpawnError, block_on, spawn, yield_now};
use support::watched;

fn limited(workers: usize, limit: usize) -> SmpExecutor {
    SmpExecutor::builder().workers(workers).injector_limit(limit).build().unwrap()
}

/// Keeps a pool's only worker until the returned sender is dropped.
fn hold(executor: &SmpExecutor) -> mpsc::Sender<()> {
    let (begun, begins) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    drop(executor.spawn(move || {
        begun.send(()).unwrap();
        let _ = ends.recv();
    }));
    begins.recv().unwrap();
    end
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let refused = SmpExecutor::builder().injector_limit(0).build();
    assert!(refused.unwrap_err().to_string().contains("no queued tasks"));
}

#[test]
fn what_is_refused_is_handed_back() {
    watched(|| {
        const WORK: Role = Role::new("work");
        let executor = limited(1, 3);
        let end = hold(&executor);
        let queued: Vec<_> = (0..3).map(|n| executor.try_spawn(move || n).unwrap()).collect();
        let refused = executor.try_spawn(|| 7).unwrap_err();
        assert!(refused.is_full());
        assert_eq!(refused.into_inner()(), 7);
        assert!(executor.try_spawn_in(WORK, || 7).unwrap_err().is_full());
        drop(end);
        for (n, handle) in queued.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), n);
        }
        assert_eq!(executor.try_spawn(|| 8).unwrap().join().unwrap(), 8);
        assert!(executor.shutdown().is_clean());
        assert!(executor.try_spawn(|| 9).unwrap_err().is_closed());
    });
}

#[test]
fn never_more_are_queued_than_the_limit_says() {
    watched(|| {
        const LIMIT: usize = 4;
        let executor = Arc::new(limited(2, LIMIT));
        let (queued, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Barrier::new(4));
        let spawners: Vec<_> = (0..4)
            .map(|_| {
                let (executor, gate) = (Arc::clone(&executor), Arc::clone(&gate));
                let (queued, most) = (Arc::clone(&queued), Arc::clone(&most));
                thread::spawn(move || {
                    gate.wait();
                    let handles: Vec<_> = (0..500)
                        .map(|n| {
                            let started = Arc::clone(&queued);
                            let handle = executor.spawn(move || {
                                started.fetch_sub(1, Ordering::SeqCst);
                                n
                            });
                            // Counted late, and so perhaps after its start: never too many.
                            let now = queued.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
                            most.fetch_max(if now > 1 << 32 { 0 } else { now }, Ordering::SeqCst);
                            handle
                        })
                        .collect();
                    for (n, handle) in handles.into_iter().enumerate() {
                        assert_eq!(handle.join().unwrap(), n);
                    }
                })
            })
            .collect();
        for spawner in spawners {
            spawner.join().unwrap();
        }
        // A task gives its place back just before its first instruction, so that each worker may have one on the way, and each
        // spawner's count may be late by one.
        let most = most.load(Ordering::SeqCst);
        assert!(most <= LIMIT + 2 + 4, "{most} were queued");
    });
}

#[test]
fn a_worker_s_own_spawns_never_wait() {
    watched(|| {
        let executor = limited(1, 1);
        let sum = executor.spawn(|| {
            let handles: Vec<_> = (0..100).map(|n| spawn(move || n)).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).sum::<i32>()
        });
        assert_eq!(sum.join().unwrap(), 4_950);
    });
}

#[test]
fn a_future_waits_for_room_and_gives_its_place_up_at_its_first_poll() {
    watched(|| {
        let executor = limited(1, 1);
        let end = hold(&executor);
        let first = executor.spawn_future(async {
            for _ in 0..3 {
                yield_now().await;
            }
            1
        });
        let mut second = pin!(executor.spawn_wait(|| 2));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(end);
        assert_eq!(block_on(second).unwrap().join().unwrap(), 2);
        assert_eq!(first.join().unwrap(), 1);
    });
}

#[test]
fn an_abandoned_wait_takes_no_place() {
    watched(|| {
        let executor = limited(1, 1);
        let end = hold(&executor);
        let queued = executor.spawn(|| 1);
        {
            let mut waiting = pin!(executor.spawn_wait(|| panic!("never admitted")));
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        drop(end);
        assert_eq!(queued.join().unwrap(), 1);
        assert_eq!(executor.spawn(|| 2).join().unwrap(), 2);
    });
}

#[test]
fn an_aborted_task_gives_its_place_back() {
    watched(|| {
        let executor = limited(1, 1);
        let end = hold(&executor);
        let queued = executor.spawn(|| 1);
        queued.abort();
        drop(end);
        assert!(queued.join().unwrap_err().is_cancelled());
        assert_eq!(executor.spawn(|| 2).join().unwrap(), 2);
    });
}

#[test]
fn the_end_of_the_pool_releases_those_who_wait() {
    watched(|| {
        for drops in [false, true] {
            let executor = limited(1, 1);
            let handle = executor.handle();
            let end = hold(&executor);
            let queued = executor.spawn(|| 1);
            let waiting: Vec<_> = (0..3)
                .map(|_| {
                    let handle = handle.clone();
                    thread::spawn(move || handle.spawn(|| 2).join())
                })
                .collect();
            let mut future = pin!(handle.spawn_wait(|| 3));
            let mut context = Context::from_waker(Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_pending());
            let ending =
                thread::spawn(
                    move || {
                        if drops { drop(executor) } else { drop(executor.shutdown()) }
                    },
                );
            // Neither waits for the task that holds the worker: they hear of the end, not of room.
            for waiting in waiting {
                assert!(waiting.join().unwrap().unwrap_err().is_cancelled());
            }
            assert_eq!(block_on(future).unwrap_err(), SpawnError::Closed);
            drop(end);
            ending.join().unwrap();
            assert_eq!(queued.join().is_ok(), !drops);
            let mut late = pin!(handle.spawn_wait(|| 4));
            let Poll::Ready(late) = late.as_mut().poll(&mut context) else {
                panic!("it is closed")
            };
            assert_eq!(late.unwrap_err(), SpawnError::Closed);
        }
    });
}
