//! The production side: the standard library and `parking_lot`.

pub use std::sync::Arc;
pub use std::thread_local;

pub use parking_lot::{Condvar, Mutex, MutexGuard};

/// A static with an initialiser that a model runs anew for each execution.
#[doc(hidden)]
#[macro_export]
macro_rules! plain_static {
    ($(#[$meta:meta])* static $name:ident: $t:ty = $init:expr;) => {
        $(#[$meta])* static $name: $t = $init;
    };
}
pub use plain_static as shared_static;

/// Atomics and fences.
pub mod atomic {
    pub use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };

    /// So many null pointers. Their memory comes zeroed from the system, and stays untouched until it is used.
    pub fn null_pointers<T>(count: usize) -> Box<[AtomicPtr<T>]> {
        let pointers = Box::new_zeroed_slice(count);
        // SAFETY: an atomic pointer of zeroes is a null pointer.
        unsafe { pointers.assume_init() }
    }
}

/// Spin-wait hint.
pub mod hint {
    pub use std::hint::spin_loop;
}

/// Calls `f`, and drops `guard` if that unwinds, and only then.
#[inline(always)]
pub fn guarded<G, R>(guard: G, f: impl FnOnce() -> R) -> R {
    let result = f();
    std::mem::forget(guard);
    result
}

/// Threads.
pub mod thread {
    pub use std::thread::{Builder, JoinHandle, current, spawn, yield_now};
}

/// `std::cell::UnsafeCell` with loom's interface: access happens inside a closure, so that a model can
/// see where it begins and where it ends.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Hands out a pointer for reading. The caller keeps writers away while `f` runs.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Hands out a pointer for writing. The caller keeps all others away while `f` runs.
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}
