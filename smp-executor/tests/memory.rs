//! What a task costs in memory, counted by the allocator.
//!
//! One test, since the counts are those of the whole process.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use support::{pool, watched};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        let size = layout.size() as i64;
        let live = LIVE_BYTES.fetch_add(size, Ordering::Relaxed) + size;
        PEAK_BYTES.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TASKS: usize = 100_000;
/// So many are queued at the most, since each one that waits needs memory.
const ROUND: usize = 1_000;

/// The most that the recycling of cells keeps of one size class: the depot's region and list, both of which may have
/// been there before, as many cells again, and the magazines of this test's three threads.
const DEPOT_BYTES: i64 = (2 << 20) + (256 << 10) + 3 * 128 * 64;

/// Allocations per task of `round`, which spawns [`ROUND`] tasks and waits for them. The injector allocates a block for
/// each 63 entries.
fn allocations_per_task(mut round: impl FnMut()) -> f64 {
    // The first rounds fill all threads' magazines.
    (0..10).for_each(|_| round());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..TASKS / ROUND).for_each(|_| round());
    (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / TASKS as f64
}

#[test]
#[cfg_attr(unpooled, ignore = "cells are not kept")]
fn no_allocation_per_task_and_nothing_left_behind() {
    watched(|| {
        let executor = pool(2);
        let done = Arc::new(AtomicUsize::new(0));
        let wait_for_round = || {
            while done.load(Ordering::Acquire) < ROUND {
                std::thread::yield_now();
            }
            done.store(0, Ordering::Relaxed);
        };

        let closures = allocations_per_task(|| {
            for _ in 0..ROUND {
                let done = Arc::clone(&done);
                executor.spawn(move || done.fetch_add(1, Ordering::Release));
            }
            wait_for_round();
        });
        assert!(closures < 0.05, "{closures} allocations per closure");

        let futures = allocations_per_task(|| {
            for _ in 0..ROUND {
                let done = Arc::clone(&done);
                executor.spawn_future(async move { done.fetch_add(1, Ordering::Release) });
            }
            wait_for_round();
        });
        assert!(futures < 0.05, "{futures} allocations per future");

        let joined = allocations_per_task(|| {
            for _ in 0..ROUND {
                executor.spawn(|| ()).join().unwrap();
            }
        });
        assert!(joined < 0.05, "{joined} allocations per joined closure");

        // A million detached spawns from one worker: the queued tasks and the deque's buffers, no more. What stays is
        // bounded, whatever the burst.
        let one = pool(1);
        let before = LIVE_BYTES.load(Ordering::Relaxed);
        PEAK_BYTES.store(before, Ordering::Relaxed);
        let handle = one.handle();
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        one.spawn(move || {
            for _ in 0..1_000_000 {
                let ran = Arc::clone(&counted);
                handle.spawn(move || ran.fetch_add(1, Ordering::Relaxed));
            }
        });
        assert!(one.shutdown().is_clean());
        assert_eq!(ran.load(Ordering::Relaxed), 1_000_000);
        drop(one);
        let left = LIVE_BYTES.load(Ordering::Relaxed) - before;
        let peak = PEAK_BYTES.load(Ordering::Relaxed) - before;
        // The epoch keeps some small old buffers until its next turn.
        assert!(left <= (64 << 10) + DEPOT_BYTES, "{left} bytes are left behind");
        assert!(peak < 160_000_000, "{peak} bytes at the peak for a million tasks");
        println!("peak of a million queued closures: {} bytes each", peak / 1_000_000);
    });
}
