//! As much as there is room for.

mod faults_support;
mod support;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use amp_executor::RoleHandle;
use faults_support::Drops;
use support::{A, assert_accounted, hold, one_role, until, watchdog};

const QUEUED: u64 = 1_000_000;
const WAITING: usize = 100_000;

/// A million tasks wait in one role. They run in their order.
#[test]
fn a_million_tasks_are_queued_and_drained() {
    watchdog(|| {
        let amp = one_role(QUEUED as usize).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold(&a);
        let (next, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        for number in 0..QUEUED {
            let (next, sum) = (Arc::clone(&next), Arc::clone(&sum));
            let task = a.try_spawn(move || {
                if next.fetch_add(1, Ordering::Relaxed) == number {
                    sum.fetch_add(number, Ordering::Relaxed);
                }
            });
            drop(task.unwrap());
        }
        assert_eq!(a.depth() as u64, QUEUED);
        assert!(a.try_spawn(|| {}).unwrap_err().is_full());
        held.release();
        let report = amp.shutdown();
        assert!(report.is_clean());
        // The one that has held the role may be among them.
        assert!(report.ran <= QUEUED + 1);
        assert_eq!(sum.load(Ordering::Relaxed), QUEUED * (QUEUED - 1) / 2, "each in its turn");
        assert_eq!(Arc::strong_count(&next), 1);
        let metrics = amp.metrics();
        assert_accounted(&metrics);
        assert_eq!(metrics.role(A).unwrap().completed, QUEUED + 1);
    });
}

/// A million tasks wait in one role, and the executor is dropped.
#[test]
fn a_million_tasks_are_queued_and_cancelled() {
    watchdog(|| {
        let amp = one_role(QUEUED as usize).build().unwrap();
        let a = amp.role(A).unwrap();
        let held = hold(&a);
        let (drops, ran) = (Drops::default(), Drops::default());
        for _ in 0..QUEUED {
            let (counted, ran) = (drops.counted(), ran.clone());
            drop(a.try_spawn(move || drop((counted, ran.counted()))).unwrap());
        }
        let handle = amp.handle();
        held.let_go();
        drop(amp);
        assert_eq!(drops.count() as u64, QUEUED);
        let metrics = handle.metrics();
        assert_accounted(&metrics);
        let role = metrics.role(A).unwrap();
        assert_eq!(role.completed, ran.count() as u64 + 1);
        assert_eq!(role.cancelled, QUEUED - ran.count() as u64);
    });
}

/// Futures that wait until they are woken by their number.
struct Waiting {
    wakers: Arc<Mutex<Vec<Option<Waker>>>>,
    done: Arc<AtomicUsize>,
    drops: Drops,
}

impl Waiting {
    fn spawn(role: &RoleHandle) -> Self {
        let wakers = Arc::new(Mutex::new(vec![None; WAITING]));
        let waiting = Self { wakers, done: Arc::default(), drops: Drops::default() };
        for number in 0..WAITING {
            let (wakers, done) = (Arc::clone(&waiting.wakers), Arc::clone(&waiting.done));
            let counted = waiting.drops.counted();
            let mut is_woken = false;
            let future = poll_fn(move |context| {
                let _ = &counted;
                if std::mem::replace(&mut is_woken, true) {
                    done.fetch_add(1, Ordering::SeqCst);
                    return Poll::Ready(());
                }
                wakers.lock().unwrap()[number] = Some(context.waker().clone());
                Poll::Pending
            });
            drop(role.spawn_future(future).unwrap());
        }
        waiting
    }

    fn take(&self) -> Vec<Waker> {
        self.wakers.lock().unwrap().iter_mut().map(|waker| waker.take().unwrap()).collect()
    }
}

/// A hundred thousand futures wait in one role: woken at once, while the worker is held; in reverse; and never.
#[test]
fn a_hundred_thousand_futures_wait() {
    watchdog(|| {
        for way in ["at once", "in reverse", "twice", "never"] {
            let amp = one_role(1024).build().unwrap();
            let a = amp.role(A).unwrap();
            let waiting = Waiting::spawn(&a);
            until(|| amp.metrics().live_futures == WAITING);
            until(|| a.depth() == 0);
            let mut wakers = waiting.take();
            let handle = amp.handle();
            match way {
                "at once" => {
                    let held = hold(&a);
                    wakers.into_iter().for_each(Waker::wake);
                    assert_eq!(amp.metrics().role(A).unwrap().queue_depth, WAITING);
                    held.release();
                }
                "in reverse" => {
                    wakers.reverse();
                    wakers.into_iter().for_each(Waker::wake);
                }
                "twice" => {
                    wakers.iter().for_each(Waker::wake_by_ref);
                    wakers.into_iter().for_each(Waker::wake);
                }
                _ => drop((amp, wakers)),
            }
            let woken = if way == "never" { 0 } else { WAITING };
            until(|| waiting.drops.count() == WAITING);
            assert_eq!(waiting.done.load(Ordering::SeqCst), woken);
            until(|| handle.metrics().live_futures == 0);
            let role = || handle.metrics().role(A).unwrap().clone();
            until(|| role().completed + role().cancelled >= WAITING as u64);
            assert_eq!(role().cancelled, (WAITING - woken) as u64);
        }
    });
}
