//! A lock that costs its owner next to nothing, and everybody else a heavy fence.
//!
//! The owner marks that it is in and looks whether somebody wants it out: a store, a load, and a compiler fence in between. Another
//! thread marks that it wants in, fences heavily, and looks whether the owner is in. This is Dekker's pattern with an
//! asymmetric fence, known as biased locking (Dice, Moir and Scherer, "Quickly Reacquirable Locks", 2003).

use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{LOOM, Mutex, SHUTTLE, UnsafeCell, asymmetric, hint};

/// How often another thread looks whether the owner is out. It is in for a few nanoseconds, unless the system has taken its
/// core away. A model has no such system, and no end if a thread looks again and again. A random schedule takes cores away all the time.
const PATIENCE: u32 = match (LOOM, SHUTTLE) {
    (true, _) => u32::MAX,
    (_, true) => 2,
    _ => 64,
};

/// A value that one thread, the owner, uses all the time, and others now and then.
pub(super) struct Biased<T> {
    /// The owner is in. Written by the owner alone.
    owner_in: AtomicBool,
    /// Somebody else is in, or about to be. Written under `others`.
    revoked: AtomicBool,
    /// One of the others at a time; also the owner's way in while `revoked` is set.
    others: Mutex<()>,
    /// Touched by who is in: the owner with `owner_in` set after which `revoked` was clear, or who holds `others` and has
    /// either found `owner_in` clear after setting `revoked`, or is the owner.
    value: UnsafeCell<T>,
}

// SAFETY: the value is touched by one thread at a time (rule at the field), and moves between threads no more than a `T` in
// a mutex does.
unsafe impl<T: Send> Sync for Biased<T> {}

impl<T> Biased<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            owner_in: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
            others: Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }

    /// Calls `f` on the owner's thread. `f` must not unwind, nor use this lock.
    ///
    /// # Safety
    ///
    /// One thread at a time is the owner, and calls this.
    #[inline(always)]
    pub(super) unsafe fn with_owner<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Ordering: Relaxed, and the light fence after it: pairs with the heavy one in `try_with`. Either this sees that
        // somebody else is on the way in, or that one sees the owner in.
        self.owner_in.store(true, Ordering::Relaxed);
        asymmetric::light();
        // Ordering: Acquire pairs with the Release in `try_with`: what the other one did is seen.
        if self.revoked.load(Ordering::Acquire) {
            return self.with_revoked(f);
        }
        let result = self.value.with_mut(|value| {
            // SAFETY: the owner is in, and nobody else (rule at the field).
            f(unsafe { &mut *value })
        });
        // Ordering: Release pairs with the Acquire in `try_with`: the other one sees what the owner did.
        self.owner_in.store(false, Ordering::Release);
        result
    }

    /// The owner's way in past another one.
    #[cold]
    fn with_revoked<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Ordering: Release, as above. Nothing has been touched since the last time; the other one may go ahead.
        self.owner_in.store(false, Ordering::Release);
        let _turn = self.others.lock();
        self.value.with_mut(|value| {
            // SAFETY: under the lock, and this is the owner (rule at the field).
            f(unsafe { &mut *value })
        })
    }

    /// Calls `f` on a thread that is not the owner, unless the owner stays in: the system has taken its core away. `f` must
    /// not unwind, nor use this lock.
    ///
    /// Only where [`asymmetric::is_supported`].
    pub(super) fn try_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let _turn = self.others.lock();
        // Ordering: Relaxed, and the heavy fence after it: see `with_owner`.
        self.revoked.store(true, Ordering::Relaxed);
        asymmetric::heavy();
        let result = self.is_owner_out().then(|| {
            self.value.with_mut(|value| {
                // SAFETY: under the lock, with `revoked` set and the owner out since (rule at the field).
                f(unsafe { &mut *value })
            })
        });
        // Ordering: Release pairs with the Acquire in `with_owner`.
        self.revoked.store(false, Ordering::Release);
        result
    }

    fn is_owner_out(&self) -> bool {
        let mut looks = 0;
        // Ordering: Acquire pairs with the Release in `with_owner`.
        while self.owner_in.load(Ordering::Acquire) {
            if looks == PATIENCE {
                return false;
            }
            looks += 1;
            hint::spin_loop();
        }
        true
    }
}
