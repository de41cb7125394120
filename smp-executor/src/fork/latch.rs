//! Says that a stolen job is done.

use executor_common::Parker;
use executor_common::sync::atomic::{AtomicU32, Ordering};

use crate::shared::Shared;

const UNSET: u32 = 0;
/// The owner sleeps, or is about to.
const SLEEPING: u32 = 1;
const SET: u32 = 2;

/// One worker waits, one other sets it, once.
pub(super) struct Latch {
    state: AtomicU32,
    /// The worker that waits.
    owner: usize,
}

impl Latch {
    pub(super) fn new(owner: usize) -> Self {
        Self { state: AtomicU32::new(UNSET), owner }
    }

    pub(super) fn is_set(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `set`: the owner reads the result next, and leaves
        // the frame that the job is in.
        self.state.load(Ordering::Acquire) == SET
    }

    /// Sleeps until the latch is set, or until `parker` gets a token for another reason.
    pub(super) fn sleep(&self, parker: &Parker) {
        // Ordering: Relaxed on success: announcing a sleep publishes nothing. Acquire on failure is left
        // to `is_set`, which the caller asks next.
        let announced =
            self.state.compare_exchange(UNSET, SLEEPING, Ordering::Relaxed, Ordering::Relaxed);
        if announced != Err(SET) {
            parker.park();
        }
    }

    /// Sets the latch of a job that is done.
    ///
    /// # Safety
    ///
    /// `this` is valid until the swap below. After it the owner may leave its frame, and with it the latch:
    /// hence the pointer.
    pub(super) unsafe fn set(this: *const Self, shared: &Shared) {
        // SAFETY: valid by the caller's promise; the field is never written.
        let owner = unsafe { (*this).owner };
        // SAFETY: as above.
        let state = unsafe { &(*this).state };
        // Ordering: Release pairs with the Acquire in `is_set`. The swap is the last access.
        if state.swap(SET, Ordering::Release) == SLEEPING {
            shared.remote(owner).fork_unparker.unpark();
        }
    }
}
