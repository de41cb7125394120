//! The way to a task's output.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::abort::AbortHandle;
use super::error::JoinError;
use super::id::TaskId;
use super::raw::RawTask;
use super::runnable::{RunOutcome, Runnable};
use super::running::{current_domain, is_in_domain, is_running_here, may_run_closures_of};
use crate::block_on::{block_on, block_on_until};
use crate::blocking::{blocking, is_blocking_dear};
use crate::panic::discard;
use crate::sync::{MODEL, hint, now};

/// How long a worker looks before it blocks. Making another thread work instead costs about as much.
const SPIN: Duration = Duration::from_micros(5);

/// After so many turns in place a future that yields goes back to its queue, where the executor can make up for a blocked worker: it may
/// wait for a task that is queued behind it.
const TURNS_IN_PLACE: u32 = 61;

/// About 200 ns between two looks.
const SPINS_PER_LOOK: u32 = 8;

/// Waits for a task and takes its output. Dropping it **detaches** the task, which runs on.
///
/// The handle is a future too, so that one task waits for another by `.await`, whichever executor that
/// runs on. When it reports completion, the closure or future has been dropped.
///
/// # Cancel safety
///
/// Polling the handle and dropping it loses nothing but the output. `join_timeout` hands the handle back.
///
/// # Examples
///
/// ```
/// # use executor_common::{DomainId, JoinHandle, block_on, closure_task};
/// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
/// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
/// #     std::thread::spawn(|| runnable.run());
/// #     handle
/// # }
/// let handle = spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
///
/// let handle = spawn(|| "awaited");
/// assert_eq!(block_on(handle).unwrap(), "awaited");
/// ```
pub struct JoinHandle<T> {
    task: RawTask,
    _output: PhantomData<T>,
}

// SAFETY: the handle moves a `T` out of the cell on whichever thread it is on, hence `T: Send`; the rest
// of the cell may be used from any thread.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: through a shared reference only the state word is reached, no `T`.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The caller hands over one reference, JOIN_INTEREST is set and no other handle exists; the task's
    /// output is a `T`.
    pub(super) unsafe fn from_raw_task(task: RawTask) -> Self {
        Self { task, _output: PhantomData }
    }

    /// Blocks the calling thread until the task is done, and returns its output.
    ///
    /// On a worker that may run the task, a task that waits in a queue runs in place, so that waiting for
    /// queued work does not need a free worker. While the task runs elsewhere, or is a future that waits for
    /// something, the worker looks for some microseconds whether it ends and then blocks as in
    /// [`blocking`](crate::blocking). If its executor does not compensate and the worker is the only one that could
    /// run what the task waits for, that is a deadlock. Between futures, `.await` the handle instead.
    ///
    /// # Errors
    ///
    /// The task panicked, was cancelled, has expired, or is the one that the calling thread runs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// assert_eq!(spawn(|| 6 * 7).join()?, 42);
    /// assert!(spawn(|| panic!("out of tea")).join().unwrap_err().is_panic());
    /// # Ok::<(), executor_common::JoinError>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        let mut this = match self.run_closure_in_place() {
            Ok(result) => return result,
            Err(this) => this,
        };
        this.run_in_place();
        match this.result_without_blocking(None) {
            Some(result) => result,
            None => blocking(|| block_on(this)),
        }
    }

    /// As [`JoinHandle::join`], for at most `timeout`.
    ///
    /// A task that runs in place is not interrupted when the time is up.
    ///
    /// # Errors
    ///
    /// The outer error is the handle itself: the task is not done yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// let (release, wait) = std::sync::mpsc::channel::<()>();
    /// let slow = spawn(move || wait.recv().is_err());
    /// let slow = slow.join_timeout(Duration::from_millis(1)).unwrap_err(); // not yet
    /// drop(release);
    /// assert!(slow.join()?);
    /// # Ok::<(), executor_common::JoinError>(())
    /// ```
    pub fn join_timeout(mut self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        self.run_in_place();
        let Some(deadline) = now().checked_add(timeout) else { return Ok(self.join()) };
        if let Some(result) = self.result_without_blocking(Some(deadline)) {
            return Ok(result);
        }
        match blocking(|| block_on_until(pin!(&mut self), deadline)) {
            Poll::Ready(result) => Ok(result),
            Poll::Pending => Err(self),
        }
    }

    /// Asks for cancellation; see [`AbortHandle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// handle.abort();
    /// drop(waits_in_a_queue.run()); // its turn comes, and it is dropped unrun
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    pub fn abort(&self) {
        self.task.abort();
    }

    /// A handle for cancellation that lives independently of this one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// let abort = handle.abort_handle(); // for who may end the task, but does not get its output
    /// abort.abort();
    /// # drop(waits_in_a_queue.run());
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.header().state.add_reference();
        AbortHandle::new(self.task)
    }

    /// Whether the task is done, cancelled included.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, closure_task};
    /// # let (waits_in_a_queue, handle) = closure_task(DomainId::unique(), || 42);
    /// assert!(!handle.is_finished());
    /// drop(waits_in_a_queue.run());
    /// assert!(handle.is_finished());
    /// ```
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_complete()
    }

    /// The task's id.
    ///
    /// # Examples
    ///
    /// ```
    /// # use executor_common::{DomainId, JoinHandle, closure_task};
    /// # fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    /// #     let (runnable, handle) = closure_task(DomainId::unique(), f);
    /// #     std::thread::spawn(|| runnable.run());
    /// #     handle
    /// # }
    /// let task = spawn(|| panic!("out of tea"));
    /// let id = task.id();
    /// assert_eq!(task.join().unwrap_err().task_id(), id);
    /// ```
    pub fn id(&self) -> TaskId {
        self.task.header().id
    }

    /// Runs a closure on this thread, for its result, if it waits in a queue of the thread's own domain. As
    /// [`run_in_place`](Self::run_in_place) and [`take_output`](Self::take_output), in fewer steps.
    fn run_closure_in_place(self) -> Result<Result<T, JoinError>, Self> {
        let header = self.task.header();
        let is_closure = header.vtable.future.is_none();
        if !is_closure || !may_run_closures_of(header.domain) || !header.state.claim() {
            return Err(self);
        }
        let mut this = ManuallyDrop::new(self);
        this.task.step_claimed();
        let output = this.take_output();
        this.task.leave_claimed();
        Ok(output)
    }

    /// Runs the task on this thread if it waits in a queue of the thread's own domain.
    fn run_in_place(&self) {
        // A future of this thread alone has nowhere else to go.
        let others_may = self.task.header().domain == current_domain();
        let mut next = self.claim();
        let mut turns = 0;
        while let Some(turn) = next {
            turns += 1;
            next = match turn.run_in_place() {
                RunOutcome::Yielded(again)
                    if turns == TURNS_IN_PLACE && others_may && is_blocking_dear() =>
                {
                    again.schedule();
                    None
                }
                RunOutcome::Yielded(again) => Some(again),
                _ => None,
            };
        }
    }

    /// The result, if the task has ended, or ends within some microseconds and before `deadline` on a thread that would
    /// have to be compensated for.
    fn result_without_blocking(
        &mut self,
        deadline: Option<Instant>,
    ) -> Option<Result<T, JoinError>> {
        if self.is_finished() {
            return Some(self.take_output());
        }
        if is_running_here(self.id()) {
            return Some(Err(JoinError::self_join(self.id())));
        }
        let ended = !MODEL && is_blocking_dear() && self.ends_soon(deadline);
        ended.then(|| self.take_output())
    }

    /// Looks for a while whether the task ends, at most until `deadline`. True if it has ended.
    fn ends_soon(&self, deadline: Option<Instant>) -> bool {
        let end = now() + SPIN;
        let end = deadline.map_or(end, |deadline| end.min(deadline));
        while now() < end {
            for _ in 0..SPINS_PER_LOOK {
                hint::spin_loop();
            }
            if self.is_finished() {
                return true;
            }
        }
        false
    }

    /// An entry for the task, if it waits in a queue of the thread's own domain.
    pub(crate) fn claim(&self) -> Option<Runnable> {
        let header = self.task.header();
        let may_run = match header.vtable.future {
            None => may_run_closures_of(header.domain),
            Some(_) => is_in_domain(header.domain),
        };
        if !may_run || !header.state.load().is_runnable() {
            return None;
        }
        header.state.add_reference();
        // SAFETY: the reference just made; where the queue's entry gets its turn first, this one is
        // stale, and the other way round.
        Some(unsafe { Runnable::from_raw_task(self.task) })
    }

    /// The output of a task that is complete.
    pub(crate) fn into_output(mut self) -> Result<T, JoinError> {
        assert!(self.is_finished(), "the task is complete");
        self.take_output()
    }

    /// Takes the output. The caller has seen COMPLETE, or has run the task and not completed it.
    fn take_output(&mut self) -> Result<T, JoinError> {
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        let out = output.as_mut_ptr().cast::<()>();
        // SAFETY: after COMPLETE the stage belongs to the handle, until then to the runner; `T` is the output type (invariant of
        // `from_raw_task`), so that `out` has room for what is written.
        unsafe { (self.task.header().vtable.take_output)(self.task.as_ptr(), out) };
        // SAFETY: `take_output` has written it.
        unsafe { output.assume_init() }
    }

    /// Sees to it that `waker` is woken at completion. False if the task is complete already.
    pub(crate) fn register(&mut self, waker: &Waker) -> bool {
        let state = &self.task.header().state;
        if state.load().has_join_waker() {
            let same = self.task.header().join_waker.with(|current| {
                // SAFETY: while JOIN_WAKER is set nobody writes the field, and the only one who could
                // clear it before completion is this handle.
                let current = unsafe { &*current };
                current.as_ref().is_some_and(|current| current.will_wake(waker))
            });
            if same {
                return !state.load().is_complete();
            }
        }
        // A waker is foreign code. If this unwinds, the field is still what JOIN_WAKER says: the old waker, or none.
        let waker = waker.clone();
        if state.load().has_join_waker() && state.take_back_join_waker().is_err() {
            return false;
        }
        // JOIN_WAKER is clear: the field is the handle's.
        self.task.replace_join_waker(Some(waker));
        if state.publish_join_waker().is_err() {
            self.task.drop_join_waker();
            return false;
        }
        true
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.task.header().state.load().is_complete() {
            return Poll::Ready(self.take_output());
        }
        if is_running_here(self.id()) {
            return Poll::Ready(Err(JoinError::self_join(self.id())));
        }
        if self.register(context.waker()) { Poll::Pending } else { Poll::Ready(self.take_output()) }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let state = &self.task.header().state;
        if state.detach_unstarted() {
            return;
        }
        let left = state.drop_join_interest();
        if left.drop_waker {
            self.task.drop_join_waker();
        }
        let thrown = if left.drop_output { self.task.drop_output() } else { None };
        self.task.release();
        match thrown {
            // The output's destructor ran on this thread, so its panic is this thread's.
            Some(payload) if !std::thread::panicking() => resume_unwind(payload),
            Some(payload) => discard(payload),
            None => {}
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.task).finish()
    }
}
