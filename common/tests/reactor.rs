//! A worker's parker, in place and in reactors that keep their word and in others.

#![cfg(not(any(loom, shuttle)))]

mod reactors;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use executor_common::{AsyncIo, Reactor, WorkerParker};
use reactors::{End, TestReactor, runtime};

/// Without a reactor, and with each of these.
fn parkers() -> Vec<WorkerParker> {
    let mut reactors: Vec<Option<Arc<dyn Reactor>>> = vec![
        None,
        Some(Arc::new(AsyncIo)),
        Some(Arc::new(runtime())),
        Some(Arc::new(TestReactor::new())),
        Some(Arc::new(TestReactor::without_timers())),
        Some(Arc::new(LateTimers)),
    ];
    for polls in 0..5 {
        for end in [End::Returns, End::Panics] {
            reactors.push(Some(Arc::new(TestReactor::ending(polls, end))));
        }
    }
    reactors.into_iter().map(WorkerParker::new).collect()
}

/// Its timers panic when they are polled, and when they are dropped.
struct LateTimers;

struct LateTimer;

impl Future for LateTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("the timer is broken")
    }
}

impl Drop for LateTimer {
    fn drop(&mut self) {
        panic!("and cannot be dropped")
    }
}

impl Reactor for LateTimers {
    fn block_on(&self, worker: Pin<&mut dyn Future<Output = ()>>) {
        executor_common::block_on(worker);
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(LateTimer)
    }
}

#[test]
fn each_token_ends_one_sleep() {
    const ROUNDS: usize = 100;
    for parker in parkers() {
        let (unparker, reply) = (parker.unparker(), executor_common::Parker::new());
        let (ask, seen) = (reply.unparker(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&seen);
        let waking = thread::spawn(move || {
            for round in 1..=ROUNDS {
                unparker.unpark();
                reply.park();
                assert_eq!(counted.load(Ordering::Relaxed), round);
            }
        });
        parker.run(async {
            for _ in 0..ROUNDS {
                parker.park().await;
                seen.fetch_add(1, Ordering::Relaxed);
                ask.unpark();
            }
        });
        waking.join().unwrap();
    }
}

#[test]
fn a_deadline_ends_a_sleep_and_not_before() {
    for parker in parkers() {
        let deadline = Instant::now() + Duration::from_millis(2);
        parker.run(async {
            assert!(!parker.park_until(Some(deadline)).await);
            assert!(Instant::now() >= deadline);
            parker.unparker().unpark();
            assert!(parker.park_until(Some(deadline)).await, "a token comes before the time");
        });
    }
}

#[test]
fn a_sleep_that_is_cancelled_leaves_the_token() {
    for parker in parkers() {
        let unparker = parker.unparker();
        for comes_late in [false, true] {
            parker.run(async {
                let mut is_woken = false;
                {
                    // Far enough for a reactor; in place it is a sleep.
                    let deadline = Instant::now() + Duration::from_millis(1);
                    let mut sleep = pin!(parker.park_until(Some(deadline)));
                    let once = poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context)));
                    if once.await.is_pending() && !comes_late {
                        unparker.unpark();
                        is_woken = true;
                    }
                }
                if !is_woken {
                    unparker.unpark();
                }
                parker.park().await;
            });
        }
    }
}

#[test]
fn a_busy_worker_lets_the_reactor_turn() {
    let reactor = TestReactor::new();
    let parker = WorkerParker::new(Some(Arc::new(reactor.clone())));
    parker.run(async {
        for _ in 0..1000 {
            if parker.is_reactor_due() {
                parker.turn_reactor().await;
            }
        }
    });
    assert!(reactor.polls() >= 1000 / 61, "{} polls", reactor.polls());
    // After a long turn, too.
    let before = reactor.polls();
    parker.run(async {
        let end = Instant::now() + Duration::from_millis(1);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        assert!(parker.is_reactor_due());
        parker.turn_reactor().await;
        assert!(!parker.is_reactor_due());
    });
    assert_eq!(reactor.polls() - before, 2);
}

#[test]
fn a_panic_of_the_worker_goes_on_through_the_reactor() {
    for parker in parkers() {
        let worker = async { std::panic::resume_unwind(Box::new(7)) };
        let payload = catch_unwind(AssertUnwindSafe(|| parker.run::<()>(worker))).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&7));
        // And it can begin again.
        parker.unparker().unpark();
        parker.run(parker.park());
    }
}
