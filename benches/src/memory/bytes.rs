//! The allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};

use executor_common::sync::atomic::{AtomicUsize, Ordering};

// Ordering: Relaxed throughout. They are statistics; whoever reads them has waited for the tasks that allocate.
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, and counters for the whole process: bytes as asked for, without what the allocator adds to
/// them.
#[derive(Clone, Copy, Debug)]
pub struct CountingAllocator;

// SAFETY: the system's allocator does all of it; the counters do not allocate.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn add(size: usize) {
    let in_use = IN_USE.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(in_use, Ordering::Relaxed);
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
}

/// What the allocator has counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Bytes.
    pub(super) in_use: usize,
    /// The most bytes at once since the last [`restart_peak`].
    pub(super) peak: usize,
    /// How often memory was asked for.
    pub(super) allocations: usize,
}

/// The state now. All zero where [`CountingAllocator`] is not the global allocator.
pub(super) fn counted() -> Counted {
    Counted {
        in_use: IN_USE.load(Ordering::Relaxed),
        peak: PEAK.load(Ordering::Relaxed),
        allocations: ALLOCATIONS.load(Ordering::Relaxed),
    }
}

/// Looks for the most bytes anew.
pub(super) fn restart_peak() {
    PEAK.store(IN_USE.load(Ordering::Relaxed), Ordering::Relaxed);
}
