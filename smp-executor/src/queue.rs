//! The queues: one injector for everybody, one deque per worker for tasks and one for forked jobs.
//!
//! In production these are crossbeam-deque's. It has no loom support, so that the models put a port with
//! the same orderings and the same absence of fences in its place (`queue/loom.rs`). A lock in its place
//! would add edges that the real queue does not have, and hide lost wake-ups.

#[cfg(not(loom))]
#[path = "queue/crossbeam.rs"]
mod imp;
#[cfg(loom)]
#[path = "queue/loom.rs"]
mod imp;

use std::ptr::NonNull;

use executor_common::Runnable;

pub(crate) use imp::{Injector, Local, Stealer};

/// What a queue holds: one pointer that owns what it points to.
#[cfg_attr(
    not(loom),
    expect(
        dead_code,
        reason = "crossbeam's queues store the entries themselves, the models' their addresses"
    )
)]
pub(crate) trait Entry: Sized {
    /// The pointer; ownership goes with it.
    fn into_raw(self) -> NonNull<()>;

    /// # Safety
    ///
    /// `pointer` comes from `into_raw`, and is turned back once.
    unsafe fn from_raw(pointer: NonNull<()>) -> Self;
}

impl Entry for Runnable {
    fn into_raw(self) -> NonNull<()> {
        self.into_raw()
    }

    unsafe fn from_raw(pointer: NonNull<()>) -> Self {
        // SAFETY: the caller's promise is the same.
        unsafe { Self::from_raw(pointer) }
    }
}

/// In which order a worker takes from its own deque. Thieves always take the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Oldest first: no task starves behind younger ones.
    Fifo,
    /// Youngest first: what a fork-join computation needs to stay within the stack of serial code.
    Lifo,
}
