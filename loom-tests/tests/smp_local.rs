//! Futures that never leave their worker: whoever wakes them, that one worker polls and drops them, and no wake-up is lost.

#![cfg(loom)]

use std::rc::Rc;

use executor_common::sync::thread;
use executor_common::{JoinHandle, yield_now};
use loom_tests::{Pause, Plain, check};
use smp_executor::model::{ModelPool, ModelWorker, pool};
use smp_executor::{current_worker, spawn_local};

/// Fails unless it is dropped on worker 0. Not `Send`.
struct Home {
    dropped: Plain,
    _not_send: Rc<()>,
}

impl Home {
    fn new(dropped: &Plain) -> Self {
        Self { dropped: dropped.clone(), _not_send: Rc::new(()) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        assert_eq!(current_worker(), Some(0), "it is dropped where it was made");
        self.dropped.increment();
    }
}

/// The only worker of a pool.
fn one_worker() -> (ModelPool, ModelWorker) {
    let (pool, mut workers) = pool(1);
    (pool, workers.pop().expect("a pool of one"))
}

/// Spawns a future on the calling thread, the worker, and polls it once. It waits for a wake-up then.
fn suspended(
    worker: &ModelWorker,
    dropped: &Plain,
    pause: &Pause,
    then: impl Future<Output = ()> + 'static,
) -> JoinHandle<()> {
    let (wait, home) = (pause.wait(), Home::new(dropped));
    let handle = spawn_local(async move {
        let _home = home;
        wait.await;
        then.await;
    });
    assert!(worker.run_next_local());
    handle
}

/// Wakes what waits, on another thread.
fn wake_elsewhere(pause: &Pause) -> thread::JoinHandle<()> {
    let waker = pause.waker().expect("it has been polled");
    thread::spawn(move || waker.wake())
}

#[test]
fn a_wake_up_from_outside_reaches_a_worker_that_lies_down() {
    check("smp local: foreign wake-up, falling asleep", || {
        let (_pool, worker) = one_worker();
        worker.enter(|| {
            let (pause, dropped) = (Pause::new(), Plain::new());
            let handle = suspended(&worker, &dropped, &pause, async {});
            let waking = wake_elsewhere(&pause);
            worker.work_until(|| handle.is_finished());
            assert_eq!(dropped.get(), 1);
            waking.join().unwrap();
        });
    });
}

#[test]
fn a_future_that_yields_stays() {
    check("smp local: foreign wake-up of a future that yields", || {
        let (_pool, worker) = one_worker();
        worker.enter(|| {
            let (pause, dropped) = (Pause::new(), Plain::new());
            let handle = suspended(&worker, &dropped, &pause, yield_now());
            let waking = wake_elsewhere(&pause);
            worker.work_until(|| handle.is_finished());
            assert_eq!(dropped.get(), 1);
            waking.join().unwrap();
        });
    });
}

#[test]
fn two_futures_are_woken_from_two_threads() {
    check("smp local: two foreign wake-ups, falling asleep", || {
        let (_pool, worker) = one_worker();
        worker.enter(|| {
            let (pauses, dropped) = ([Pause::new(), Pause::new()], [Plain::new(), Plain::new()]);
            let [one, other] =
                [0, 1].map(|n| suspended(&worker, &dropped[n], &pauses[n], async {}));
            let waking = pauses.map(|pause| wake_elsewhere(&pause));
            worker.work_until(|| one.is_finished() && other.is_finished());
            assert_eq!(dropped.map(|dropped| dropped.get()), [1, 1]);
            waking.into_iter().for_each(|waking| waking.join().unwrap());
        });
    });
}

/// Stops the pool beside a worker with a future that waits, which `wake` may wake meanwhile.
fn stop_beside(wake: impl FnOnce(&Pause) -> Option<thread::JoinHandle<()>>) {
    let (pool, worker) = one_worker();
    let (pause, dropped) = (Pause::new(), Plain::new());
    let mut handle = None;
    worker.enter(|| handle = Some(suspended(&worker, &dropped, &pause, async {})));
    let handle = handle.expect("the worker has been entered");
    let waking = wake(&pause);
    let stopping = {
        let pool = pool.clone();
        thread::spawn(move || pool.stop())
    };
    worker.run();
    assert_eq!(dropped.get(), 1, "the worker leaves no future behind");
    if let Err(error) = handle.join() {
        assert!(error.is_cancelled());
    }
    stopping.join().unwrap();
    waking.into_iter().for_each(|waking| waking.join().unwrap());
}

#[test]
fn a_stop_ends_a_future_that_waits() {
    check("smp local: stop beside a future that waits", || stop_beside(|_| None));
}

#[test]
fn a_stop_races_with_a_wake_up() {
    check("smp local: stop against a foreign wake-up", || {
        stop_beside(|pause| Some(wake_elsewhere(pause)));
    });
}

/// The wake-up has marked the future, whose worker joins it in place on the strength of that. What the wake-up queues then is stale,
/// and comes when it likes: also after the worker has left. It holds the future's cell, which holds the pool, which holds
/// the queue; the end of the model finds what is left of such a circle.
#[test]
fn a_wake_up_that_is_late_for_the_end_leaves_nothing_behind() {
    check("smp local: foreign wake-up of a future joined in place, and the end", || {
        let (pool, worker) = one_worker();
        let (pause, dropped) = (Pause::new(), Plain::new());
        let mut waking = None;
        worker.enter(|| {
            let handle = suspended(&worker, &dropped, &pause, async {});
            waking = Some(wake_elsewhere(&pause));
            if format!("{handle:?}").contains("notified: true") {
                handle.join().unwrap();
                assert_eq!(dropped.get(), 1);
            }
        });
        pool.stop();
        worker.run();
        assert_eq!(dropped.get(), 1);
        waking.into_iter().for_each(|waking| waking.join().unwrap());
    });
}
