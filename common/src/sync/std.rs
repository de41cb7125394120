//! The production side: the standard library and `parking_lot`.

pub use std::sync::Arc;
pub use std::thread_local;
use std::time::Instant;

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
    use std::alloc::{Layout, alloc_zeroed};
    use std::ptr::NonNull;

    pub use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };

    /// So many null pointers, or none at all where there is no memory for them. It comes zeroed from the system, and stays
    /// untouched until it is used.
    ///
    /// # Panics
    ///
    /// If `count` is zero.
    pub fn null_pointers<T>(count: usize) -> Option<Box<[AtomicPtr<T>]>> {
        assert!(count > 0, "an allocation has a size");
        let layout = Layout::array::<AtomicPtr<T>>(count).ok()?;
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let pointers = NonNull::slice_from_raw_parts(memory.cast::<AtomicPtr<T>>(), count);
        // SAFETY: allocated with the layout of such a slice, and nobody else's; an atomic pointer of zeroes is a null pointer.
        Some(unsafe { Box::from_raw(pointers.as_ptr()) })
    }
}

/// What a thread sleeps on for as long as nobody needs it: the standard library's, behind `parking_lot`'s interface.
///
/// `parking_lot` keeps its sleepers in one table for the whole process. A forked child inherits the table and not the
/// threads, whose memory it uses for others: the first lock or wake-up that meets such an entry follows a stale pointer.
pub mod parking {
    use std::sync::PoisonError;
    use std::time::Instant;

    /// Guards nothing but the way into a sleep.
    #[derive(Debug, Default)]
    pub struct Mutex(std::sync::Mutex<()>);

    /// Guard of [`Mutex`]. Empty only while a [`Condvar`] has taken the inner guard.
    #[derive(Debug)]
    pub struct MutexGuard<'a>(Option<std::sync::MutexGuard<'a, ()>>);

    impl Mutex {
        /// Locks.
        pub fn lock(&self) -> MutexGuard<'_> {
            MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }
    }

    /// Where the sleepers are.
    #[derive(Debug, Default)]
    pub struct Condvar(std::sync::Condvar);

    impl Condvar {
        /// Releases the lock, waits for a notification, locks again.
        pub fn wait(&self, guard: &mut MutexGuard<'_>) {
            guard.0 = guard
                .0
                .take()
                .map(|inner| self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
        }

        /// As [`Condvar::wait`], at most until `deadline`. True if that has passed.
        pub fn wait_until(&self, guard: &mut MutexGuard<'_>, deadline: Instant) -> bool {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(inner) = guard.0.take() else { return false };
            let (inner, result) =
                self.0.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner);
            guard.0 = Some(inner);
            result.timed_out()
        }

        /// Wakes one waiter.
        pub fn notify_one(&self) {
            self.0.notify_one();
        }
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

/// The time.
#[inline(always)]
pub fn now() -> Instant {
    #[cfg(feature = "test-util")]
    if let Some(now) = crate::test_util::virtual_now() {
        return now;
    }
    Instant::now()
}
