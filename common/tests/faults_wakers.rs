//! Wakers whose own code panics, in each of the four functions of their vtable: the task runs once, its output arrives or is dropped
//! once, and each waker that was made is dropped once.

#![cfg(not(loom))]

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use executor_common::panic::{caught, discard};
use executor_common::sync::{Arc, Counter};
use executor_common::{
    CancellationToken, DomainId, JoinHandle, JoinSet, RunOutcome, Runnable, WaitQueue, closure_task,
};
use support::{CountsDrop, Queue, future_on, watched};

/// A foreign runtime's waker, each function of which counts and may panic.
#[derive(Default)]
struct Foreign {
    /// Wakers of this vtable that live.
    live: AtomicI64,
    wakes: AtomicU32,
    /// Which functions panic, after they have done their work (a clone: before it).
    faults: AtomicU32,
}

const CLONE: u32 = 1;
const WAKE: u32 = 2;
const WAKE_BY_REF: u32 = 4;
const DROP: u32 = 8;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// `data` comes from [`Foreign::waker`], and the `Foreign` is leaked.
unsafe fn foreign(data: *const ()) -> &'static Foreign {
    // SAFETY: leaked, and only ever borrowed shared.
    unsafe { &*data.cast::<Foreign>() }
}

impl Foreign {
    fn new(faults: u32) -> &'static Self {
        /// Keeps them findable, so that nobody takes them for lost.
        static ALL: Mutex<Vec<&'static Foreign>> = Mutex::new(Vec::new());

        let this: &'static Self = Box::leak(Box::default());
        this.faults.store(faults, Ordering::Relaxed);
        ALL.lock().unwrap().push(this);
        this
    }

    fn waker(&'static self) -> Waker {
        self.live.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the functions keep the contract of `RawWaker`; the data lives for ever.
        unsafe { Waker::new(ptr::from_ref(self).cast(), &VTABLE) }
    }

    fn fault(&self, fault: u32) {
        if self.faults.load(Ordering::Relaxed) & fault != 0 {
            panic!("the waker's fault {fault}");
        }
    }

    fn live(&self) -> i64 {
        self.live.load(Ordering::Relaxed)
    }

    fn wakes(&self) -> u32 {
        self.wakes.load(Ordering::Relaxed)
    }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: by the vtable's contract.
    let foreign = unsafe { foreign(data) };
    foreign.fault(CLONE);
    foreign.live.fetch_add(1, Ordering::Relaxed);
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: by the vtable's contract.
    let foreign = unsafe { foreign(data) };
    foreign.wakes.fetch_add(1, Ordering::Relaxed);
    foreign.live.fetch_sub(1, Ordering::Relaxed);
    foreign.fault(WAKE);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: by the vtable's contract.
    let foreign = unsafe { foreign(data) };
    foreign.wakes.fetch_add(1, Ordering::Relaxed);
    foreign.fault(WAKE_BY_REF);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: by the vtable's contract.
    let foreign = unsafe { foreign(data) };
    foreign.live.fetch_sub(1, Ordering::Relaxed);
    foreign.fault(DROP);
}

/// Polls once; `None` if that panicked. The waker itself goes quietly.
fn poll<T>(handle: &mut JoinHandle<T>, foreign: &'static Foreign) -> Option<bool> {
    let waker = foreign.waker();
    let polled = caught(|| pin!(handle).poll(&mut Context::from_waker(&waker)).is_ready());
    caught(|| drop(waker)).unwrap_or_else(discard);
    polled.map_err(discard).ok()
}

/// A task whose output counts its drops, and the queue that it needs to the end.
type Task = (Runnable, JoinHandle<CountsDrop>, Arc<Counter>, Option<Arc<Queue>>);

/// A closure's task, and a future's.
fn tasks() -> [Task; 2] {
    let (closures, drops_of_closure) = CountsDrop::new();
    let (runnable, handle) = closure_task(DomainId::unique(), move || closures);
    let (futures, drops_of_future) = CountsDrop::new();
    let (queue, _) = Queue::new();
    let (future, future_handle) = future_on(&queue, DomainId::unique(), async move { futures });
    [
        (runnable, handle, drops_of_closure, None),
        (future, future_handle, drops_of_future, Some(queue)),
    ]
}

#[test]
fn whatever_panics_in_the_waker_the_output_arrives() {
    for faults in 0..16 {
        for (runnable, mut handle, drops, _queue) in tasks() {
            let foreign = Foreign::new(faults);
            let polled = poll(&mut handle, foreign);
            assert_eq!(polled, (faults & CLONE == 0).then_some(false), "faults {faults}");
            let outcome = caught(|| runnable.run()).map_err(discard);
            assert!(matches!(outcome, Ok(RunOutcome::Finished)), "faults {faults}: {outcome:?}");
            assert_eq!(foreign.wakes(), u32::from(polled.is_some()));
            assert_eq!(drops.get(), 0);
            drop(handle.join().unwrap());
            assert_eq!((drops.get(), foreign.live()), (1, 0), "faults {faults}");
        }
    }
}

#[test]
fn whatever_panics_in_the_waker_a_handle_may_go_before_the_end_and_after_it() {
    for faults in 0..16 {
        for before in [false, true] {
            for (runnable, mut handle, drops, _queue) in tasks() {
                let foreign = Foreign::new(faults);
                poll(&mut handle, foreign);
                let run = || assert!(matches!(runnable.run(), RunOutcome::Finished));
                if before {
                    drop(handle);
                    run();
                } else {
                    run();
                    drop(handle);
                }
                assert_eq!((drops.get(), foreign.live()), (1, 0), "faults {faults}");
            }
        }
    }
}

/// The second waker is refused by its own clone; the first one stays registered, and both are gone in the end.
#[test]
fn a_waker_that_cannot_be_cloned_replaces_none() {
    for faults_of_first in [0, DROP, WAKE_BY_REF | DROP] {
        for end in ["run, then joined", "dropped, then run", "run, then dropped", "joined in place"]
        {
            for (runnable, mut handle, drops, _queue) in tasks() {
                let (first, second) = (Foreign::new(faults_of_first), Foreign::new(CLONE | DROP));
                assert_eq!(poll(&mut handle, first), Some(false));
                assert_eq!(poll(&mut handle, second), None);
                match end {
                    "run, then joined" => {
                        assert!(matches!(runnable.run(), RunOutcome::Finished));
                        assert_eq!(first.wakes(), 1, "the last that could be registered");
                        drop(handle.join().unwrap());
                    }
                    "dropped, then run" => {
                        drop(handle);
                        assert!(matches!(runnable.run(), RunOutcome::Finished));
                    }
                    "run, then dropped" => {
                        assert!(matches!(runnable.run(), RunOutcome::Finished));
                        drop(handle);
                    }
                    _ => {
                        drop(runnable);
                        assert!(handle.join().unwrap_err().is_cancelled());
                    }
                }
                assert_eq!(drops.get(), 1, "{end}");
                assert_eq!((first.live(), second.live()), (0, 0), "{end}");
            }
        }
    }
}

#[test]
fn whatever_panics_in_a_waker_the_others_that_wait_are_woken() {
    for faults in 0..16 {
        let (faulty, sound) = (Foreign::new(faults), Foreign::new(0));
        let queue = WaitQueue::new();
        let mut tickets = [(); 3].map(|()| executor_common::Ticket::default());
        for (ticket, foreign) in tickets.iter_mut().zip([sound, faulty, sound]) {
            let waker = foreign.waker();
            caught(|| queue.register(ticket, &waker)).unwrap_or_else(discard);
            caught(|| drop(waker)).unwrap_or_else(discard);
        }
        caught(|| queue.notify_all()).unwrap();
        assert_eq!(sound.wakes(), 2);
        assert_eq!(faulty.wakes(), u32::from(faults & CLONE == 0));
        assert!(queue.is_empty());
        for mut ticket in tickets {
            queue.give_up(&mut ticket);
        }
        assert_eq!((sound.live(), faulty.live()), (0, 0), "faults {faults}");
    }
}

#[test]
fn whatever_panics_in_a_waker_a_token_is_cancelled_for_everybody() {
    for faults in 0..16 {
        let token = CancellationToken::new();
        let (faulty, sound) = (Foreign::new(faults), Foreign::new(0));
        let mut waits = [faulty, sound].map(|foreign| (foreign, Box::pin(token.cancelled())));
        for (foreign, wait) in &mut waits {
            let waker = foreign.waker();
            let poll =
                || assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            caught(poll).unwrap_or_else(discard);
            caught(|| drop(waker)).unwrap_or_else(discard);
        }
        caught(|| token.cancel()).unwrap();
        assert_eq!((sound.wakes(), token.is_cancelled()), (1, true));
        for (_, wait) in waits {
            caught(|| drop(wait)).unwrap_or_else(discard);
        }
        assert_eq!((sound.live(), faulty.live()), (0, 0), "faults {faults}");
    }
}

#[test]
fn whatever_panics_in_a_waker_a_set_loses_no_member() {
    for faults in 0..16 {
        let foreign = Foreign::new(faults);
        let mut set = JoinSet::new();
        let runnables = [0, 1, 2].map(|n| {
            let (runnable, handle) = closure_task(DomainId::unique(), move || n);
            set.add(handle);
            runnable
        });
        {
            let waker = foreign.waker();
            let mut next = pin!(set.next());
            let poll =
                || assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            caught(poll).unwrap_or_else(discard);
            caught(|| drop(waker)).unwrap_or_else(discard);
        }
        for runnable in runnables {
            let outcome = caught(|| runnable.run()).map_err(discard);
            assert!(matches!(outcome, Ok(RunOutcome::Finished)), "faults {faults}: {outcome:?}");
        }
        let mut sum = 0;
        while let Some(result) = set.join_next() {
            sum += result.unwrap();
        }
        assert_eq!(sum, 3);
        caught(|| drop(set)).unwrap_or_else(discard);
        assert_eq!(foreign.live(), 0, "faults {faults}");
    }
}

/// The waker of a task is used while its future's destructor unwinds, and after the task's end.
#[test]
fn a_task_s_own_waker_may_be_used_in_its_destructor_and_for_ever_after() {
    watched(|| {
        struct WakesInDrop(Option<Waker>);

        impl Future for WakesInDrop {
            type Output = ();

            fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
                self.0 = Some(context.waker().clone());
                panic!("in the poll");
            }
        }

        impl Drop for WakesInDrop {
            fn drop(&mut self) {
                let waker = self.0.take().expect("it has been polled");
                waker.wake_by_ref();
                let copy = waker.clone();
                copy.wake();
                KEPT.set(Some(waker));
                panic!("in the destructor");
            }
        }

        thread_local! {
            static KEPT: std::cell::Cell<Option<Waker>> = const { std::cell::Cell::new(None) };
        }

        let (queue, tasks) = Queue::new();
        let (runnable, handle) = future_on(&queue, DomainId::unique(), WakesInDrop(None));
        assert!(matches!(runnable.run(), RunOutcome::Panicked));
        assert!(tasks.try_recv().is_err(), "what is done is not queued again");
        let error = handle.join().unwrap_err();
        assert!(error.to_string().contains("in the poll"), "the first of the two: {error}");
        let waker = KEPT.take().expect("the destructor has kept it");
        waker.wake_by_ref();
        waker.wake();
        assert!(tasks.try_recv().is_err());
        assert_eq!(Arc::strong_count(&queue), 1, "the cell is freed");
    });
}
