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
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::atomic::{Ordering, null_pointers};
    ///
    /// let buckets = null_pointers::<u32>(1 << 16).expect("there is memory");
    /// assert_eq!(buckets.len(), 1 << 16);
    /// assert!(buckets[7].load(Ordering::Relaxed).is_null());
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::parking::Mutex;
    ///
    /// let mutex = Mutex::default();
    /// let guard = mutex.lock();
    /// drop(guard);
    /// drop(mutex.lock());
    /// ```
    #[derive(Debug, Default)]
    pub struct Mutex(std::sync::Mutex<()>);

    /// Guard of [`Mutex`]. Empty only while a [`Condvar`] has taken the inner guard.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::parking::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::default();
    /// let guard: MutexGuard<'_> = mutex.lock();
    /// drop(guard); // unlocks
    /// drop(mutex.lock());
    /// ```
    #[derive(Debug)]
    pub struct MutexGuard<'a>(Option<std::sync::MutexGuard<'a, ()>>);

    impl Mutex {
        /// Locks.
        ///
        /// # Examples
        ///
        /// ```
        /// use executor_common::sync::parking::Mutex;
        ///
        /// let mutex = Mutex::default();
        /// drop(mutex.lock());
        /// ```
        pub fn lock(&self) -> MutexGuard<'_> {
            MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }
    }

    /// Where the sleepers are.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::atomic::{AtomicBool, Ordering};
    /// use executor_common::sync::parking::{Condvar, Mutex};
    ///
    /// let (mutex, condvar, is_done) = (Mutex::default(), Condvar::default(), AtomicBool::new(false));
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         is_done.store(true, Ordering::Relaxed);
    ///         drop(mutex.lock()); // not between the sleeper's look and its sleep
    ///         condvar.notify_one();
    ///     });
    ///     let mut guard = mutex.lock();
    ///     while !is_done.load(Ordering::Relaxed) {
    ///         condvar.wait(&mut guard);
    ///     }
    /// });
    /// ```
    #[derive(Debug, Default)]
    pub struct Condvar(std::sync::Condvar);

    impl Condvar {
        /// Releases the lock, waits for a notification, locks again.
        ///
        /// # Examples
        ///
        /// ```
        /// use executor_common::sync::parking::{Condvar, Mutex};
        ///
        /// let (mutex, condvar) = (Mutex::default(), Condvar::default());
        /// std::thread::scope(|scope| {
        ///     let mut guard = mutex.lock();
        ///     scope.spawn(|| {
        ///         drop(mutex.lock()); // the other one waits by then
        ///         condvar.notify_one();
        ///     });
        ///     condvar.wait(&mut guard);
        /// });
        /// ```
        pub fn wait(&self, guard: &mut MutexGuard<'_>) {
            guard.0 = guard
                .0
                .take()
                .map(|inner| self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
        }

        /// As [`Condvar::wait`], at most until `deadline`. True if that has passed.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::{Duration, Instant};
        /// use executor_common::sync::parking::{Condvar, Mutex};
        ///
        /// let (mutex, condvar) = (Mutex::default(), Condvar::default());
        /// let deadline = Instant::now() + Duration::from_millis(1);
        /// let mut guard = mutex.lock();
        /// while !condvar.wait_until(&mut guard, deadline) {}
        /// assert!(Instant::now() >= deadline);
        /// ```
        pub fn wait_until(&self, guard: &mut MutexGuard<'_>, deadline: Instant) -> bool {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(inner) = guard.0.take() else { return false };
            let (inner, result) =
                self.0.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner);
            guard.0 = Some(inner);
            result.timed_out()
        }

        /// Wakes one waiter.
        ///
        /// # Examples
        ///
        /// ```
        /// use executor_common::sync::parking::Condvar;
        ///
        /// Condvar::default().notify_one(); // of nobody
        /// ```
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
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use executor_common::sync::guarded;
///
/// struct Count<'a>(&'a Cell<u32>);
/// impl Drop for Count<'_> {
///     fn drop(&mut self) {
///         self.0.set(self.0.get() + 1);
///     }
/// }
///
/// let panics = Cell::new(0);
/// guarded(Count(&panics), || "all is well");
/// assert_eq!(panics.get(), 0);
/// let ended = executor_common::panic::caught(|| guarded(Count(&panics), || panic!("no disk")));
/// assert!(ended.is_err() && panics.get() == 1);
/// ```
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
///
/// # Examples
///
/// ```
/// use executor_common::sync::UnsafeCell;
///
/// let cell = UnsafeCell::new(6);
/// // SAFETY: this thread alone has the cell, and no other borrow of it is alive.
/// cell.with_mut(|value| unsafe { *value *= 7 });
/// assert_eq!(cell.into_inner(), 42);
/// ```
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// Wraps `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::UnsafeCell;
    ///
    /// assert_eq!(UnsafeCell::new(42).into_inner(), 42);
    /// ```
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Hands out a pointer for reading. The caller keeps writers away while `f` runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::UnsafeCell;
    ///
    /// let cell = UnsafeCell::new(42);
    /// // SAFETY: nobody writes: this thread alone has the cell.
    /// assert_eq!(cell.with(|value| unsafe { *value }), 42);
    /// ```
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Hands out a pointer for writing. The caller keeps all others away while `f` runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::UnsafeCell;
    ///
    /// let cell = UnsafeCell::new(6);
    /// // SAFETY: this thread alone has the cell, and no other borrow of it is alive.
    /// let before = cell.with_mut(|value| unsafe { value.replace(42) });
    /// assert_eq!((before, cell.into_inner()), (6, 42));
    /// ```
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }

    /// Unwraps the value.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::UnsafeCell;
    ///
    /// assert_eq!(UnsafeCell::new("kept").into_inner(), "kept");
    /// ```
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// The time.
///
/// # Examples
///
/// ```
/// use executor_common::sync::now;
/// use executor_common::test_util::TestExecutor;
///
/// let real = now();
/// assert!(now() >= real);
///
/// TestExecutor::check(0..1, |executor| {
///     let began = now(); // virtual here
///     let minute = std::time::Duration::from_secs(60);
///     executor.block_on(executor.handle().sleep(minute));
///     assert_eq!(now() - began, minute);
/// });
/// ```
#[inline(always)]
pub fn now() -> Instant {
    #[cfg(feature = "test-util")]
    if let Some(now) = crate::test_util::virtual_now() {
        return now;
    }
    Instant::now()
}
