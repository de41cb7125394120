//! No task starves beside others that never end, whichever queue it waits in.

mod support;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use smp_executor::{JoinSet, Priority, SmpExecutor, SmpHandle, spawn, yield_now};
use support::{pool, watched};

/// Something that goes on until it is told to stop.
#[derive(Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A task that spawns itself again, for ever.
fn respawn(priority: Priority, handle: SmpHandle, stop: Stop, runs: Arc<AtomicUsize>) {
    if stop.is_set() {
        return;
    }
    runs.fetch_add(1, Ordering::Relaxed);
    let next = handle.clone();
    drop(handle.spawn_with(priority, move || respawn(priority, next, stop, runs)));
}

/// Starts a task that respawns itself, and waits until it runs.
fn keep_respawning(executor: &SmpExecutor, priority: Priority) -> (Stop, Arc<AtomicUsize>) {
    let (stop, runs) = (Stop::default(), Arc::new(AtomicUsize::new(0)));
    let (handle, flag, counted) = (executor.handle(), stop.clone(), Arc::clone(&runs));
    drop(executor.spawn_with(priority, move || respawn(priority, handle, flag, counted)));
    while runs.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    (stop, runs)
}

#[test]
fn a_spawn_from_outside_runs_beside_a_task_that_respawns_itself() {
    watched(|| {
        for workers in [1, 2] {
            let executor = pool(workers);
            let respawning: Vec<_> =
                (0..workers).map(|_| keep_respawning(&executor, Priority::Normal)).collect();
            for _ in 0..100 {
                executor.spawn(|| ()).join().unwrap();
            }
            respawning.iter().for_each(|(stop, _)| stop.now());
        }
    });
}

/// How many of the others run between a spawn and its start: a bound, not a time.
#[test]
fn a_spawn_from_outside_waits_for_a_bounded_number_of_others() {
    watched(|| {
        let executor = pool(1);
        let handle = executor.handle();
        let ran = executor.spawn(move || {
            // In the worker's own queue, each of them spawns itself again.
            let stop = Stop::default();
            let runs = Arc::new(AtomicUsize::new(0));
            for _ in 0..4 {
                respawn(Priority::Normal, handle.clone(), stop.clone(), Arc::clone(&runs));
            }
            // From a thread that is no worker, as long as this task keeps the worker.
            let counted = Arc::clone(&runs);
            let outside = std::thread::spawn(move || {
                handle.spawn(move || {
                    stop.now();
                    counted.load(Ordering::Relaxed)
                })
            });
            outside.join().unwrap()
        });
        let ran = ran.join().unwrap().join().unwrap();
        assert!(ran <= 100, "{ran} tasks overtook it");
    });
}

/// Where each task takes longer than the period in which the inbox has its turn, it has each second turn.
#[test]
fn a_spawn_from_outside_waits_for_two_long_tasks_at_most() {
    watched(|| {
        let executor = pool(1);
        let (stop, runs) = keep_respawning_long(&executor, 0);
        // By then the worker has noticed how long they take.
        let most = (0..30).map(|_| waits_for(&executor, &runs)).skip(10).max();
        stop.now();
        assert!(most <= Some(2), "{most:?} tasks of 300 us went first");
    });
}

/// While tasks are short, a worker reads no clock. It notices soon that they have become long: after two of the intervals in which the
/// neglected have their turn, not after all the short tasks that it would have run between two looks.
#[test]
fn tasks_that_become_long_are_noticed_soon() {
    watched(|| {
        for _ in 0..20 {
            let executor = pool(1);
            let (stop, runs) = keep_respawning_long(&executor, 2000);
            let waited = waits_for(&executor, &runs);
            stop.now();
            assert!(waited <= 20, "{waited} tasks of 300 us went first");
        }
    });
}

/// How many others begin between a spawn from outside and its own beginning, at least.
fn waits_for(executor: &SmpExecutor, runs: &Arc<AtomicUsize>) -> usize {
    let counted = Arc::clone(runs);
    let begun = executor.spawn(move || counted.load(Ordering::SeqCst));
    // What has begun by now began before it as well, or is one that it would have to wait for.
    let before = runs.load(Ordering::SeqCst);
    begun.join().unwrap().saturating_sub(before)
}

/// Starts four tasks that spawn themselves again, so many times without computing, and then each time after 300 us of it; waits until one
/// computes.
fn keep_respawning_long(executor: &SmpExecutor, short: usize) -> (Stop, Arc<AtomicUsize>) {
    let (stop, runs) = (Stop::default(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..4 {
        let (handle, stop, runs) = (executor.handle(), stop.clone(), Arc::clone(&runs));
        drop(executor.spawn(move || respawn_long(handle, stop, runs, short)));
    }
    while runs.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    (stop, runs)
}

/// As [`respawn`], with tasks that compute for 300 us, after so many that do not.
fn respawn_long(handle: SmpHandle, stop: Stop, runs: Arc<AtomicUsize>, short: usize) {
    if stop.is_set() {
        return;
    }
    if short == 0 {
        runs.fetch_add(1, Ordering::SeqCst);
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(300) {
            std::hint::spin_loop();
        }
    }
    let next = handle.clone();
    drop(handle.spawn(move || respawn_long(next, stop, runs, short.saturating_sub(1))));
}

#[test]
fn low_priority_runs_beside_a_pool_that_is_never_idle() {
    watched(|| {
        let executor = pool(1);
        for priority in [Priority::Normal, Priority::High] {
            let (stop, _) = keep_respawning(&executor, priority);
            executor.spawn_with(Priority::Low, || ()).join().unwrap();
            executor.spawn_with(Priority::Normal, || ()).join().unwrap();
            stop.now();
        }
    });
}

#[test]
fn high_priority_overtakes_what_is_queued_and_low_comes_last() {
    watched(|| {
        let executor = pool(1);
        let gate = Arc::new(Barrier::new(2));
        let closed = Arc::clone(&gate);
        drop(executor.spawn(move || closed.wait()));
        let (sender, order) = mpsc::channel();
        let tasks = [Priority::Low, Priority::Normal, Priority::High];
        for priority in tasks.into_iter().flat_map(|priority| [priority; 3]) {
            let sender = sender.clone();
            drop(executor.spawn_with(priority, move || sender.send(priority)));
        }
        drop(sender);
        gate.wait();
        let order: Vec<_> = order.iter().collect();
        let at = |wanted| order.iter().position(|priority| *priority == wanted).unwrap();
        assert!(at(Priority::High) < at(Priority::Normal), "{order:?}");
        assert_eq!(order[6..], [Priority::Low; 3], "{order:?}");
    });
}

#[test]
fn a_future_keeps_its_priority_when_it_is_woken() {
    watched(|| {
        let executor = pool(1);
        let (stop, runs) = keep_respawning(&executor, Priority::Normal);
        let yields = 200;
        let yielding = executor.spawn_future_with(Priority::High, async move {
            let first = runs.load(Ordering::Relaxed);
            for _ in 0..yields {
                yield_now().await;
            }
            runs.load(Ordering::Relaxed) - first
        });
        let beside = yielding.join().unwrap();
        stop.now();
        // One of eight turns goes to the others.
        assert!((yields / 10..yields / 6).contains(&beside), "{beside} beside {yields} polls");
    });
}

#[test]
fn two_futures_that_wake_each_other_do_not_starve_the_queue() {
    watched(|| {
        let executor = pool(1);
        let stop = Stop::default();
        let wakers = Arc::new(std::sync::Mutex::new([None, None]));
        let pair = [0, 1].map(|me: usize| {
            let (wakers, stop) = (Arc::clone(&wakers), stop.clone());
            executor.spawn_future(poll_fn(move |context| {
                if stop.is_set() {
                    wakers.lock().unwrap().iter_mut().filter_map(Option::take).for_each(wake);
                    return Poll::Ready(());
                }
                let mut wakers = wakers.lock().unwrap();
                wakers[me] = Some(context.waker().clone());
                if let Some(other) = wakers[1 - me].take() {
                    other.wake();
                }
                Poll::Pending
            }))
        });
        for _ in 0..100 {
            executor.spawn(|| spawn(|| ())).join().unwrap().join().unwrap();
        }
        stop.now();
        wakers.lock().unwrap().iter_mut().filter_map(Option::take).for_each(wake);
        for future in pair {
            future.join().unwrap();
        }

        fn wake(waker: std::task::Waker) {
            waker.wake();
        }
    });
}

#[test]
fn yielding_futures_and_a_fork_join_loop_go_on_beside_each_other() {
    watched(|| {
        for workers in [1, 2] {
            let executor = pool(workers);
            let stop = Stop::default();
            let polls: Arc<Vec<AtomicUsize>> =
                Arc::new((0..1_000).map(|_| AtomicUsize::new(0)).collect());
            let mut futures: JoinSet<()> = (0..1_000)
                .map(|index| {
                    let (polls, stop) = (Arc::clone(&polls), stop.clone());
                    executor.spawn_future(async move {
                        while !stop.is_set() {
                            polls[index].fetch_add(1, Ordering::Relaxed);
                            yield_now().await;
                        }
                    })
                })
                .collect();
            let sum = |list: &[u64]| executor.map_reduce(list, || 0, |n| *n, |a, b| a + b);
            let list: Vec<u64> = (0..10_000).collect();
            // The loop goes on while the futures do, and the futures while the loop does.
            let mut loops = 0;
            while loops < 50 || polls.iter().any(|polls| polls.load(Ordering::Relaxed) < 10) {
                assert_eq!(sum(&list), 49_995_000);
                loops += 1;
            }
            stop.now();
            while let Some(ended) = futures.join_next() {
                ended.unwrap();
            }
        }
    });
}

/// What is meant for one worker, and what is urgent, take turns.
#[test]
fn nothing_that_overtakes_starves_the_others_that_do() {
    watched(|| {
        fn again(handle: SmpHandle, stop: Stop) {
            if !stop.is_set() {
                let next = handle.clone();
                drop(handle.spawn_on(0, move || again(next, stop)));
            }
        }
        let executor = pool(1);
        let stop = Stop::default();
        again(executor.handle(), stop.clone());
        let (high, _) = keep_respawning(&executor, Priority::High);
        let yields = stop.clone();
        let local = executor.spawn(move || {
            smp_executor::spawn_local(async move {
                while !yields.is_set() {
                    yield_now().await;
                }
            })
        });
        let local = local.join().unwrap();
        executor.spawn_on(0, || ()).join().unwrap();
        executor.spawn_with(Priority::High, || ()).join().unwrap();
        executor.spawn(|| smp_executor::spawn_local(async {})).join().unwrap().join().unwrap();
        executor.spawn(|| ()).join().unwrap();
        executor.spawn_with(Priority::Low, || ()).join().unwrap();
        stop.now();
        high.now();
        local.join().unwrap();
    });
}
