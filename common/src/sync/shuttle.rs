//! The random schedules' side: shuttle's stand-ins behind the interface of `sync/std.rs`.
//!
//! Threads are coroutines of one thread of the operating system, and a scheduler with a seed decides at each operation
//! here who goes on. Every atomic operation counts as SeqCst: what an ordering allows is for loom to find.
//!
//! Time is a clock of its own ([`now`]), so that a seed decides about that, too. A reading takes [`READING`]. A timed wait may
//! end at any moment, whatever its length, and the clock jumps to its deadline then.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool as RealBool, AtomicU64 as RealU64, Ordering as RealOrdering};
use std::sync::{OnceLock, PoisonError, TryLockError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use shuttle::rand::{Rng, thread_rng};

pub use std::sync::Arc;

#[doc(hidden)]
pub use shuttle::lazy_static as shuttle_lazy_static;
pub use shuttle::thread_local;

/// A static, made anew for each execution. It is used through a reference to it.
#[doc(hidden)]
#[macro_export]
macro_rules! random_static {
    ($(#[$meta:meta])* static $name:ident: $t:ty = $init:expr;) => {
        $crate::sync::shuttle_lazy_static! { $(#[$meta])* static ref $name: $t = $init; }
    };
}
pub use random_static as shared_static;

/// Atomics and fences.
pub mod atomic {
    pub use shuttle::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };

    /// So many null pointers.
    pub fn null_pointers<T>(count: usize) -> Option<Box<[AtomicPtr<T>]>> {
        Some((0..count).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect())
    }
}

/// Spin-wait hint: lets somebody else go on.
pub mod hint {
    pub use shuttle::hint::spin_loop;
}

/// Threads.
pub mod thread {
    pub use shuttle::thread::{Builder, JoinHandle, current, spawn, yield_now};
}

/// How long a reading of the clock takes, so that whoever waits for a time by looking at the clock gets there.
const READING: Duration = Duration::from_micros(1);

/// The most often that a timed waiter gets its turn before its time is up.
const MAX_TURNS: u32 = 32;

/// After so many timed waits, none times out any more: where everybody waits for somebody, and some look again and again whether
/// that has changed, the execution is to end as a deadlock.
const MAX_TIMED_WAITS: u64 = 5_000;

shuttle::lazy_static! {
    /// What has passed since the execution began, in nanoseconds.
    static ref PASSED_NS: RealU64 = RealU64::new(0);

    /// Timed waits so far.
    static ref TIMED_WAITS: RealU64 = RealU64::new(0);
}

/// When all executions begin.
fn begin() -> Instant {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    *BEGIN.get_or_init(Instant::now)
}

/// The time in this execution.
pub fn now() -> Instant {
    let step = READING.as_nanos() as u64;
    // Ordering: all threads of an execution share one thread.
    begin() + Duration::from_nanos(PASSED_NS.fetch_add(step, RealOrdering::Relaxed))
}

/// The clock shows at least `time` from now on.
fn advance_to(time: Instant) {
    let passed = time.saturating_duration_since(begin()).as_nanos() as u64;
    // Ordering: as in `now`.
    PASSED_NS.fetch_max(passed, RealOrdering::Relaxed);
}

/// A cell whose accesses may not overlap unless they all read. Whoever accesses it may be interrupted right then, so that
/// an access without the right to it meets another one sooner or later.
#[derive(Debug, Default)]
pub struct UnsafeCell<T> {
    value: std::cell::UnsafeCell<T>,
    /// How many read, or -1 if somebody writes.
    users: std::cell::Cell<isize>,
}

/// An access, until it ends in whatever way.
struct Access<'a> {
    users: &'a std::cell::Cell<isize>,
    change: isize,
}

impl<'a> Access<'a> {
    fn begin(users: &'a std::cell::Cell<isize>, change: isize) -> Self {
        users.set(users.get() + change);
        let access = Self { users, change };
        shuttle::thread::sleep(Duration::ZERO);
        access
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        self.users.set(self.users.get() - self.change);
    }
}

impl<T> UnsafeCell<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self { value: std::cell::UnsafeCell::new(value), users: std::cell::Cell::new(0) }
    }

    /// Hands out a pointer for reading. The caller keeps writers away while `f` runs.
    ///
    /// # Panics
    ///
    /// If there is one.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        assert!(self.users.get() >= 0, "a cell is read while somebody writes it");
        let _access = Access::begin(&self.users, 1);
        f(self.value.get())
    }

    /// Hands out a pointer for writing. The caller keeps all others away while `f` runs.
    ///
    /// # Panics
    ///
    /// If there is anybody.
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        assert!(self.users.get() == 0, "a cell is written while somebody uses it");
        let _access = Access::begin(&self.users, -1);
        f(self.value.get())
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// `parking_lot::Mutex`'s interface over shuttle's mutex.
#[derive(Debug, Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

/// Guard of [`Mutex`]. Empty only while a [`Condvar`] has let go of the lock.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    inner: Option<shuttle::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    /// Wraps `value`.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// Locks. A panic of another holder is ignored, as `parking_lot` ignores it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        MutexGuard { mutex: self, inner: Some(inner) }
    }

    /// Locks if nobody holds the lock.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let inner = match self.0.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { mutex: self, inner: Some(inner) })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("the guard is only empty inside Condvar::wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("the guard is only empty inside Condvar::wait")
    }
}

/// `parking_lot::Condvar`'s interface: no wait ends without a reason. shuttle's own condition variable has no timeouts.
#[derive(Debug, Default)]
pub struct Condvar {
    /// The standard library's lock, which nobody is interrupted under.
    waiters: std::sync::Mutex<VecDeque<Arc<Waiter>>>,
}

/// One thread's wait.
#[derive(Debug, Default)]
struct Waiter {
    notified: RealBool,
    waker: std::sync::Mutex<Option<Waker>>,
}

impl Waiter {
    fn is_notified(&self) -> bool {
        // Ordering: all threads of an execution share one thread.
        self.notified.load(RealOrdering::Relaxed)
    }

    fn notify(&self) {
        // Ordering: as above.
        self.notified.store(true, RealOrdering::Relaxed);
        let waker = unpoisoned(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn block(&self) {
        shuttle::future::block_on(poll_fn(|context| {
            if self.is_notified() {
                return Poll::Ready(());
            }
            *unpoisoned(&self.waker) = Some(context.waker().clone());
            Poll::Pending
        }));
    }

    /// False if the time was up first.
    fn block_until(&self, deadline: Instant) -> bool {
        // Ordering: all threads of an execution share one thread.
        if TIMED_WAITS.fetch_add(1, RealOrdering::Relaxed) >= MAX_TIMED_WAITS {
            self.block();
            return true;
        }
        let turns = thread_rng().gen_range(0..=MAX_TURNS);
        for _ in 0..turns {
            if self.is_notified() || now() >= deadline {
                break;
            }
            shuttle::thread::yield_now();
        }
        self.is_notified()
    }
}

fn unpoisoned<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Result of a timed wait; see the module documentation for what time means here.
#[derive(Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up before a notification came.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A condition variable that nobody waits for.
    pub const fn new() -> Self {
        Self { waiters: std::sync::Mutex::new(VecDeque::new()) }
    }

    /// Releases the lock, waits for a notification, locks again.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.unlocked(guard, |waiter| waiter.block());
    }

    /// As [`Condvar::wait`], for at most `timeout`.
    pub fn wait_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        match now().checked_add(timeout) {
            Some(deadline) => self.wait_until(guard, deadline),
            None => {
                self.wait(guard);
                WaitTimeoutResult(false)
            }
        }
    }

    /// As [`Condvar::wait`], until `deadline` at the latest.
    pub fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        let notified = self.unlocked(guard, |waiter| {
            let notified = waiter.block_until(deadline);
            if !notified {
                self.leave(waiter);
                advance_to(deadline);
            }
            notified
        });
        WaitTimeoutResult(!notified)
    }

    fn unlocked<T, R>(&self, guard: &mut MutexGuard<'_, T>, wait: impl FnOnce(&Waiter) -> R) -> R {
        let waiter = Arc::new(Waiter::default());
        unpoisoned(&self.waiters).push_back(Arc::clone(&waiter));
        guard.inner = None;
        let result = wait(&waiter);
        guard.inner = guard.mutex.lock().inner;
        result
    }

    fn leave(&self, waiter: &Waiter) {
        unpoisoned(&self.waiters).retain(|other| !std::ptr::eq(&**other, waiter));
    }

    /// Wakes one waiter, whichever.
    pub fn notify_one(&self) {
        shuttle::thread::sleep(Duration::ZERO);
        let mut waiters = unpoisoned(&self.waiters);
        let waiter = match waiters.len() {
            0 => None,
            len => waiters.remove(thread_rng().gen_range(0..len)),
        };
        drop(waiters);
        if let Some(waiter) = waiter {
            waiter.notify();
        }
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        shuttle::thread::sleep(Duration::ZERO);
        for waiter in std::mem::take(&mut *unpoisoned(&self.waiters)) {
            waiter.notify();
        }
    }
}
