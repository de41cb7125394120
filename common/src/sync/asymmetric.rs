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
pub fn is_supported() -> bool {
    imp::is_supported()
}

/// The fast side's fence.
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
#[cfg_attr(loom, track_caller)]
pub fn heavy() {
    imp::heavy();
}

/// The fences of one protocol: asymmetric where the system has them, full ones on both sides elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Fences {
    asymmetric: bool,
}

impl Fences {
    /// The cheapest pair for the fast side.
    pub fn new() -> Self {
        Self { asymmetric: is_supported() }
    }

    /// Full fences on both sides, where the slow side is no rare one.
    pub fn full() -> Self {
        Self { asymmetric: false }
    }

    /// The fast side's fence: see [`light`].
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
