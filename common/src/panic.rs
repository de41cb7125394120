//! Panics that must not pass a certain frame.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic said, where it said something in text.
///
/// # Examples
///
/// ```
/// let payload = std::panic::catch_unwind(|| panic!("no disk")).unwrap_err();
/// assert_eq!(executor_common::panic::payload_text(&*payload), "no disk");
/// ```
pub fn payload_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a panic payload that is not text)"
    }
}

/// Runs `f` and keeps its panic.
///
/// The caller must not use what `f` may have left half-changed, which the type system cannot see.
///
/// # Errors
///
/// The payload, if `f` panicked.
pub fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value` and keeps the panic of its destructor.
///
/// # Errors
///
/// The payload, if the destructor panicked.
pub fn drop_caught<T>(value: T) -> Result<(), Box<dyn Any + Send>> {
    caught(|| drop(value))
}

/// Drops a payload that nobody wants. A payload whose own destructor panics is leaked at the second try,
/// since each panic makes a new one.
pub fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = drop_caught(payload) {
        std::mem::forget(second);
    }
}

/// Runs foreign code (a hook, a waker, a destructor) whose panic ends here.
pub fn contained(f: impl FnOnce()) {
    if let Err(payload) = caught(f) {
        discard(payload);
    }
}

/// Ends the process if a frame that must not unwind does.
///
/// For code during which a pointer into a frame is published: unwinding would leave it dangling.
#[derive(Debug)]
pub struct AbortOnUnwind(());

impl AbortOnUnwind {
    /// Arms the guard.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// Disarms the guard.
    pub fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Default for AbortOnUnwind {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!("executor: a frame that must not unwind did; aborting");
        std::process::abort();
    }
}
