//! Futures that never leave their worker.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use amp_executor::{CancellationToken, JoinError, spawn_local, yield_now};
use support::{
    A, TellsDrop, assert_accounted, fake_core, fake_workers, fill, hold, one_role, until, watchdog,
};

fn here() -> ThreadId {
    thread::current().id()
}

/// Suspends once, and hands its waker out.
async fn handed_out(wakers: mpsc::Sender<Waker>) {
    let mut is_first = true;
    poll_fn(move |context| {
        if std::mem::take(&mut is_first) {
            wakers.send(context.waker().clone()).unwrap();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// What is not `Send` lives across all its suspensions, whoever wakes it.
#[test]
fn a_local_future_stays_where_it_was_made() {
    watchdog(|| {
        let amp = fake_workers(4, 16).build().unwrap();
        let role = amp.role(A).unwrap();
        let (foreign, wakers) = mpsc::channel::<Waker>();
        let waking = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let (crossing, from_crossing) = mpsc::channel::<Waker>();
        let crosser = {
            let role = role.clone();
            thread::spawn(move || {
                for (number, waker) in from_crossing.into_iter().enumerate() {
                    drop(role.spawn_on_core(number % 4, || waker.wake()).unwrap());
                }
            })
        };
        let handles: Vec<_> = (0..2_000)
            .map(|number| {
                let (foreign, crossing) = (foreign.clone(), crossing.clone());
                let make = move || async move {
                    let seen = Rc::new(RefCell::new(vec![(here(), fake_core())]));
                    let again = Rc::clone(&seen);
                    let look = || again.borrow_mut().push((here(), fake_core()));
                    handed_out(foreign).await;
                    look();
                    yield_now().await;
                    look();
                    handed_out(crossing).await;
                    look();
                    seen.take()
                };
                let core = number % 4;
                let is_for_core = number % 2 == 0;
                let lane = if is_for_core { role.on_core(core).unwrap() } else { role.clone() };
                (is_for_core.then_some(core), lane.spawn_local(make).unwrap())
            })
            .collect();
        for (core, handle) in handles {
            let seen = handle.join().unwrap();
            assert_eq!(seen, [seen[0]; 4]);
            assert!(core.is_none_or(|core| seen[0].1 == Some(core)));
        }
        drop((foreign, crossing));
        waking.join().unwrap();
        crosser.join().unwrap();
        assert!(amp.shutdown().is_clean());
        assert_eq!(amp.metrics().live_futures, 0);
        assert_accounted(&amp.metrics());
    });
}

/// From a closure, from a future, and from another local future.
#[test]
fn a_worker_s_own_spawns() {
    watchdog(|| {
        let amp = fake_workers(2, 16).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let (tell, told) = mpsc::channel();
            let in_closure = tell.clone();
            let thread = role.spawn(move || {
                let word = Rc::new("closure");
                drop(spawn_local(async move { in_closure.send((*word, here())).unwrap() }));
                here()
            });
            let thread = thread.unwrap().join().unwrap();
            assert_eq!(told.recv().unwrap(), ("closure", thread));
            let pair = role.spawn_local(|| async {
                let count = Rc::new(Cell::new(0));
                let inner: Vec<_> = (1..=3)
                    .map(|n| {
                        let count = Rc::clone(&count);
                        spawn_local(async move {
                            yield_now().await;
                            count.set(count.get() + n);
                            Rc::clone(&count)
                        })
                    })
                    .collect();
                for handle in inner {
                    // An output that is not `Send` either.
                    assert!(Rc::ptr_eq(&handle.await.unwrap(), &count));
                }
                count.get()
            });
            assert_eq!(pair.unwrap().join().unwrap(), 6);
        }
    });
}

#[test]
#[should_panic(expected = "spawn_local was called on a thread that is no worker")]
fn elsewhere_there_is_nobody_to_poll_it() {
    drop(spawn_local(async {}));
}

/// The handle of a local future that is ready is good for waiting on its own worker.
#[test]
fn joining_in_place() {
    watchdog(|| {
        let amp = one_role(16).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..200 {
            let sum = role.spawn(|| {
                let number = Rc::new(20);
                let in_future = Rc::clone(&number);
                let local = spawn_local(async move {
                    yield_now().await;
                    *in_future + 1
                });
                local.join().unwrap() + *number
            });
            assert_eq!(sum.unwrap().join().unwrap(), 41);
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}

/// There is room for them when the role's channel is full.
#[test]
fn a_full_channel_does_not_stop_a_worker_s_own_spawns() {
    watchdog(|| {
        let amp = one_role(2).build().unwrap();
        let role = amp.role(A).unwrap();
        let own = role.clone();
        let sum = role.spawn(move || {
            fill(&own);
            (0..100).map(|n| spawn_local(async move { n }).join().unwrap()).sum::<u32>()
        });
        assert_eq!(sum.unwrap().join().unwrap(), 4_950);
    });
}

#[test]
fn a_panic_is_the_handle_s() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let while_polled = role.spawn_local(|| async {
                yield_now().await;
                panic!("while polled")
            });
            let error: JoinError = while_polled.map(|task| task.join()).unwrap().unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("while polled"), "{error}");
            let while_made = role.spawn_local(|| {
                if true {
                    panic!("while made");
                }
                async {}
            });
            let error = while_made.unwrap().join().unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("while made"), "{error}");
        }
        assert_eq!(role.spawn_local(|| async { 5 }).unwrap().join().unwrap(), 5);
    });
}

#[test]
fn an_aborted_future_is_dropped_on_its_worker() {
    watchdog(|| {
        let amp = fake_workers(3, 8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..500 {
            let (tell, told) = mpsc::channel();
            let (begin, begun) = mpsc::channel();
            let (on_drop, nobody) = (TellsDrop(tell), Rc::new(()));
            drop(nobody);
            let suspended = role.spawn_local(move || async move {
                let _dropped_with_the_future = (on_drop, Rc::new(()));
                begin.send(here()).unwrap();
                pending::<()>().await;
            });
            let suspended = suspended.unwrap();
            let worker = begun.recv().unwrap();
            suspended.abort();
            assert!(suspended.join().unwrap_err().is_cancelled());
            assert_eq!(told.try_recv().unwrap(), worker, "it is gone before its handle says so");
        }
    });
}

/// What makes the future is dropped unrun.
#[test]
fn aborted_before_it_is_made() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let held = hold(&role);
            let (tell, told) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let never = role.spawn_local(move || {
                let _keep = &on_drop;
                unreachable!("it has been aborted");
                #[expect(unreachable_code, reason = "says what the type of the future is")]
                pending::<()>()
            });
            let never = never.unwrap();
            never.abort();
            held.release();
            assert!(never.join().unwrap_err().is_cancelled());
            told.try_recv().unwrap();
        }
    });
}

/// Aborted from within the worker, through the handle that it got there.
#[test]
fn a_worker_aborts_its_own() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..100 {
            let dropped = role.spawn_local(|| async {
                let dropped = Rc::new(Cell::new(false));
                struct Sets(Rc<Cell<bool>>);
                impl Drop for Sets {
                    fn drop(&mut self) {
                        self.0.set(true);
                    }
                }
                let sets = Sets(Rc::clone(&dropped));
                let endless = spawn_local(async move {
                    let _sets = sets;
                    pending::<()>().await;
                });
                yield_now().await;
                endless.abort();
                assert!(endless.await.unwrap_err().is_cancelled());
                dropped.get()
            });
            assert!(dropped.unwrap().join().unwrap(), "before its handle said so");
        }
    });
}

#[test]
fn a_shutdown_waits_for_local_futures() {
    watchdog(|| {
        for _ in 0..200 {
            let amp = fake_workers(2, 8).build().unwrap();
            let role = amp.role(A).unwrap();
            let token = CancellationToken::new();
            let ended = Arc::new(AtomicBool::new(false));
            let (wait, set) = (token.child_token(), Arc::clone(&ended));
            let (begin, begun) = mpsc::channel();
            // Detached: nothing but the future itself is waited for.
            drop(role.spawn(move || {
                drop(spawn_local(async move {
                    let nothing = Rc::new(());
                    begin.send(()).unwrap();
                    wait.cancelled().await;
                    drop(nothing);
                    set.store(true, Ordering::SeqCst);
                }));
            }));
            begun.recv().unwrap();
            let closer = thread::spawn(move || (amp.shutdown(), ended.load(Ordering::SeqCst)));
            until(|| role.is_closed());
            token.cancel();
            let (report, has_ended) = closer.join().unwrap();
            assert!(report.is_clean() && has_ended, "{report}");
        }
    });
}

/// A drop, a timeout and a drained role: the first two cancel it, on its own thread.
#[test]
fn the_end_drops_local_futures_on_their_worker() {
    watchdog(|| {
        for round in 0..300 {
            let amp = fake_workers(3, 8).build().unwrap();
            let role = amp.role(A).unwrap();
            let (tell, told) = mpsc::channel();
            let (begin, begun) = mpsc::channel();
            let on_drop = TellsDrop(tell);
            let (wakers, handed) = mpsc::channel();
            let suspended = role.spawn_local(move || async move {
                let _dropped_with_the_future = (on_drop, Rc::new(()));
                begin.send(here()).unwrap();
                handed_out(wakers).await;
                pending::<()>().await;
            });
            let worker = begun.recv().unwrap();
            let waker = handed.recv().unwrap();
            let handle = amp.handle();
            match round % 3 {
                0 => drop(amp),
                1 => {
                    let report = amp.shutdown_timeout(Duration::from_millis(1));
                    if report.still_running > 0 {
                        // The worker got no core in time. It drops the future when it does.
                        assert_eq!(told.recv().unwrap(), worker, "{report}");
                        continue;
                    }
                }
                // Woken while it is being cancelled.
                _ => {
                    let waking = thread::spawn({
                        let waker = waker.clone();
                        move || waker.wake()
                    });
                    drop(amp);
                    waking.join().unwrap();
                }
            }
            assert_eq!(told.try_recv().unwrap(), worker, "before the end has returned");
            assert!(suspended.unwrap().join().unwrap_err().is_cancelled());
            // There is nothing left to wake.
            waker.wake();
            assert_eq!(handle.metrics().live_futures, 0);
            assert_accounted(&handle.metrics());
        }
    });
}

/// From a destructor that runs while the worker leaves: it never runs, and is dropped all the same.
#[test]
fn a_local_future_that_is_spawned_at_the_very_end() {
    watchdog(|| {
        struct SpawnsInDrop(mpsc::Sender<ThreadId>);
        impl Drop for SpawnsInDrop {
            fn drop(&mut self) {
                let on_drop = TellsDrop(self.0.clone());
                drop(spawn_local(async move {
                    let _keep = (on_drop, Rc::new(()));
                    pending::<()>().await;
                }));
            }
        }
        for _ in 0..200 {
            let amp = one_role(8).build().unwrap();
            let (tell, told) = mpsc::channel();
            let (begin, begun) = mpsc::channel();
            let spawns = SpawnsInDrop(tell);
            drop(amp.role(A).unwrap().spawn_local(move || async move {
                let _spawns = spawns;
                begin.send(here()).unwrap();
                pending::<()>().await;
            }));
            let worker = begun.recv().unwrap();
            let handle = amp.handle();
            drop(amp);
            assert_eq!(told.try_recv().unwrap(), worker);
            assert_accounted(&handle.metrics());
        }
    });
}
