//! What an executor does while one of its workers blocks.

use std::cell::Cell;

/// How an executor makes up for a worker that blocks. Both are called on that worker's thread.
#[derive(Clone, Copy, Debug)]
pub struct Blocker {
    /// The worker is about to block. False if nothing could be done about it; `end` is not called then.
    pub begin: fn() -> bool,
    /// It goes on.
    pub end: fn(),
}

crate::sync::thread_local! {
    /// The one of the executor that the thread works for; `None` also while it blocks.
    static BLOCKER: Cell<Option<Blocker>> = const { Cell::new(None) };
}

/// Says what is to be done while the calling thread, a worker, blocks.
pub fn set_blocker(blocker: Option<Blocker>) {
    BLOCKER.with(|current| current.set(blocker));
}

/// Whether something is done while the calling thread blocks.
pub(crate) fn is_compensated() -> bool {
    BLOCKER.try_with(|current| current.get().is_some()).unwrap_or(false)
}

/// Marks a closure that blocks the thread: on input, a lock, or whatever the operating system makes it wait for.
///
/// On a worker of an executor that can make up for it (`smp-executor`), somebody else takes the worker's place meanwhile, so that queued
/// tasks go on. Anywhere else it is a call. Nested calls are one.
///
/// # Panics
///
/// With the closure's panic.
///
/// # Examples
///
/// ```
/// let text = executor_common::blocking(|| std::fs::read_to_string("Cargo.toml"));
/// assert!(text.is_ok());
/// ```
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    /// Ends it, also while unwinding.
    struct End(Blocker);

    impl Drop for End {
        fn drop(&mut self) {
            set_blocker(Some(self.0));
            (self.0.end)();
        }
    }

    let blocker = BLOCKER.try_with(Cell::take).ok().flatten();
    let Some(blocker) = blocker else { return f() };
    if !(blocker.begin)() {
        set_blocker(Some(blocker));
        return f();
    }
    let _end = End(blocker);
    f()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    std::thread_local! {
        static LOG: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }

    fn count(begin: u32, end: u32) {
        LOG.set((LOG.get().0 + begin, LOG.get().1 + end));
    }

    fn counting(can: bool) -> Blocker {
        let begin = || {
            count(1, 0);
            true
        };
        let cannot = || {
            count(1, 0);
            false
        };
        Blocker { begin: if can { begin } else { cannot }, end: || count(0, 1) }
    }

    #[test]
    fn nested_calls_are_one() {
        set_blocker(Some(counting(true)));
        assert_eq!(blocking(|| blocking(|| LOG.get())), (1, 0));
        assert_eq!(LOG.get(), (1, 1));
        blocking(|| ());
        assert_eq!(LOG.get(), (2, 2));
    }

    #[test]
    fn a_panic_ends_it() {
        set_blocker(Some(counting(true)));
        assert!(catch_unwind(|| blocking(|| panic!("expected"))).is_err());
        assert_eq!(LOG.get(), (1, 1));
    }

    #[test]
    fn without_a_substitute_nothing_ends() {
        set_blocker(Some(counting(false)));
        blocking(|| ());
        assert_eq!(LOG.get(), (1, 0));
        assert!(is_compensated());
    }
}
