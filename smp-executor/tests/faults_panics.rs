//! Panics in tasks, in destructors, in hooks, and while the stack unwinds: each task is accounted for, each value dropped once,
//! and the pool goes on.

mod support;
#[path = "support/values.rs"]
mod values;

use std::panic::{panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use smp_executor::{
    JoinHandle, Priority, SmpExecutor, blocking, scope, spawn, spawn_future, spawn_local, yield_now,
};
use support::{pool, watched};
use values::{Grenade, Live, Value, caught, is_sound, text, text_of};

/// A pool, and the texts of the panics that no handle takes.
fn with_reports(workers: usize) -> (SmpExecutor, mpsc::Receiver<&'static str>) {
    let (tell, told) = mpsc::channel();
    let executor = SmpExecutor::builder()
        .workers(workers)
        .on_panic(move |panic| {
            let _ = tell.send(text(panic.into_payload()));
        })
        .build()
        .unwrap();
    (executor, told)
}

#[test]
fn destructors_of_closures_and_outputs_panic_wherever_they_run() {
    watched(|| {
        for workers in [1, 2] {
            let (executor, reports) = with_reports(workers);
            let live = Live::default();
            // In a closure that has run, joined and detached.
            let bomb = live.bomb();
            let joined = executor.spawn(move || drop(bomb));
            assert_eq!(text_of(joined.join()), "a destructor");
            let bomb = live.bomb();
            drop(executor.spawn(move || drop(bomb)));
            assert_eq!(reports.recv().unwrap(), "a destructor");
            // In an output that nobody wants.
            let (bomb, (go, goes)) = (live.bomb(), mpsc::channel::<()>());
            drop(executor.spawn(move || {
                goes.recv().unwrap_err();
                bomb
            }));
            drop(go);
            assert_eq!(reports.recv().unwrap(), "a destructor");
            let (bomb, (go, goes)) = (live.bomb(), mpsc::channel::<()>());
            drop(executor.spawn_future(async move {
                yield_now().await;
                goes.recv().unwrap_err();
                bomb
            }));
            drop(go);
            assert_eq!(reports.recv().unwrap(), "a destructor");
            // In an output that its owner drops.
            let bomb = live.bomb();
            let handle = executor.spawn(move || bomb);
            while !handle.is_finished() {
                std::thread::yield_now();
            }
            assert_eq!(text(caught(|| drop(handle)).unwrap_err()), "a destructor");
            // In a future that is aborted, and in one that ends.
            let bomb = live.bomb();
            let handle = executor.spawn_future(async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            });
            handle.abort();
            assert_eq!(text_of(handle.join()), "a destructor");
            let bomb = live.bomb();
            let handle = executor.spawn_with(Priority::High, move || {
                let _bomb = &bomb;
            });
            assert_eq!(text_of(handle.join()), "a destructor");
            let bomb = live.bomb();
            let handle = executor.spawn_on(workers - 1, move || {
                let _bomb = &bomb;
            });
            assert_eq!(text_of(handle.join()), "a destructor");
            is_sound(&executor);
            assert!(executor.shutdown().is_clean());
            assert_eq!(live.count(), 0);
            assert!(reports.try_recv().is_err());
        }
    });
}

#[test]
fn local_futures_panic_in_polls_destructors_and_outputs() {
    watched(|| {
        let (executor, reports) = with_reports(2);
        let live = Live::default();
        let inside = live.clone();
        let spawning = executor.spawn(move || {
            let [first, second, third, fourth] = [(); 4].map(|()| Rc::new(inside.bomb()));
            // The output, unwanted; the future, ended; the future, aborted; the future, at the end of the pool.
            drop(spawn_local(async move { first }));
            drop(spawn_local(async move { drop(second) }));
            let aborted = spawn_local(async move {
                let _third = third;
                std::future::pending::<()>().await;
            });
            aborted.abort();
            drop(aborted);
            drop(spawn_local(async move {
                let _fourth = fourth;
                std::future::pending::<()>().await;
            }));
            let polled = spawn_local(async { panic_any("a poll") });
            text_of::<()>(polled.join())
        });
        assert_eq!(spawning.join().unwrap(), "a poll");
        for _ in 0..3 {
            assert_eq!(reports.recv().unwrap(), "a destructor");
        }
        is_sound(&executor);
        assert_eq!(live.count(), 1, "the one that waits");
        drop(executor);
        assert_eq!(reports.recv().unwrap(), "a destructor");
        assert_eq!(live.count(), 0);
    });
}

#[test]
fn each_hook_panics_each_time_and_nothing_is_lost() {
    watched(|| {
        let calls: Arc<[AtomicUsize; 7]> = Arc::default();
        let hook = |index: usize| {
            let calls = Arc::clone(&calls);
            move || {
                calls[index].fetch_add(1, Ordering::Relaxed);
                // The payloads' own destructors panic too.
                panic_any(Grenade);
            }
        };
        let [start, stop, park, unpark] = [0, 1, 2, 3].map(|index| {
            let hook = hook(index);
            move |_: usize| hook()
        });
        let [begin, end] = [4, 5].map(|index| {
            let hook = hook(index);
            move |_: smp_executor::TaskId| hook()
        });
        let on_panic = hook(6);
        let executor = SmpExecutor::builder()
            .workers(2)
            .on_thread_start(start)
            .on_thread_stop(stop)
            .on_park(park)
            .on_unpark(unpark)
            .on_task_start(begin)
            .on_task_end(end)
            .on_panic(move |_| on_panic())
            .measure_delays(true)
            .build()
            .unwrap();
        let live = Live::default();
        let ran = Arc::new(AtomicUsize::new(0));
        for round in 0..100 {
            let (value, counted) = (live.value(), Arc::clone(&ran));
            drop(executor.spawn(move || {
                let _value = value;
                counted.fetch_add(1, Ordering::Relaxed);
                panic_any("detached");
            }));
            assert_eq!(executor.spawn(move || round).join().unwrap(), round);
        }
        is_sound(&executor);
        // A worker that blocks has somebody else start and stop.
        let (sender, receiver) = mpsc::channel();
        let blocked = executor.spawn(move || blocking(|| receiver.recv()).unwrap());
        let other = executor.spawn(move || sender.send(9).unwrap());
        assert_eq!((blocked.join().unwrap(), other.join().unwrap()), (9, ()));
        let report = executor.shutdown();
        assert!(report.is_clean(), "{report}");
        assert_eq!((ran.load(Ordering::Relaxed), live.count()), (100, 0));
        let counts = calls.each_ref().map(|calls| calls.load(Ordering::Relaxed));
        assert_eq!(counts[6], 100, "{counts:?}");
        assert!(counts[0] >= 2 && counts[0] == counts[1], "{counts:?}");
        assert!(counts[4] >= 200 && counts[4] == counts[5], "{counts:?}");
        assert!(counts[2] > 0 && counts[3] > 0, "{counts:?}");
    });
}

/// Uses the pool in its destructor, and says when that is over.
struct Busy<F: FnMut()>(F);

impl<F: FnMut()> Drop for Busy<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn the_pool_may_be_used_while_the_stack_unwinds() {
    watched(|| {
        for workers in [1, 2, 3] {
            let executor = pool(workers);
            let live = Live::default();
            let uses = Arc::new(AtomicUsize::new(0));
            for round in 0..40 {
                let (inside, used) = (live.clone(), Arc::clone(&uses));
                let task = executor.spawn(move || {
                    let _busy = Busy(move || {
                        assert!(std::thread::panicking());
                        use_everything(&inside, round);
                        used.fetch_add(1, Ordering::Relaxed);
                    });
                    panic_any("the first panic")
                });
                assert_eq!(text_of::<()>(task.join()), "the first panic");
            }
            assert_eq!(uses.load(Ordering::Relaxed), 40);
            is_sound(&executor);
            assert!(executor.shutdown().is_clean());
            assert_eq!(live.count(), 0);
        }
    });
}

/// Whatever a worker can do with its pool.
fn use_everything(live: &Live, round: usize) {
    let value = live.value();
    assert_eq!(spawn(move || (round, value)).join().unwrap().0, round);
    let value = live.value();
    let future = spawn_future(async move {
        yield_now().await;
        (round, value)
    });
    assert_eq!(future.join().unwrap().0, round);
    let aborted = spawn_future(std::future::pending::<()>());
    aborted.abort();
    assert!(aborted.join().unwrap_err().is_cancelled());
    drop(spawn({
        let value = live.value();
        move || drop(value)
    }));
    let (left, right) = smp_executor::join(|| live.value(), || live.value());
    drop((left, right));
    let sum = AtomicUsize::new(0);
    scope(|s| {
        for n in 0..4 {
            let sum = &sum;
            s.spawn(move |_| {
                sum.fetch_add(n, Ordering::Relaxed);
            });
        }
    });
    smp_executor::for_each(0..10_usize, |n| {
        sum.fetch_add(n, Ordering::Relaxed);
    });
    assert_eq!(sum.load(Ordering::Relaxed), 6 + 45);
    let mut list: Vec<_> = (0..100_u32).rev().collect();
    smp_executor::sort(&mut list);
    assert!(list.is_sorted());
    // And panics that end within the destructor.
    let nested = caught(|| smp_executor::join(|| panic_any("nested"), || live.value()));
    assert_eq!(text(nested.map(|_| ()).unwrap_err()), "nested");
    assert_eq!(text_of(spawn(|| panic_any("inner")).join()), "inner");
}

/// A task that passes on what it has caught, again and again through all ways of waiting.
#[test]
fn a_panic_passes_through_every_way_of_waiting_once() {
    fn pass(ways: usize, live: &Live) -> Value {
        let value = live.value();
        let inside = live.clone();
        match ways % 6 {
            _ if ways == 0 => panic_any("the source"),
            0 => match spawn(move || pass(ways - 1, &inside)).join() {
                Ok(value) => value,
                Err(error) => resume_unwind(error.into_panic()),
            },
            1 => smp_executor::join(|| (), || pass(ways - 1, live)).1,
            2 => scope(|s| {
                s.spawn(|_| drop(pass(ways - 1, live)));
                value
            }),
            3 => blocking(|| pass(ways - 1, live)),
            4 => {
                let waiting: JoinHandle<Value> = spawn_future(async move {
                    yield_now().await;
                    match spawn(move || pass(ways - 1, &inside)).await {
                        Ok(value) => value,
                        Err(error) => resume_unwind(error.into_panic()),
                    }
                });
                waiting.join().unwrap_or_else(|error| resume_unwind(error.into_panic()))
            }
            _ => smp_executor::map_reduce(
                0..3_usize,
                || value.clone(),
                |_| pass(ways - 1, live),
                |_, b| b,
            ),
        }
    }

    watched(|| {
        for workers in [1, 2] {
            let executor = pool(workers);
            let live = Live::default();
            for ways in 0..24 {
                let inside = live.clone();
                let task = executor.spawn(move || pass(ways, &inside));
                assert_eq!(text_of(task.join()), "the source");
                while live.count() > 0 {
                    // A handle may hear of the panic before the last frame that unwinds is gone.
                    std::thread::yield_now();
                }
            }
            is_sound(&executor);
        }
    });
}
