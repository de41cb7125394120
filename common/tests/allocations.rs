//! One allocation per task, from its creation to its end.

#![cfg(not(loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use executor_common::sync::{Arc, Mutex};
use executor_common::{
    DomainId, RunOutcome, Runnable, Schedule, TaskRegistry, closure_task, future_task, yield_now,
};

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
fn a_closure_task_allocates_once() {
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
fn a_future_task_allocates_once() {
    let domain = DomainId::unique();
    let slot = Slot::new();
    let joined = allocations(|| {
        let future = async {
            yield_now().await;
            [7_u8; 300]
        };
        let (runnable, handle) = future_task(domain, future, Arc::clone(&slot));
        slot.schedule(runnable);
        slot.run();
        slot.run();
        assert_eq!(handle.join().unwrap(), [7_u8; 300]);
    });
    assert_eq!(joined, 1);
    let aborted = allocations(|| {
        let (runnable, handle) =
            future_task(domain, std::future::pending::<()>(), Arc::clone(&slot));
        assert!(matches!(runnable.run(), RunOutcome::Suspended));
        handle.abort();
        slot.run();
        assert!(handle.join().unwrap_err().is_cancelled());
    });
    assert_eq!(aborted, 1);
}
