//! Fences for a Dekker pattern with a side that must cost nothing.
//!
//! Each side stores, fences, and loads what the other has stored; at least one of them sees the other's store.
//! The fast side's [`light`] fence only keeps the compiler from reordering. The slow side's [`heavy`] fence makes
//! every running thread of the process execute a full one, wherever it is: what a thread had stored before, the
//! slow side sees; what the slow side had stored before, a thread that goes on from there sees.
//!
//! Linux has it as `membarrier(2)`, `MEMBARRIER_CMD_PRIVATE_EXPEDITED`. It waits for an interrupt on each core that runs this
//! process: half a microsecond if there is none, and as long as waking a thread (10 us on a virtual machine) if there is one. So
//! it belongs where somebody sleeps or would otherwise. Elsewhere [`is_supported`] says no.

use super::atomic::{Ordering, fence};

/// Whether [`heavy`] does anything; asked from the system once.
///
/// # Examples
///
/// ```
/// use executor_common::sync::asymmetric;
///
/// if asymmetric::is_supported() {
///     asymmetric::heavy();
/// }
/// assert_eq!(asymmetric::is_supported(), asymmetric::is_supported());
/// ```
pub fn is_supported() -> bool {
    imp::is_supported()
}

/// The fast side's fence.
///
/// # Examples
///
/// ```
/// use executor_common::sync::asymmetric;
/// use executor_common::sync::atomic::{AtomicBool, Ordering};
///
/// let (has_work, sleeps) = (AtomicBool::new(false), AtomicBool::new(false));
/// has_work.store(true, Ordering::Relaxed);
/// asymmetric::light(); // the sleeper has `heavy` between its two accesses
/// assert!(!sleeps.load(Ordering::Relaxed));
/// ```
#[inline(always)]
#[cfg_attr(loom, track_caller)]
pub fn light() {
    imp::light();
}

/// The slow side's fence.
///
/// # Panics
///
/// Where [`is_supported`] says no.
///
/// # Examples
///
/// ```
/// use executor_common::sync::asymmetric;
/// use executor_common::sync::atomic::{AtomicBool, Ordering};
///
/// let (has_work, sleeps) = (AtomicBool::new(false), AtomicBool::new(false));
/// sleeps.store(true, Ordering::Relaxed);
/// if asymmetric::is_supported() {
///     asymmetric::heavy(); // who submits has `light` between its two accesses
/// }
/// assert!(!has_work.load(Ordering::Relaxed));
/// ```
#[cfg_attr(loom, track_caller)]
pub fn heavy() {
    imp::heavy();
}

/// The fences of one protocol: asymmetric where the system has them, full ones on both sides elsewhere.
///
/// # Examples
///
/// ```
/// use executor_common::sync::asymmetric::Fences;
/// use executor_common::sync::atomic::{AtomicBool, Ordering};
///
/// let (has_work, sleeps) = (AtomicBool::new(false), AtomicBool::new(false));
/// let fences = Fences::new();
/// std::thread::scope(|scope| {
///     let submits = scope.spawn(|| {
///         has_work.store(true, Ordering::Relaxed);
///         fences.fast();
///         sleeps.load(Ordering::Relaxed)
///     });
///     sleeps.store(true, Ordering::Relaxed);
///     fences.slow();
///     let sees_work = has_work.load(Ordering::Relaxed);
///     let sees_sleeper = submits.join().unwrap();
///     assert!(sees_work || sees_sleeper);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fences {
    asymmetric: bool,
}

impl Fences {
    /// The cheapest pair for the fast side.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::asymmetric::Fences;
    ///
    /// let fences = Fences::new();
    /// fences.fast(); // costs nothing where the system can help
    /// fences.slow();
    /// ```
    pub fn new() -> Self {
        Self { asymmetric: is_supported() }
    }

    /// Full fences on both sides, where the slow side is no rare one.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::asymmetric::Fences;
    ///
    /// let fences = Fences::full();
    /// fences.fast();
    /// fences.slow(); // interrupts nobody
    /// ```
    pub fn full() -> Self {
        Self { asymmetric: false }
    }

    /// The fast side's fence: see [`light`].
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::asymmetric::Fences;
    /// use executor_common::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let (has_work, sleeps) = (AtomicBool::new(false), AtomicBool::new(false));
    /// has_work.store(true, Ordering::Relaxed);
    /// Fences::new().fast();
    /// assert!(!sleeps.load(Ordering::Relaxed), "nobody to wake");
    /// ```
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn fast(self) {
        if self.asymmetric {
            light();
        } else {
            // Ordering: SeqCst, pairs with the other full fence, in `slow`.
            fence(Ordering::SeqCst);
        }
    }

    /// The fence of the side that is about to sleep: see [`heavy`].
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::sync::asymmetric::Fences;
    /// use executor_common::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let (has_work, sleeps) = (AtomicBool::new(true), AtomicBool::new(false));
    /// sleeps.store(true, Ordering::Relaxed);
    /// Fences::new().slow();
    /// assert!(has_work.load(Ordering::Relaxed), "no time to sleep");
    /// ```
    #[cfg_attr(loom, track_caller)]
    pub fn slow(self) {
        if self.asymmetric {
            heavy();
        } else {
            // Ordering: SeqCst, pairs with the other full fence, in `fast`.
            fence(Ordering::SeqCst);
        }
    }
}

impl Default for Fences {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(target_os = "linux", not(any(loom, shuttle))))]
mod imp {
    use std::sync::OnceLock;
    use std::sync::atomic::{Ordering, compiler_fence};

    use rustix::thread::{MembarrierCommand, membarrier};

    pub(super) fn is_supported() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        // Refused by kernels before 4.14, and by some sandboxes.
        *REGISTERED.get_or_init(|| membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok())
    }

    #[inline(always)]
    pub(super) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    pub(super) fn heavy() {
        assert!(is_supported(), "the caller asks first");
        // A registered process is only refused while the kernel has no memory for a list of cores.
        while membarrier(MembarrierCommand::PrivateExpedited).is_err() {
            std::thread::yield_now();
        }
    }
}

#[cfg(all(not(target_os = "linux"), not(any(loom, shuttle))))]
mod imp {
    use std::sync::atomic::{Ordering, compiler_fence};

    pub(super) fn is_supported() -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    pub(super) fn heavy() {
        panic!("not supported on this system");
    }
}

/// Random schedules have no store buffers. Two ordinary fences are the same to them.
#[cfg(all(shuttle, not(loom)))]
mod imp {
    use super::{Ordering, fence};

    pub(super) fn is_supported() -> bool {
        true
    }

    pub(super) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(super) fn heavy() {
        fence(Ordering::SeqCst);
    }
}

#[cfg(loom)]
#[path = "loom/asymmetric.rs"]
mod imp;
#[cfg(loom)]
pub use imp::with_full_fences;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_heavy_fence_works_where_it_says_so() {
        light();
        if is_supported() {
            heavy();
        }
    }
}
