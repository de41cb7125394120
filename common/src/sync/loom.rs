//! The models' side: loom's stand-ins behind the interface of `sync/std.rs`.
//!
//! Time does not exist in a model. A timed wait waits until it is notified, which is the stricter
//! reading: a protocol that only works because a timeout papers over a lost wake-up deadlocks here.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

pub use loom::cell::UnsafeCell;
#[doc(hidden)]
pub use loom::lazy_static as loom_lazy_static;
pub use loom::sync::Arc;
#[doc(hidden)]
pub use loom::thread_local as loom_thread_local;

/// `std::thread_local` for declarations with a `const` initialiser, which loom's own macro does not parse.
/// Model threads share one thread of the operating system, so that a real thread-local would be one
/// for all of them.
#[doc(hidden)]
#[macro_export]
macro_rules! model_thread_local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $t:ty = const $init:block;)*) => {$(
        $crate::sync::loom_thread_local! { $(#[$meta])* $vis static $name: $t = $init; }
    )*};
}
pub use model_thread_local as thread_local;

/// A static, made anew for each execution. It is used through a reference to it.
#[doc(hidden)]
#[macro_export]
macro_rules! model_static {
    ($(#[$meta:meta])* static $name:ident: $t:ty = $init:expr;) => {
        $crate::sync::loom_lazy_static! { $(#[$meta])* static ref $name: $t = $init; }
    };
}
pub use model_static as shared_static;

/// Atomics and fences.
#[path = "loom/atomic.rs"]
pub mod atomic;
#[path = "loom/weaken.rs"]
pub(super) mod weaken;

/// Spin-wait hint. A model must leave a spinning thread, or it never ends.
pub mod hint {
    pub use loom::hint::spin_loop;
}

/// Threads.
pub mod thread {
    pub use loom::thread::{Builder, JoinHandle, current, spawn, yield_now};
}

/// `parking_lot::Mutex`'s interface over loom's mutex.
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// Guard of [`Mutex`]. Empty only while a [`Condvar`] has taken the inner guard.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Locks. A panic of another holder is ignored, as `parking_lot` ignores it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }

    /// Locks if nobody holds the lock.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("the guard is only empty inside Condvar::wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("the guard is only empty inside Condvar::wait")
    }
}

/// `parking_lot::Condvar`'s interface over loom's condition variable.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

/// Result of a timed wait; see the module documentation for what time means in a model.
#[derive(Debug)]
pub struct WaitTimeoutResult(());

impl WaitTimeoutResult {
    /// Always false in a model.
    pub fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    /// A condition variable that nobody waits for.
    pub fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    /// Releases the lock, waits for a notification, locks again.
    ///
    /// # Panics
    ///
    /// Never: the borrow of the guard keeps a second wait from finding it empty.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.0.take().expect("the guard is only empty inside Condvar::wait");
        let inner = self.0.wait(inner).unwrap_or_else(|poisoned| poisoned.into_inner());
        guard.0 = Some(inner);
    }

    /// As [`Condvar::wait`]: the timeout never strikes in a model.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult(())
    }

    /// As [`Condvar::wait`]: the deadline never strikes in a model.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult(())
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// The time. A model has none, and nothing in it may depend on what this says.
pub fn now() -> Instant {
    Instant::now()
}
