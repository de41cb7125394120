//! What a queue holds.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::header::Header;
use super::hook::{PanicHook, with_hook};
use super::id::TaskId;
use super::raw::RawTask;
use super::running::count_in_place;

/// A queued task: one pointer, one reference.
///
/// Dropping it unrun cancels the task, so that its handle does not wait for ever.
///
/// # Examples
///
/// ```
/// use std::collections::VecDeque;
/// use executor_common::{DomainId, RunOutcome, closure_task};
///
/// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
/// let mut queue = VecDeque::from([task]);
/// while let Some(task) = queue.pop_front() {
///     if let RunOutcome::Yielded(again) = task.run() {
///         queue.push_back(again);
///     }
/// }
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
#[must_use = "dropping a Runnable cancels its task"]
pub struct Runnable(RawTask);

// SAFETY: a closure or future of a queued task is `Send` by the bounds of the constructors (`closure.rs`, `future.rs`),
// and so is its output; the cell's shared parts are atomics and fields that the state word guards.
unsafe impl Send for Runnable {}

/// What a worker learns about the task it has just run.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, RunOutcome, closure_task};
///
/// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
/// assert!(matches!(task.run(), RunOutcome::Finished));
///
/// let (task, aborted) = closure_task(DomainId::unique(), || 6 * 7);
/// aborted.abort();
/// assert!(matches!(task.run(), RunOutcome::Cancelled));
/// # drop(handle);
/// ```
#[must_use]
pub enum RunOutcome {
    /// It is done.
    Finished,
    /// It panicked. The payload is the handle's, or went to the `on_panic` hook where there is none.
    Panicked,
    /// A future that waits for something.
    Suspended,
    /// A future that was woken while it was polled, as `yield_now` does: queue it again, behind others.
    Yielded(Runnable),
    /// It had been aborted, or was dropped unrun.
    Cancelled,
    /// It had a deadline, which had passed before it was started: it was dropped unrun.
    Expired,
    /// A closure that somebody else ran before: a handle that waited for it.
    Stale,
    /// A future that somebody else has run since it was queued. It need not be done: what became of it is told where it was run
    /// ([`set_in_place_counter`](crate::set_in_place_counter)), or by another entry.
    StaleFuture,
}

impl Runnable {
    /// # Safety
    ///
    /// The caller hands over one reference; NOTIFIED is set, or the entry is allowed to be stale.
    pub(crate) unsafe fn from_raw_task(task: RawTask) -> Self {
        Self(task)
    }

    pub(super) fn as_raw_task(&self) -> RawTask {
        self.0
    }

    fn into_raw_task(self) -> RawTask {
        ManuallyDrop::new(self).0
    }

    /// Runs the closure, or polls the future once. A panic ends in the outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, RunOutcome, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || panic!("no disk"));
    /// assert!(matches!(task.run(), RunOutcome::Panicked));
    /// assert!(handle.join().unwrap_err().is_panic());
    /// ```
    pub fn run(self) -> RunOutcome {
        self.into_raw_task().run()
    }

    /// Runs the task for a handle that has claimed it. The queue's entry tells nothing about a future then, so that its turn is
    /// counted here.
    pub(crate) fn run_in_place(self) -> RunOutcome {
        let is_future = self.is_future();
        let outcome = self.run();
        if is_future {
            count_in_place(&outcome);
        }
        outcome
    }

    /// Cancels the task as a drop does, and says how that ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, RunOutcome, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
    /// assert!(matches!(task.cancel(), RunOutcome::Cancelled));
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    pub fn cancel(self) -> RunOutcome {
        self.into_raw_task().cancel_queued()
    }

    /// As [`Runnable::cancel`], on a thread that may be no worker: the panic of a destructor that no handle takes
    /// goes to `on_panic`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, mpsc};
    /// use executor_common::{DomainId, PanicHook, closure_task};
    ///
    /// struct Fragile;
    /// impl Drop for Fragile {
    ///     fn drop(&mut self) {
    ///         panic!("broken");
    ///     }
    /// }
    ///
    /// let (tell, told) = mpsc::channel();
    /// let on_panic: PanicHook = Arc::new(move |panic| tell.send(panic).unwrap());
    /// let fragile = Fragile;
    /// let (task, handle) = closure_task(DomainId::unique(), move || drop(fragile));
    /// drop(handle);
    /// drop(task.cancel_reporting(Some(&on_panic)));
    /// assert_eq!(told.recv().unwrap().message(), "broken");
    /// ```
    pub fn cancel_reporting(self, on_panic: Option<&PanicHook>) -> RunOutcome {
        with_hook(on_panic.cloned(), || self.cancel())
    }

    /// Whether the task is done, so that this entry will never run anything. Dropping it has no effect then.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, closure_task, enter_domain};
    ///
    /// let domain = DomainId::unique();
    /// enter_domain(domain, None);
    /// let (queued, handle) = closure_task(domain, || 6 * 7);
    /// assert!(!queued.is_void());
    /// assert_eq!(handle.join().unwrap(), 42); // in place
    /// assert!(queued.is_void());
    /// ```
    pub fn is_void(&self) -> bool {
        self.0.header().state.load().is_complete()
    }

    /// The task's id.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
    /// assert_eq!(task.id(), handle.id());
    /// # drop(task);
    /// ```
    pub fn id(&self) -> TaskId {
        self.0.header().id
    }

    /// Whether the task is a future, which may be suspended; otherwise it is a closure, which ends when it is run.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
    /// assert!(!task.is_future());
    /// # drop((task, handle));
    /// ```
    pub fn is_future(&self) -> bool {
        self.0.header().vtable.future.is_some()
    }

    /// What [`local_future_task`](super::local_future_task) was given; zero for other tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::sync::Arc;
    /// # use executor_common::{Runnable, Schedule, TaskRegistry};
    /// use executor_common::{DomainId, local_future_task};
    ///
    /// # struct Queue(TaskRegistry);
    /// # impl Schedule for Queue {
    /// #     fn schedule(&self, task: Runnable) { drop(task) }
    /// #     fn registry(&self) -> &TaskRegistry { &self.0 }
    /// # }
    /// # let queue = Arc::new(Queue(TaskRegistry::new(1)));
    /// // SAFETY: `queue` lives to the end of this function, which drops the task; no thread enters the domain.
    /// let (task, handle) = unsafe { local_future_task(DomainId::unique(), async { 42 }, &queue, 7) };
    /// assert_eq!(task.tag(), 7);
    /// # drop((task, handle));
    /// ```
    pub fn tag(&self) -> u32 {
        self.0.future_header().map_or(0, |future| future.tag)
    }

    /// Gives a future's task to its scheduler.
    pub(crate) fn schedule(self) {
        let Some(future) = self.0.header().vtable.future else {
            unreachable!("a closure is queued once, by its spawner");
        };
        // SAFETY: `self` is a live cell of the vtable's type.
        unsafe { (future.schedule)(self) }
    }

    /// The pointer, for a queue of pointers. The reference goes with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, Runnable, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
    /// let pointer = task.into_raw();
    /// // SAFETY: it comes from `into_raw`, and is not used again.
    /// drop(unsafe { Runnable::from_raw(pointer) }.run());
    /// assert_eq!(handle.join().unwrap(), 42);
    /// ```
    pub fn into_raw(self) -> NonNull<()> {
        self.into_raw_task().as_ptr().cast()
    }

    /// Back from [`Runnable::into_raw`].
    ///
    /// # Safety
    ///
    /// `pointer` comes from `into_raw`, and is turned back once.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, Runnable, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 6 * 7);
    /// let queue = vec![task.into_raw()];
    /// for pointer in queue {
    ///     // SAFETY: what is in the queue comes from `into_raw`, and is taken out of it once.
    ///     drop(unsafe { Runnable::from_raw(pointer) }.run());
    /// }
    /// assert_eq!(handle.join().unwrap(), 42);
    /// ```
    pub unsafe fn from_raw(pointer: NonNull<()>) -> Self {
        // SAFETY: by the caller's promise the pointer is that of a live cell, with its reference.
        Self(unsafe { RawTask::new(pointer.cast::<Header>()) })
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        let _ = self.0.cancel_queued();
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "Finished",
            Self::Panicked => "Panicked",
            Self::Suspended => "Suspended",
            Self::Yielded(_) => "Yielded",
            Self::Cancelled => "Cancelled",
            Self::Expired => "Expired",
            Self::Stale => "Stale",
            Self::StaleFuture => "StaleFuture",
        })
    }
}
