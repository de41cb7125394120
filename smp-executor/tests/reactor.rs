//! Pools whose idle workers wait in a reactor.

#[path = "../../common/tests/reactors/mod.rs"]
mod reactors;
mod support;

use std::sync::mpsc;
use std::thread;

use reactors::{End, TestReactor, runtime, sleep};
use smp_executor::{Reactor, SmpExecutor, blocking, current_worker};
use support::watched;

fn pool_in(workers: usize, reactor: impl Reactor) -> SmpExecutor {
    SmpExecutor::builder().workers(workers).reactor(reactor).build().unwrap()
}

/// Tasks from outside and from within, futures, forks, and a sleep between any two.
fn sum_of_all(pool: &SmpExecutor) -> u64 {
    let mut sum = 0;
    for n in 0..50 {
        let handle = pool.handle();
        let outer = pool.spawn(move || {
            let inner = handle.spawn_future(async move {
                smp_executor::yield_now().await;
                n
            });
            let (a, b) = smp_executor::join(|| 1, || 2);
            inner.join().unwrap() + a + b
        });
        sum += outer.join().unwrap();
    }
    sum
}

#[test]
fn everything_runs_whatever_the_reactor_does() {
    watched(|| {
        for workers in [1, 2] {
            for polls in [0, 1, 2, 3, 10, 50] {
                for end in [End::Returns, End::Panics] {
                    let pool = pool_in(workers, TestReactor::ending(polls, end));
                    assert_eq!(sum_of_all(&pool), 50 * 49 / 2 + 50 * 3);
                    assert!(pool.shutdown().is_clean());
                }
            }
        }
    });
}

#[test]
fn between_two_polls_the_thread_is_no_worker() {
    watched(|| {
        let between =
            || assert_eq!((current_worker(), smp_executor::join(|| 1, || 2)), (None, (1, 2)));
        let reactor = TestReactor::calling(between);
        let pool = pool_in(2, reactor.clone());
        assert_eq!(sum_of_all(&pool), 50 * 49 / 2 + 50 * 3);
        assert!(pool.shutdown().is_clean());
        assert!(reactor.polls() > 2);
    });
}

#[test]
fn a_pool_that_is_never_idle_lets_its_reactor_turn() {
    watched(|| {
        for workers in [1, 2] {
            let pool = pool_in(workers, runtime());
            let stop = smp_executor::CancellationToken::new();
            let busy: Vec<_> = (0..workers * 2)
                .map(|_| {
                    let stop = stop.clone();
                    pool.spawn_future(async move {
                        while !stop.is_cancelled() {
                            smp_executor::yield_now().await;
                        }
                    })
                })
                .collect();
            let timer = pool.spawn_future(sleep(2));
            timer.join().unwrap();
            stop.cancel();
            busy.into_iter().for_each(|handle| handle.join().unwrap());
        }
    });
}

#[test]
fn a_worker_that_blocks_has_somebody_who_stands_in() {
    watched(|| {
        let pool = pool_in(1, runtime());
        let (release, released) = mpsc::channel::<()>();
        let blocked = pool.spawn(move || blocking(|| released.recv()));
        // Runs on a thread that stands in.
        assert_eq!(pool.spawn(|| 7).join().unwrap(), 7);
        release.send(()).unwrap();
        blocked.join().unwrap().unwrap();
        let timer = pool.spawn_future(sleep(1));
        timer.join().unwrap();
    });
}

#[test]
fn what_the_runtime_runs_itself_can_use_the_pool() {
    watched(|| {
        let runtime = runtime();
        let tokio = runtime.handle().clone();
        let pool = pool_in(2, runtime);
        let handle = pool.handle();
        let outer = tokio.spawn(async move { handle.spawn(|| current_worker().is_some()).await });
        let (done, finished) = mpsc::channel();
        pool.spawn_future(async move { done.send(outer.await.unwrap().unwrap()).unwrap() });
        assert!(finished.recv().unwrap());
    });
}

#[test]
fn the_runtime_s_own_task_may_end_the_pool() {
    watched(|| {
        for workers in [1, 2] {
            let runtime = runtime();
            let tokio = runtime.handle().clone();
            let pool = pool_in(workers, runtime);
            let (done, finished) = mpsc::channel();
            // On a worker's thread, which must not wait for itself.
            tokio.spawn(async move {
                drop(pool);
                done.send(()).unwrap();
            });
            finished.recv().unwrap();
        }
    });
}

#[test]
fn a_spare_whose_reactor_has_no_timers_goes_on_without_it() {
    watched(|| {
        let io_alone = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        for pool in [pool_in(1, io_alone), pool_in(1, TestReactor::without_timers())] {
            for _ in 0..3 {
                let (release, released) = mpsc::channel::<()>();
                let blocked = pool.spawn(move || blocking(|| released.recv()));
                assert_eq!(pool.spawn(|| 7).join().unwrap(), 7);
                release.send(()).unwrap();
                blocked.join().unwrap().unwrap();
                assert_eq!(sum_of_all(&pool), 50 * 49 / 2 + 50 * 3);
            }
            assert!(pool.shutdown().is_clean());
        }
    });
}

#[test]
fn what_the_runtime_runs_itself_waits_for_no_room_and_broadcasts_not() {
    watched(|| {
        let runtime = runtime();
        let tokio = runtime.handle().clone();
        let pool =
            SmpExecutor::builder().workers(1).injector_limit(1).reactor(runtime).build().unwrap();
        let (handle, (done, finished)) = (pool.handle(), mpsc::channel());
        tokio.spawn(async move {
            // One is the limit, and the worker that would make room has this thread.
            let tasks = [1, 2, 3].map(|n| handle.spawn(move || n));
            done.send(tasks).unwrap();
        });
        assert_eq!(finished.recv().unwrap().map(|task| task.join().unwrap()), [1, 2, 3]);

        let pool = std::sync::Arc::new(pool);
        let (shared, (done, finished)) = (std::sync::Arc::clone(&pool), mpsc::channel());
        tokio.spawn(async move {
            let broadcast = std::panic::AssertUnwindSafe(|| shared.broadcast(|_| ()));
            let _ = done.send(std::panic::catch_unwind(broadcast).is_err());
        });
        assert!(finished.recv().unwrap());
    });
}

#[test]
fn a_pool_that_has_ended_has_let_go_of_its_reactor() {
    /// Tells that it is dropped.
    struct Told(mpsc::Sender<()>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    watched(|| {
        let runtime = runtime();
        let tokio = runtime.handle().clone();
        let pool = pool_in(2, runtime);
        let (handle, (dropped, is_dropped)) = (pool.handle(), mpsc::channel());
        // A task of the runtime's that never ends, and holds on to the pool.
        let told = Told(dropped);
        tokio.spawn(async move {
            let _held = (handle, told);
            std::future::pending::<()>().await;
        });
        pool.spawn(|| blocking(thread::yield_now)).join().unwrap();
        let handle = pool.handle();
        assert!(pool.shutdown().is_clean());
        is_dropped.recv().unwrap();
        drop(handle);
    });
}

#[test]
fn an_idle_pool_sleeps() {
    watched(|| {
        let reactor = TestReactor::new();
        let pool = pool_in(2, reactor.clone());
        pool.spawn(|| ()).join().unwrap();
        let asleep = || pool.metrics().workers.iter().all(|worker| worker.parks > worker.wakes);
        while !asleep() {
            thread::yield_now();
        }
        let polls = reactor.polls();
        assert!(asleep() && polls < 1000, "{polls} polls for one task");
        drop(pool);
    });
}
