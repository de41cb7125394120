//! Closures that block their thread, and what an executor does about it.

use std::cell::Cell;
use std::fmt;

crate::sync::thread_local! {
    /// What the executor that the calling thread works for does about it.
    static BLOCKER: Cell<Option<Blocker>> = const { Cell::new(None) };
    /// The thread is within `blocking`.
    static IS_BLOCKING: Cell<bool> = const { Cell::new(false) };
}

/// What an executor does when one of its workers is about to block, such as letting another thread work instead.
///
/// Both functions are called on the worker's own thread, where they find its executor in a thread-local of theirs.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use executor_common::{Blocker, blocking, set_blocker};
///
/// thread_local! {
///     static STAND_INS: Cell<u32> = const { Cell::new(0) };
/// }
///
/// let begin = || {
///     STAND_INS.set(STAND_INS.get() + 1);
///     true
/// };
/// let end = || STAND_INS.set(STAND_INS.get() - 1);
/// set_blocker(Some(Blocker { begin, end }));
/// blocking(|| assert_eq!(STAND_INS.get(), 1));
/// assert_eq!(STAND_INS.get(), 0);
/// # set_blocker(None);
/// ```
#[derive(Clone, Copy)]
pub struct Blocker {
    /// The worker is about to block. True if `end` is to be called after it.
    pub begin: fn() -> bool,
    /// The worker goes on; also while it unwinds.
    pub end: fn(),
}

impl fmt::Debug for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocker").finish_non_exhaustive()
    }
}

/// Installs what [`blocking`] calls on the calling thread, which is a worker. A worker says so before its first task, and
/// installs `None` after its last.
///
/// # Examples
///
/// ```
/// use executor_common::{Blocker, blocking, set_blocker};
///
/// fn nobody_stands_in() -> bool {
///     false // so that there is nothing to end
/// }
///
/// set_blocker(Some(Blocker { begin: nobody_stands_in, end: || unreachable!() }));
/// assert_eq!(blocking(|| 42), 42);
/// set_blocker(None);
/// ```
pub fn set_blocker(blocker: Option<Blocker>) {
    BLOCKER.with(|current| current.set(blocker));
}

/// Whether blocking the calling thread would cost its executor something that it has not paid yet.
pub(crate) fn is_blocking_dear() -> bool {
    let has_blocker = BLOCKER.try_with(Cell::get).is_ok_and(|blocker| blocker.is_some());
    has_blocker && !IS_BLOCKING.try_with(Cell::get).unwrap_or(true)
}

/// Ends the outermost `blocking`, also while unwinding.
struct Outermost {
    end: Option<fn()>,
}

impl Drop for Outermost {
    fn drop(&mut self) {
        let _ = IS_BLOCKING.try_with(|is_blocking| is_blocking.set(false));
        if let Some(end) = self.end {
            end();
        }
    }
}

/// Runs a closure that blocks the thread: that waits for a lock, for a file, for another process.
///
/// On an executor's worker the executor keeps its parallelism meanwhile, as far as it can. Anywhere else, and within
/// another `blocking`, this is a plain call. [`JoinHandle::join`](crate::JoinHandle::join) does it by itself.
///
/// # Panics
///
/// If `f` does.
///
/// # Examples
///
/// ```
/// # let mut child = std::process::Command::new("true").spawn()?;
/// let status = executor_common::blocking(|| child.wait())?;
/// assert!(status.success());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let blocker = BLOCKER.try_with(Cell::get).ok().flatten();
    let Some(Blocker { begin, end }) = blocker else { return f() };
    if IS_BLOCKING.try_with(|is_blocking| is_blocking.replace(true)).unwrap_or(true) {
        return f();
    }
    let mut outermost = Outermost { end: None };
    if begin() {
        outermost.end = Some(end);
    }
    f()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    thread_local! {
        static CALLS: RefCell<String> = const { RefCell::new(String::new()) };
    }

    fn note(what: &str) {
        CALLS.with_borrow_mut(|calls| calls.push_str(what));
    }

    /// Runs `f` on a thread with this blocker, and returns what was called.
    fn calls(blocker: Option<Blocker>, f: impl FnOnce() + Send) -> String {
        let f = || {
            set_blocker(blocker);
            f();
            CALLS.take()
        };
        thread::scope(|scope| scope.spawn(f).join().unwrap())
    }

    const BLOCKER: Blocker = Blocker {
        begin: || {
            note("begin ");
            true
        },
        end: || note("end "),
    };

    #[test]
    fn begin_comes_before_and_end_after() {
        let calls = calls(Some(BLOCKER), || {
            assert!(is_blocking_dear());
            let seven = blocking(|| {
                assert!(!is_blocking_dear());
                note("inside ");
                7
            });
            assert_eq!(seven, 7);
            assert!(is_blocking_dear());
            blocking(|| note("again "));
        });
        assert_eq!(calls, "begin inside end begin again end ");
    }

    #[test]
    fn only_the_outermost_counts() {
        let calls = calls(Some(BLOCKER), || {
            blocking(|| {
                blocking(|| note("inner "));
                note("outer ");
            });
        });
        assert_eq!(calls, "begin inner outer end ");
    }

    #[test]
    fn end_comes_while_unwinding_too() {
        let calls = calls(Some(BLOCKER), || {
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                blocking(|| blocking(|| std::panic::resume_unwind(Box::new(()))))
            }));
            assert!(unwound.is_err());
            blocking(|| note("again "));
        });
        assert_eq!(calls, "begin end begin again end ");
    }

    #[test]
    fn there_is_no_end_without_a_beginning() {
        let refusing = Blocker {
            begin: || {
                note("refused ");
                false
            },
            ..BLOCKER
        };
        let refused = calls(Some(refusing), || {
            blocking(|| blocking(|| note("inside ")));
            blocking(|| note("again "));
        });
        assert_eq!(refused, "refused inside refused again ");
        let none = calls(None, || {
            assert!(!is_blocking_dear());
            blocking(|| note("inside "));
        });
        assert_eq!(none, "inside ");
    }
}
