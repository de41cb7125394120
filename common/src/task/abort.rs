//! Cancellation from outside.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::id::TaskId;
use super::raw::RawTask;

/// Asks for a task's cancellation; cloneable, independent of the [`JoinHandle`](super::JoinHandle).
///
/// A task that has not started never runs: its closure or future is dropped by the executor when its turn
/// comes, and the handle reports cancellation. A future that has started stops at its next await point.
/// A closure that runs is not interrupted, and its output is delivered.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, closure_task};
///
/// let (runnable, handle) = closure_task(DomainId::unique(), || unreachable!());
/// let abort = handle.abort_handle();
/// abort.abort();
/// runnable.run();
/// assert!(abort.is_finished());
/// assert!(handle.join().unwrap_err().is_cancelled());
/// ```
#[must_use = "an AbortHandle that is not used can be left out"]
pub struct AbortHandle {
    task: RawTask,
}

// SAFETY: the handle reads and changes the state word, and can end up freeing the cell or scheduling the
// task; work and output are `Send` by the bounds of the constructors (`closure.rs`, `future.rs`).
unsafe impl Send for AbortHandle {}
// SAFETY: as for `Send`; all methods through a shared reference work on the atomic state word.
unsafe impl Sync for AbortHandle {}
impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// Takes over one reference.
    pub(super) fn new(task: RawTask) -> Self {
        Self { task }
    }

    /// Asks for cancellation. Does nothing to a task that is done.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// let abort = handle.abort_handle();
    /// abort.abort();
    /// drop(waits_in_a_queue.run());
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Whether the task is done, cancelled included.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// let abort = handle.abort_handle();
    /// drop(waits_in_a_queue.run());
    /// assert!(abort.is_finished());
    /// ```
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_complete()
    }

    /// The task's id.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// assert_eq!(handle.abort_handle().id(), handle.id());
    /// # drop(waits_in_a_queue.run());
    /// ```
    pub fn id(&self) -> TaskId {
        self.task.header().id
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.task.header().state.add_reference();
        Self { task: self.task }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        self.task.release();
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortHandle").field(&self.task).finish()
    }
}
