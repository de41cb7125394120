//! A guard against unwinding, where threads are not threads.

/// Calls `f`, and drops `guard` if that unwinds, and only then; here after the unwinding has ended. A model's threads share
/// one thread of the operating system, so that what another one does meanwhile would count as done while unwinding: a lock
/// that it lets go of as poisoned.
pub fn guarded<G, R>(guard: G, f: impl FnOnce() -> R) -> R {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        Ok(result) => {
            std::mem::forget(guard);
            result
        }
        Err(payload) => {
            drop(guard);
            std::panic::resume_unwind(payload)
        }
    }
}
