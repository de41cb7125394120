//! Futures that never leave their worker: whoever wakes them, that one worker polls and drops them, no wake-up is lost, and the
//! worker's end leaves none behind.

#![cfg(loom)]

use std::rc::Rc;

use amp_executor::model::{ModelAmp, ModelWorker};
use amp_executor::spawn_local;
use executor_common::sync::{Arc, thread};
use executor_common::{JoinHandle, yield_now};
use loom::thread::ThreadId;
use loom_tests::role::{ROLE, model, one_core};
use loom_tests::{Pause, Plain, check};

/// Fails unless it is dropped where it was made. Not `Send`.
struct Home {
    made_on: ThreadId,
    dropped: Plain,
    _not_send: Rc<()>,
}

impl Home {
    fn new(dropped: &Plain) -> Self {
        let made_on = loom::thread::current().id();
        Self { made_on, dropped: dropped.clone(), _not_send: Rc::new(()) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        assert_eq!(loom::thread::current().id(), self.made_on, "it is dropped where it was made");
        self.dropped.increment();
    }
}

fn one_worker() -> (Arc<ModelAmp>, ModelWorker) {
    let (amp, [worker]) = model([one_core(1)]);
    (Arc::new(amp), worker)
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
    assert!(worker.run_next());
    handle
}

/// Wakes what waits, on another thread.
fn wake_elsewhere(pause: &Pause) -> thread::JoinHandle<()> {
    let waker = pause.waker().expect("it has been polled");
    thread::spawn(move || waker.wake())
}

#[test]
fn a_wake_up_from_outside_reaches_a_worker_that_lies_down() {
    check("role local: foreign wake-up, falling asleep", || {
        let (_amp, worker) = one_worker();
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
    check("role local: foreign wake-up of a future that yields", || {
        let (_amp, worker) = one_worker();
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

/// A role whose worker has a future that waits.
struct Waiting {
    amp: Arc<ModelAmp>,
    worker: ModelWorker,
    handle: JoinHandle<()>,
    pause: Pause,
    dropped: Plain,
}

fn waiting() -> Waiting {
    let (amp, worker) = one_worker();
    let (pause, dropped) = (Pause::new(), Plain::new());
    let mut handle = None;
    worker.enter(|| handle = Some(suspended(&worker, &dropped, &pause, async {})));
    let handle = handle.expect("the worker has been entered");
    Waiting { amp, worker, handle, pause, dropped }
}

#[test]
fn a_stop_ends_a_future_that_waits() {
    check("role local: stop beside a future that waits", || {
        let Waiting { amp, worker, handle, dropped, .. } = waiting();
        let stopping = thread::spawn(move || amp.stop(ROLE));
        worker.run();
        assert_eq!(dropped.get(), 1, "the worker leaves no future behind");
        assert!(handle.join().unwrap_err().is_cancelled());
        stopping.join().unwrap();
    });
}

/// Wakes the future beside the end of its role. Whether it has run.
fn wake_beside(end: impl FnOnce(&ModelAmp)) -> bool {
    let Waiting { amp, worker, handle, pause, dropped } = waiting();
    let waking = wake_elsewhere(&pause);
    end(&amp);
    worker.run();
    assert_eq!(dropped.get(), 1, "the worker leaves no future behind");
    waking.join().unwrap();
    match handle.join() {
        Ok(()) => true,
        Err(error) => !error.is_cancelled(),
    }
}

#[test]
fn a_drop_races_with_a_wake_up() {
    check("role local: drop against a foreign wake-up", || {
        wake_beside(ModelAmp::cancel);
    });
}

#[test]
fn a_closed_role_waits_for_a_future_that_waits() {
    check("role local: foreign wake-up after close", || {
        assert!(wake_beside(|amp| amp.close(ROLE)));
    });
}

/// Spawns a local future from outside, beside `end` and the whole life of the worker.
fn spawn_beside(end: impl FnOnce(&ModelAmp)) {
    let (amp, worker) = one_worker();
    let role = amp.handle().role(ROLE).unwrap();
    let dropped = Plain::new();
    let spawning = {
        let dropped = dropped.clone();
        thread::spawn(move || {
            role.spawn_local(move || {
                let home = Home::new(&dropped);
                async move {
                    let _home = home;
                    yield_now().await;
                }
            })
        })
    };
    end(&amp);
    worker.run();
    let Ok(handle) = spawning.join().unwrap() else { return };
    match handle.join() {
        Ok(()) => assert_eq!(dropped.get(), 1),
        Err(error) => assert!(error.is_cancelled()),
    }
}

#[test]
fn a_spawn_from_outside_races_with_the_close() {
    check("role local: spawn from outside against close", || {
        spawn_beside(|amp| amp.close(ROLE));
    });
}

#[test]
fn a_spawn_from_outside_races_with_the_drop() {
    check("role local: spawn from outside against drop", || spawn_beside(ModelAmp::cancel));
}
