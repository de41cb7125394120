//! At most one allocation per task, from its creation to its end, and none in a steady state.

#![cfg(not(loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Waker};
use std::thread;

use executor_common::sync::{Arc, Mutex};
use executor_common::{
    DomainId, RunOutcome, Runnable, Schedule, TaskRegistry, closure_task, yield_now,
};

use support::{future_on, watched};

mod support;

thread_local! {
    /// Allocations of this thread. Others, the test harness among them, do not count.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: the system's allocator does all of it; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count() {
    // During a thread's own destructors nobody counts.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of `f` on this thread. It runs once before, so that what is made once per thread is there.
fn allocations(f: impl Fn()) -> usize {
    f();
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

/// Room for one task.
struct Slot {
    task: Mutex<Option<Runnable>>,
    registry: TaskRegistry,
}

impl Schedule for Slot {
    fn schedule(&self, task: Runnable) {
        *self.task.lock() = Some(task);
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self { task: Mutex::new(None), registry: TaskRegistry::new(1) })
    }

    fn run(&self) {
        let task = self.task.lock().take().unwrap();
        if let RunOutcome::Yielded(again) = task.run() {
            self.schedule(again);
        }
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
#[cfg_attr(unpooled, ignore = "cells are not kept")]
fn a_small_task_allocates_nothing_after_the_first() {
    let domain = DomainId::unique();
    let closure = allocations(|| {
        let (runnable, handle) = closure_task(domain, move || domain);
        assert!(matches!(runnable.run(), RunOutcome::Finished));
        assert_eq!(handle.join().unwrap(), domain);
    });
    assert_eq!(closure, 0);
    let slot = Slot::new();
    let future = allocations(|| {
        let (runnable, handle) = future_on(&slot, domain, yield_now());
        slot.schedule(runnable);
        slot.run();
        slot.run();
        handle.join().unwrap();
    });
    assert_eq!(future, 0);
}

/// As many tasks as a round of the test below has.
const ROUND: usize = 1_000;

#[test]
#[cfg_attr(unpooled, ignore = "cells are not kept")]
fn cells_come_back_from_the_thread_that_frees_them() {
    watched(|| {
        let domain = DomainId::unique();
        let tasks = Mutex::new(Vec::with_capacity(ROUND));
        let turn = Barrier::new(2);
        // The first rounds fill the magazines of both threads.
        let (warm_up, measured) = (20, 40);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..warm_up + measured {
                    turn.wait();
                    tasks.lock().drain(..).for_each(|task: Runnable| drop(task.run()));
                    turn.wait();
                }
            });
            let mut before = 0;
            for round in 0..warm_up + measured {
                if round == warm_up {
                    before = ALLOCATIONS.get();
                }
                for _ in 0..ROUND {
                    // Three lines: a class that no other test here uses, since the depot is the process's.
                    let captured = [7_u64; 16];
                    tasks.lock().push(closure_task(domain, move || captured.len()).0);
                }
                turn.wait();
                turn.wait();
            }
            assert_eq!(ALLOCATIONS.get() - before, 0, "for {} tasks", ROUND * measured);
        });
    });
}

#[test]
fn a_task_ends_while_its_thread_does() {
    /// Ends a task when the thread's own values are dropped, the magazines among them.
    struct Late(Cell<Option<Runnable>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().run();
            // And makes one.
            drop(closure_task(DomainId::unique(), || ()));
        }
    }
    thread_local! {
        static EARLIER: Late = const { Late(Cell::new(None)) };
        static LATER: Late = const { Late(Cell::new(None)) };
    }
    watched(|| {
        let (task, handle) = closure_task(DomainId::unique(), || 1);
        let (other, other_handle) = closure_task(DomainId::unique(), || 2);
        thread::spawn(move || {
            // One value goes before the magazines and one after them, in whichever order that is.
            EARLIER.with(|late| late.0.set(Some(task)));
            drop(closure_task(DomainId::unique(), || ()));
            LATER.with(|late| late.0.set(Some(other)));
        })
        .join()
        .unwrap();
        assert_eq!(handle.join().unwrap() + other_handle.join().unwrap(), 3);
    });
}

#[test]
fn a_large_closure_task_allocates_once() {
    let domain = DomainId::unique();
    let big = [7_u8; 300];
    let joined = allocations(|| {
        let (runnable, handle) = closure_task(domain, move || big);
        assert!(matches!(runnable.run(), RunOutcome::Finished));
        assert_eq!(handle.join().unwrap(), big);
    });
    assert_eq!(joined, 1);
    let waited_for = allocations(|| {
        let (runnable, mut handle) = closure_task(domain, move || big);
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(&mut handle).as_mut().poll(&mut context).is_pending());
        assert!(matches!(runnable.run(), RunOutcome::Finished));
        assert_eq!(handle.join().unwrap(), big);
    });
    assert_eq!(waited_for, 1);
    let detached = allocations(|| {
        let (runnable, handle) = closure_task(domain, move || big);
        drop(handle);
        assert!(matches!(runnable.run(), RunOutcome::Finished));
    });
    assert_eq!(detached, 1);
    let aborted = allocations(|| {
        let (runnable, handle) = closure_task(domain, move || big);
        handle.abort_handle().abort();
        assert!(matches!(runnable.run(), RunOutcome::Cancelled));
        assert!(handle.join().unwrap_err().is_cancelled());
    });
    assert_eq!(aborted, 1);
}

#[test]
fn a_large_future_task_allocates_once() {
    let domain = DomainId::unique();
    let slot = Slot::new();
    let joined = allocations(|| {
        let future = async {
            yield_now().await;
            [7_u8; 300]
        };
        let (runnable, handle) = future_on(&slot, domain, future);
        slot.schedule(runnable);
        slot.run();
        slot.run();
        assert_eq!(handle.join().unwrap(), [7_u8; 300]);
    });
    assert_eq!(joined, 1);
    let aborted = allocations(|| {
        let big = [7_u8; 300];
        let future = async move {
            std::future::pending::<()>().await;
            big
        };
        let (runnable, handle) = future_on(&slot, domain, future);
        assert!(matches!(runnable.run(), RunOutcome::Suspended));
        handle.abort();
        slot.run();
        assert!(handle.join().unwrap_err().is_cancelled());
    });
    assert_eq!(aborted, 1);
}
