//! Compensation: while a worker blocks somebody else runs what is queued, and afterwards nobody is left over.
//!
//! A pool of one worker and one spare. The worker's task blocks until somebody else does something; if nobody does, all wait for
//! ever, which loom reports.

#![cfg(loom)]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{Arc, Mutex, thread};
use executor_common::{Parker, Unparker};
use loom_tests::{Pause, check, check_with_full_fences};
use smp_executor::model::{ModelPool, ModelWorker, pool_with_hook, pool_with_spares};
use smp_executor::{JoinHandle, Priority, blocking, spawn_local};

/// Lets the worker run its life on this thread, up to the end of the pool. `prepare` spawns what it finds at its beginning, and
/// returns what another thread does meanwhile.
fn live<O: FnOnce(&ModelPool) + 'static>(prepare: impl FnOnce(&ModelPool) -> O) {
    let (pool, workers) = pool_with_spares(1, 1);
    let meanwhile = prepare(&pool);
    let outside = pool.clone();
    let outside = thread::spawn(move || meanwhile(&outside));
    workers.into_iter().for_each(|worker| worker.run());
    outside.join().unwrap();
    pool.wait();
}

/// As [`live`], with no other thread; the tasks end the pool.
fn live_alone(prepare: impl FnOnce(&ModelPool)) {
    let (pool, workers) = pool_with_spares(1, 1);
    prepare(&pool);
    workers.into_iter().for_each(|worker| worker.run());
    pool.wait();
}

/// Ends the pool where its end is not what the model is about.
fn end(pool: &ModelPool) {
    loom::stop_exploring();
    pool.stop();
}

/// A token, and who leaves it.
fn token() -> (Parker, Unparker) {
    let parker = Parker::new();
    let unparker = parker.unparker();
    (parker, unparker)
}

/// A task that blocks until it is unparked.
fn spawn_blocked(pool: &ModelPool) -> (JoinHandle<()>, Unparker) {
    let (parker, unparker) = token();
    (pool.spawn(move || blocking(|| parker.park())), unparker)
}

#[test]
fn what_a_blocked_worker_has_queued_is_run() {
    check("smp spares: private task of a worker that blocks", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                let (parker, unparker) = token();
                drop(inner.spawn(move || unparker.unpark()));
                blocking(|| parker.park());
                end(&inner);
            }));
        });
    });
}

#[test]
fn what_a_blocked_worker_queues_is_run() {
    check("smp spares: task queued by a worker that blocks", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                blocking(|| {
                    let (parker, unparker) = token();
                    drop(inner.spawn(move || unparker.unpark()));
                    parker.park();
                });
                end(&inner);
            }));
        });
    });
}

#[test]
fn what_comes_from_outside_while_the_worker_blocks_is_run() {
    check("smp spares: outside push beside a worker that blocks", || {
        live(|pool| {
            let inner = pool.clone();
            let (parker, unparker) = token();
            drop(pool.spawn(move || {
                blocking(|| parker.park());
                end(&inner);
            }));
            move |pool| drop(pool.spawn(move || unparker.unpark()))
        });
    });
}

#[test]
fn a_worker_blocks_again_at_once() {
    check("smp spares: two blocks in a row, private tasks", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                for _ in 0..2 {
                    let (parker, unparker) = token();
                    drop(inner.spawn(move || unparker.unpark()));
                    blocking(|| parker.park());
                }
                end(&inner);
            }));
        });
    });
}

#[test]
fn a_worker_blocks_again_for_what_comes_from_outside() {
    check_with_full_fences("smp spares: two blocks in a row, outside push", || {
        live(|pool| {
            let inner = pool.clone();
            let (parker, unparker) = token();
            drop(pool.spawn(move || {
                blocking(|| ());
                blocking(|| parker.park());
                end(&inner);
            }));
            move |pool| drop(pool.spawn(move || unparker.unpark()))
        });
    });
}

#[test]
fn a_worker_that_blocks_again_shares_what_it_queues() {
    check_with_full_fences(
        "smp spares: two blocks in two tasks, the second one queues a task",
        || {
            live_alone(|pool| {
                let (inner, second) = (pool.clone(), pool.clone());
                drop(pool.spawn(move || {
                    blocking(|| ());
                    drop(inner.spawn(move || {
                        blocking(|| {
                            let (parker, unparker) = token();
                            drop(second.spawn(move || unparker.unpark()));
                            parker.park();
                        });
                        end(&second);
                    }));
                }));
            });
        },
    );
}

#[test]
fn what_a_spare_has_queued_is_run_by_the_worker() {
    check("smp spares: private task of a spare that is held", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                let (parker, unparker) = token();
                let spares = inner.clone();
                drop(inner.spawn(move || {
                    let (held, to_us) = token();
                    drop(spares.spawn(move || to_us.unpark()));
                    unparker.unpark();
                    held.park();
                    end(&spares);
                }));
                blocking(|| parker.park());
            }));
        });
    });
}

#[test]
fn what_comes_after_a_block_is_run() {
    check_with_full_fences("smp spares: outside push after a block", || {
        live(|pool| {
            drop(pool.spawn(|| blocking(|| ())));
            |pool| {
                let ending = pool.clone();
                drop(pool.spawn(move || end(&ending)));
            }
        });
    });
}

#[test]
fn a_spare_that_goes_out_of_play_leaves_nothing_to_a_sleeper() {
    // Of two workers one sleeps. The other one blocks, and pushes a task meanwhile: when the spare has searched in vain, and is
    // still counted as searching, so that nobody is woken. Then the worker goes on, and is held for ever.
    check("smp spares: push, end of a block, a spare that lies down, another one sleeps", || {
        let ((searched, has_searched), (pushed, has_pushed)) = (token(), token());
        let pushed = Mutex::new(Some(pushed));
        let (pool, workers) = pool_with_hook(2, 1, move |worker| {
            if worker == 2
                && let Some(pushed) = pushed.lock().take()
            {
                has_searched.unpark();
                pushed.park();
            }
        });
        let [blocked, sleeper]: [ModelWorker; 2] = workers.try_into().expect("two workers");
        blocked.enter(|| {
            assert!(!sleeper.lie_down_and_look());
            let done = Arc::new(AtomicBool::new(false));
            let (seen, task) = (Arc::clone(&done), Arc::clone(&done));
            let sleeping = thread::spawn(move || {
                sleeper.enter(|| sleeper.sleep_then_work_until(|| seen.load(Ordering::Relaxed)));
                sleeper
            });
            let (parker, unparker) = token();
            blocked.block(|| {
                searched.park();
                // To the inbox: nobody waits for this worker to share it.
                drop(pool.spawn_with(Priority::High, move || {
                    task.store(true, Ordering::Relaxed);
                    unparker.unpark();
                }));
                has_pushed.unpark();
            });
            parker.park();
            end(&pool);
            drop(sleeping.join().unwrap());
        });
        pool.wait_for_spares();
    });
}

#[test]
fn a_spare_with_a_future_of_its_own_stays_in_play() {
    check("smp spares: end of a block beside a local future of the spare", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                let (pause, (parker, unparker)) = (Pause::new(), token());
                let (mut wait, ending) = (pause.wait(), inner.clone());
                drop(inner.spawn(move || {
                    drop(spawn_local(poll_fn(move |context| {
                        let polled = Pin::new(&mut wait).poll(context);
                        match polled {
                            Poll::Pending => _ = unparker.unpark(),
                            Poll::Ready(()) => end(&ending),
                        }
                        polled
                    })));
                }));
                blocking(|| parker.park());
                pause.waker().expect("it has been polled").wake();
            }));
        });
    });
}

#[test]
fn a_drain_ends_after_a_block() {
    check("smp spares: drain after a block", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                blocking(|| ());
                inner.drain();
            }));
        });
    });
}

#[test]
fn a_stop_reaches_a_spare_wherever_it_is() {
    check("smp spares: stop, end of a block, a spare that falls asleep", || {
        live(|pool| {
            let (blocked, unparker) = spawn_blocked(pool);
            drop(blocked);
            move |pool| {
                unparker.unpark();
                pool.stop();
            }
        });
    });
}

/// A task blocks until one that it has queued has begun, which goes on until the first one does not block any more: the spare
/// is busy then, and surplus.
fn leave_a_busy_spare(pool: &ModelPool) -> JoinHandle<()> {
    let inner = pool.clone();
    pool.spawn(move || {
        let ((parker, unparker), (theirs, to_them)) = (token(), token());
        drop(inner.spawn(move || {
            unparker.unpark();
            theirs.park();
        }));
        blocking(|| parker.park());
        to_them.unpark();
    })
}

#[test]
fn a_drain_ends_beside_a_surplus_spare() {
    check("smp spares: drain beside a spare that retires", || {
        live_alone(|pool| {
            drop(leave_a_busy_spare(pool));
            pool.drain();
        });
    });
}

#[test]
fn what_comes_while_a_spare_retires_is_run() {
    check("smp spares: push by the worker while a spare retires", || {
        live_alone(|pool| {
            let inner = pool.clone();
            drop(pool.spawn(move || {
                let ((parker, unparker), (theirs, to_them)) = (token(), token());
                drop(inner.spawn(move || {
                    unparker.unpark();
                    theirs.park();
                }));
                blocking(|| parker.park());
                to_them.unpark();
                let pool = inner.clone();
                drop(inner.spawn(move || end(&pool)));
            }));
        });
    });
}
