//! Values that make a missing edge visible.
//!
//! `Plain` and `Witness` share their memory through the standard library's `Arc`, which loom does not see: one of loom's would
//! bring edges of its own, and with them hide those that the code under test lacks.

use std::sync::Arc;

use executor_common::sync::UnsafeCell;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

/// A value that is read and written without any synchronisation. loom fails the model unless the code under
/// test orders the accesses.
#[derive(Clone, Debug)]
pub struct Plain(Arc<Shared>);

#[derive(Debug)]
struct Shared(UnsafeCell<usize>);

// SAFETY: that an access needs an edge is what the models check; loom ends an execution that lacks one.
unsafe impl Sync for Shared {}

impl Plain {
    /// Zero.
    pub fn new() -> Self {
        Self(Arc::new(Shared(UnsafeCell::new(0))))
    }

    /// Reads.
    pub fn get(&self) -> usize {
        self.0.0.with(|value| {
            // SAFETY: loom has just checked that no write is concurrent; the model's threads share one
            // thread of the operating system.
            unsafe { *value }
        })
    }

    /// Adds one.
    pub fn increment(&self) {
        self.0.0.with_mut(|value| {
            // SAFETY: as in `get`, for any other access.
            unsafe { *value += 1 }
        });
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a [`Plain`] when it is dropped.
#[derive(Debug)]
pub struct Witness(Plain);

impl Witness {
    /// The witness, and the place that counts its end.
    pub fn new() -> (Self, Plain) {
        let dropped = Plain::new();
        (Self(dropped.clone()), dropped)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.increment();
    }
}

/// Counts what has been done. Relaxed: it orders nothing.
#[derive(Clone, Debug)]
pub struct Done(executor_common::sync::Arc<AtomicUsize>);

impl Done {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(executor_common::sync::Arc::new(AtomicUsize::new(0)))
    }

    /// A task that does one thing.
    pub fn one(&self) -> impl FnOnce() + Send + use<> {
        let done = self.clone();
        move || {
            done.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether so many have been done.
    pub fn is(&self, wanted: usize) -> bool {
        self.0.load(Ordering::Relaxed) == wanted
    }
}
