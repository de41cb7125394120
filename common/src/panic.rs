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
///
/// # Examples
///
/// ```
/// use executor_common::panic::{caught, payload_text};
///
/// assert_eq!(caught(|| 6 * 7).unwrap(), 42);
/// let payload = caught(|| panic!("no disk")).unwrap_err();
/// assert_eq!(payload_text(&*payload), "no disk");
/// ```
pub fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value` and keeps the panic of its destructor.
///
/// # Errors
///
/// The payload, if the destructor panicked.
///
/// # Examples
///
/// ```
/// use executor_common::panic::{drop_caught, payload_text};
///
/// struct Fragile;
/// impl Drop for Fragile {
///     fn drop(&mut self) {
///         panic!("broken");
///     }
/// }
///
/// let payload = drop_caught(Fragile).unwrap_err();
/// assert_eq!(payload_text(&*payload), "broken");
/// ```
pub fn drop_caught<T>(value: T) -> Result<(), Box<dyn Any + Send>> {
    caught(|| drop(value))
}

/// Drops a payload that nobody wants. A payload whose own destructor panics is leaked at the second try,
/// since each panic makes a new one.
///
/// # Examples
///
/// ```
/// use executor_common::panic::{caught, discard};
///
/// struct Fragile;
/// impl Drop for Fragile {
///     fn drop(&mut self) {
///         panic!("broken");
///     }
/// }
///
/// let payload = caught(|| std::panic::panic_any(Fragile)).unwrap_err();
/// discard(payload); // and goes on
/// ```
pub fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = drop_caught(payload) {
        std::mem::forget(second);
    }
}

/// Runs foreign code (a hook, a waker, a destructor) whose panic ends here.
///
/// # Examples
///
/// ```
/// use executor_common::panic::contained;
///
/// contained(|| panic!("on my own account"));
/// let mut has_run = false;
/// contained(|| has_run = true);
/// assert!(has_run);
/// ```
pub fn contained(f: impl FnOnce()) {
    if let Err(payload) = caught(f) {
        discard(payload);
    }
}

/// Ends the process if a frame that must not unwind does.
///
/// For code during which a pointer into a frame is published: unwinding would leave it dangling.
///
/// # Examples
///
/// ```
/// use executor_common::panic::AbortOnUnwind;
///
/// let value = 6;
/// let guard = AbortOnUnwind::new();
/// // From here others have a pointer to `value`.
/// let product = value * 7;
/// // They have let go of it.
/// guard.disarm();
/// assert_eq!(product, 42);
/// ```
#[derive(Debug)]
pub struct AbortOnUnwind(());

impl AbortOnUnwind {
    /// Arms the guard.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::panic::AbortOnUnwind;
    ///
    /// let guard = AbortOnUnwind::new();
    /// let sum: u32 = (1..=3).sum(); // a panic would end the process
    /// guard.disarm();
    /// assert_eq!(sum, 6);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// Disarms the guard.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::panic::{AbortOnUnwind, caught};
    ///
    /// let guard = AbortOnUnwind::new();
    /// guard.disarm();
    /// assert!(caught(|| panic!("unwinds")).is_err());
    /// ```
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
