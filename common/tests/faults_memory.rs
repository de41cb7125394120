//! Memory that is refused: a task ends the process as `Box::new` does, with the standard library's message; what a task can do
//! without is done without.

#![cfg(all(not(loom), target_os = "linux"))]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::ptr;

use executor_common::sync::Arc;
use executor_common::{DomainId, RunOutcome, closure_task, yield_now};
use support::{CountsDrop, Queue, future_on};

thread_local! {
    /// Allocations of so many bytes and more are refused on this thread.
    static REFUSED_FROM: Cell<usize> = const { Cell::new(usize::MAX) };
    /// So many allocations are granted on this thread.
    static GRANTED: Cell<usize> = const { Cell::new(usize::MAX) };
}

struct Refusing;

fn is_refused(layout: Layout) -> bool {
    let left = GRANTED.get();
    if left == 0 || layout.size() >= REFUSED_FROM.get() {
        // What says so may allocate.
        GRANTED.set(usize::MAX);
        return true;
    }
    if left != usize::MAX {
        GRANTED.set(left - 1);
    }
    false
}

// SAFETY: what is not refused is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout) {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

const CHILD: &str = "FAULTS_CHILD";

/// Runs `body`, which is given `number`, in a child process: this binary once more, told to run `test` alone. `None` in the child.
fn in_child(test: &str, number: usize, body: impl FnOnce(usize)) -> Option<Output> {
    if let Ok(number) = std::env::var(CHILD) {
        body(number.parse().expect("a number"));
        return None;
    }
    let binary = std::env::current_exe().expect("this program has a path");
    let child = Command::new(binary)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, number.to_string())
        .output();
    Some(child.expect("a process is to be had"))
}

/// Says how a child ended: true if by itself, false if for want of memory.
#[track_caller]
fn has_ended_well(output: &Output) -> bool {
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return true;
    }
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}\n{error}", output.status);
    assert!(error.contains("memory allocation of"), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    false
}

/// A task of each kind and size, to its end.
fn make_and_run() {
    fn closure<const BYTES: usize>() {
        let payload = [1_u8; BYTES];
        let (counts, drops) = CountsDrop::new();
        let (runnable, handle) = closure_task(DomainId::unique(), move || (payload[0], counts));
        assert!(matches!(runnable.run(), RunOutcome::Finished));
        assert_eq!(handle.join().unwrap().0, 1);
        assert_eq!(drops.get(), 1);
    }
    closure::<1>();
    closure::<100>();
    closure::<200>();
    closure::<10_000>();
    let (queue, tasks) = Queue::new();
    let (runnable, handle) = future_on(&queue, DomainId::unique(), async {
        yield_now().await;
        7
    });
    let RunOutcome::Yielded(again) = runnable.run() else { panic!("it yields once") };
    assert!(matches!(again.run(), RunOutcome::Finished));
    assert_eq!(handle.join().unwrap(), 7);
    drop(tasks);
    assert_eq!(Arc::strong_count(&queue), 1);
}

/// Whichever allocation is refused, in the order in which they are asked for.
#[test]
fn a_refused_allocation_ends_the_process_with_the_standard_library_s_message() {
    /// More than there are.
    const MOST: usize = 40;
    let test = "a_refused_allocation_ends_the_process_with_the_standard_library_s_message";
    let mut ended_well = Vec::new();
    for granted in 0..MOST {
        let run = |granted| {
            GRANTED.set(granted);
            make_and_run();
            GRANTED.set(usize::MAX);
        };
        let Some(output) = in_child(test, granted, run) else { return };
        ended_well.push(has_ended_well(&output));
    }
    let refusals = ended_well.iter().filter(|well| !**well).count();
    assert!(refusals > 5, "{ended_well:?}");
    assert_eq!(ended_well.last(), Some(&true), "{ended_well:?}");
}

/// The memory that all small tasks share is not needed: where it is refused, each task has its own.
#[test]
fn without_memory_for_a_region_tasks_have_memory_of_their_own() {
    let run = |bytes| {
        REFUSED_FROM.set(bytes);
        for _ in 0..100 {
            make_and_run();
        }
        let tasks: Vec<_> =
            (0..5_000).map(|n| closure_task(DomainId::unique(), move || n)).collect();
        for (n, (runnable, handle)) in tasks.into_iter().enumerate() {
            assert!(matches!(runnable.run(), RunOutcome::Finished));
            assert_eq!(handle.join().unwrap(), n);
        }
        REFUSED_FROM.set(usize::MAX);
    };
    let test = "without_memory_for_a_region_tasks_have_memory_of_their_own";
    let Some(output) = in_child(test, 1 << 20, run) else { return };
    assert!(has_ended_well(&output), "{}", String::from_utf8_lossy(&output.stderr));
}
