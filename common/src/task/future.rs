//! A task made from a future.
//!
//! # When a task is registered
//!
//! A suspended future is known to nobody but its wakers. Before it is suspended for the first time it therefore takes two
//! things: a place in its scheduler's registry, where a shutdown finds it, and a share of the scheduler, which its wakers
//! call. It keeps the place until it is done and the share until its cell is freed. A future that is ready at its first
//! poll, or yields and is ready then, takes neither: whoever has its `Runnable` finds it, and keeps the scheduler alive.
//!
//! Both are taken before the transition that gives RUNNING up. A wake-up or an abort that comes later meets a registered
//! task; one that comes earlier leaves a mark, and the task is not suspended. Only a suspended task calls its scheduler.
//! If the registry has been closed by then, the task is cancelled where it would have been suspended.

use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Instant;

use super::cell::{Stage, StageCell, TaskCell, cancel, cell, drop_output, finish_work, free};
use super::cell::{expire_if_late, header, take_output, task, with_stage};
use super::deadline::{Deadline, Never, StartBefore, Timed};
use super::error::Failure;
use super::header::{FutureHeader, FutureVtable, Header, Stepped, Vtable};
use super::id::{DomainId, TaskId};
use super::join::JoinHandle;
use super::raw::RawTask;
use super::registry::{Links, TaskRegistry};
use super::runnable::Runnable;
use super::span::Kind;
use super::waker::BorrowedWaker;
use crate::panic::caught;
use crate::sync::{Arc, UnsafeCell};

/// Where a woken future goes.
///
/// # Examples
///
/// ```
/// use std::collections::VecDeque;
/// use executor_common::sync::{Arc, Mutex};
/// use executor_common::{
///     CancellationToken, DomainId, RunOutcome, Runnable, Schedule, TaskRegistry, future_task,
/// };
///
/// struct Queue {
///     ready: Mutex<VecDeque<Runnable>>,
///     registry: TaskRegistry,
/// }
///
/// impl Schedule for Queue {
///     fn schedule(&self, task: Runnable) {
///         self.ready.lock().push_back(task);
///     }
///     fn registry(&self) -> &TaskRegistry {
///         &self.registry
///     }
/// }
///
/// let queue = Arc::new(Queue { ready: Mutex::default(), registry: TaskRegistry::new(1) });
/// let token = CancellationToken::new();
/// // SAFETY: `queue` lives to the end of this function, which runs the task; no thread enters the domain.
/// let (task, handle) = unsafe { future_task(DomainId::unique(), token.cancelled(), &queue) };
/// assert!(matches!(task.run(), RunOutcome::Suspended));
/// token.cancel(); // wakes the task
/// let woken = queue.ready.lock().pop_front().unwrap();
/// assert!(matches!(woken.run(), RunOutcome::Finished));
/// # handle.join().unwrap();
/// ```
pub trait Schedule: Send + Sync + 'static {
    /// Queues the task. Called from any thread, also after the executor's end; a scheduler that runs
    /// nothing any more drops `task`, which cancels it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use executor_common::{DomainId, Runnable, Schedule, TaskRegistry, closure_task};
    ///
    /// struct Queue(mpsc::Sender<Runnable>, TaskRegistry);
    ///
    /// impl Schedule for Queue {
    ///     fn schedule(&self, task: Runnable) {
    ///         let _ = self.0.send(task); // comes back where nobody receives, and is dropped
    ///     }
    ///     # fn registry(&self) -> &TaskRegistry { &self.1 }
    /// }
    ///
    /// let (ready, tasks) = mpsc::channel();
    /// let queue = Queue(ready, TaskRegistry::new(1));
    /// let (task, handle) = closure_task(DomainId::unique(), || 42);
    /// drop(tasks);
    /// queue.schedule(task);
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    fn schedule(&self, task: Runnable);

    /// Where the scheduler's futures are registered.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{Runnable, Schedule, TaskRegistry};
    ///
    /// /// Of an executor that has ended.
    /// struct Ended(TaskRegistry);
    ///
    /// impl Schedule for Ended {
    ///     fn schedule(&self, task: Runnable) {
    ///         drop(task);
    ///     }
    ///     fn registry(&self) -> &TaskRegistry {
    ///         &self.0
    ///     }
    /// }
    ///
    /// assert!(Ended(TaskRegistry::new(1)).registry().is_empty());
    /// ```
    fn registry(&self) -> &TaskRegistry;
}

/// A future's cell.
#[repr(C)]
struct FutureCell<F: Future, S, D> {
    head: FutureHeader,
    /// From `Arc::as_ptr`. Alive while somebody runs the task (promise of [`future_task`]'s caller), and from
    /// registration on, since the cell has a share then.
    scheduler: NonNull<S>,
    stage: StageCell<Timed<F, D>, F::Output>,
}

/// Makes a task from a future: at most one allocation.
///
/// When the task is about to be suspended for the first time it enters the scheduler's registry; if that has been closed,
/// the task is cancelled instead.
///
/// # Safety
///
/// Whoever runs the task keeps an `Arc` of `scheduler` alive meanwhile: each caller of [`Runnable::run`] until that
/// returns, and each thread that has entered `domain` until it leaves it, since it may run the task from
/// [`JoinHandle::join`]. After the first [`RunOutcome::Suspended`](super::RunOutcome::Suspended) the task sees to it itself.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use executor_common::sync::Arc;
/// use executor_common::{DomainId, Runnable, Schedule, TaskRegistry, future_task};
///
/// /// Runs its tasks on whichever thread receives them.
/// struct Queue {
///     ready: mpsc::Sender<Runnable>,
///     registry: TaskRegistry,
/// }
///
/// impl Schedule for Queue {
///     fn schedule(&self, task: Runnable) {
///         // Where nobody receives any more, the task comes back in the error and is cancelled.
///         let _ = self.ready.send(task);
///     }
///     fn registry(&self) -> &TaskRegistry {
///         &self.registry
///     }
/// }
///
/// let (ready, tasks) = mpsc::channel();
/// let queue = Arc::new(Queue { ready, registry: TaskRegistry::new(1) });
/// // SAFETY: `queue` lives to the end of this function, which runs the task; no thread enters the domain.
/// let (runnable, handle) = unsafe { future_task(DomainId::unique(), async { 6 * 7 }, &queue) };
/// queue.schedule(runnable);
/// tasks.recv().unwrap().run();
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
pub unsafe fn future_task<F, S>(
    domain: DomainId,
    future: F,
    scheduler: &Arc<S>,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    // SAFETY: what the bounds say goes beyond what is asked for here, and the rest is the caller's promise.
    unsafe { local_future_task(domain, future, scheduler, 0) }
}

/// As [`future_task`], for a future that need not be `Send`. The scheduler finds `tag` at each
/// [`Runnable`] of the task.
///
/// # Safety
///
/// As for [`future_task`]. Besides, unless the future and its output are `Send`, all `Runnable`s of the task are run,
/// cancelled or dropped on the calling thread: no other thread is in `domain`, and the scheduler, its end included,
/// gives them to nobody else.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
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
/// let shared = Rc::new(42);
/// let future = async move { shared };
/// // SAFETY: `queue` lives to the end of this function, which runs the task on this thread; no thread enters the domain.
/// let (task, handle) = unsafe { local_future_task(DomainId::unique(), future, &queue, 0) };
/// drop(task.run());
/// assert_eq!(*handle.join().unwrap(), 42);
/// ```
pub unsafe fn local_future_task<F, S>(
    domain: DomainId,
    future: F,
    scheduler: &Arc<S>,
    tag: u32,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
    S: Schedule,
{
    // SAFETY: the caller's promise is passed on.
    unsafe { timed_future_task(domain, future, Never, scheduler, tag) }
}

/// As [`local_future_task`], for a future that is not polled for the first time at `deadline` or later. When that turn comes
/// too late, the future is dropped, its handle reports [`JoinError::is_expired`](super::JoinError::is_expired), and the run
/// ends with [`RunOutcome::Expired`](super::RunOutcome::Expired). A future that has been polled once never expires.
///
/// # Safety
///
/// As for [`local_future_task`].
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// # use executor_common::sync::Arc;
/// # use executor_common::{Runnable, Schedule, TaskRegistry};
/// use executor_common::{DomainId, RunOutcome, expiring_future_task};
///
/// # struct Queue(TaskRegistry);
/// # impl Schedule for Queue {
/// #     fn schedule(&self, task: Runnable) { drop(task) }
/// #     fn registry(&self) -> &TaskRegistry { &self.0 }
/// # }
/// # let queue = Arc::new(Queue(TaskRegistry::new(1)));
/// let (domain, future) = (DomainId::unique(), async { 42 });
/// // SAFETY: `queue` lives to the end of this function, which runs the task; no thread enters the domain.
/// let (task, handle) = unsafe { expiring_future_task(domain, Instant::now(), future, &queue, 0) };
/// assert!(matches!(task.run(), RunOutcome::Expired));
/// assert!(handle.join().unwrap_err().is_expired());
/// ```
pub unsafe fn expiring_future_task<F, S>(
    domain: DomainId,
    deadline: Instant,
    future: F,
    scheduler: &Arc<S>,
    tag: u32,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
    S: Schedule,
{
    let deadline = StartBefore::new(deadline);
    // SAFETY: the caller's promise is passed on.
    unsafe { timed_future_task(domain, future, deadline, scheduler, tag) }
}

/// # Safety
///
/// As for [`local_future_task`].
#[inline]
unsafe fn timed_future_task<F, S, D>(
    domain: DomainId,
    work: F,
    deadline: D,
    scheduler: &Arc<S>,
    tag: u32,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
    S: Schedule,
    D: Deadline + 'static,
{
    let scheduler = Arc::as_ptr(scheduler).cast_mut();
    // SAFETY: an `Arc` has an address.
    let scheduler = unsafe { NonNull::new_unchecked(scheduler) };
    let (header, span) = header::<F>(const { &future_vtable::<F, S, D>() }, domain, Kind::Future);
    task(FutureCell {
        head: FutureHeader {
            header,
            tag,
            links: UnsafeCell::new(Links::new()),
            registered: UnsafeCell::new(false),
        },
        scheduler,
        stage: UnsafeCell::new(Stage::Work(Timed { work, deadline, span })),
    })
}

const fn future_vtable<F, S, D>() -> Vtable
where
    F: Future + 'static,
    F::Output: 'static,
    S: Schedule,
    D: Deadline + 'static,
{
    Vtable {
        run_alone: None,
        expires: D::EXPIRES,
        step: step_future::<F, S, D>,
        cancel: cancel::<FutureCell<F, S, D>>,
        take_output: take_output::<FutureCell<F, S, D>>,
        drop_output: drop_output::<FutureCell<F, S, D>>,
        free: free_future::<F, S, D>,
        future: Some(
            const {
                &FutureVtable {
                    schedule: schedule::<F, S, D>,
                    register: register::<F, S, D>,
                    unregister: unregister::<F, S, D>,
                }
            },
        ),
    }
}

// SAFETY: `repr(C)` with a future's header first, which starts with a header.
unsafe impl<F: Future, S, D> TaskCell for FutureCell<F, S, D> {
    type Work = Timed<F, D>;
    type Output = F::Output;

    fn id(&self) -> TaskId {
        self.head.header.id
    }

    fn stage(&self) -> &StageCell<Timed<F, D>, F::Output> {
        &self.stage
    }
}

unsafe fn step_future<F, S, D>(task: NonNull<Header>) -> Stepped
where
    F: Future,
    D: Deadline,
{
    // SAFETY: the vtable belongs to this type of cell; the runner holds a reference.
    let cell = unsafe { cell::<FutureCell<F, S, D>>(task) };
    // SAFETY: the caller owns the stage.
    if let Some(expired) = unsafe { expire_if_late(cell) } {
        return expired;
    }
    // SAFETY: the runner keeps its reference until this poll has returned.
    let waker = unsafe { BorrowedWaker::new(task) };
    let poll = |stage: &mut Stage<Timed<F, D>, F::Output>| {
        let Stage::Work(Timed { work: future, span, .. }) = stage else {
            unreachable!("a finished future is not polled")
        };
        // SAFETY: the future stays where it is, in its cell on the heap, until it is dropped there.
        let future = unsafe { Pin::new_unchecked(future) };
        caught(|| span.in_scope(|| future.poll(&mut Context::from_waker(&waker))))
    };
    // SAFETY: the caller owns the stage.
    let output = match unsafe { with_stage(cell, poll) } {
        Ok(Poll::Pending) => return Stepped::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => Err(Failure::panic(cell.id(), payload)),
    };
    // SAFETY: the caller owns the stage.
    let panicked = unsafe { finish_work(cell, output) };
    if panicked { Stepped::Panicked } else { Stepped::Finished }
}

unsafe fn free_future<F: Future, S, D>(task: NonNull<Header>) {
    // SAFETY: the vtable belongs to this type of cell, which is freed below.
    let cell = unsafe { cell::<FutureCell<F, S, D>>(task) };
    let scheduler = cell.scheduler;
    // SAFETY: nobody else is left.
    let registered = unsafe { cell.head.is_registered() };
    // SAFETY: the caller's promises are passed on.
    unsafe { free::<FutureCell<F, S, D>>(task) };
    if registered {
        // SAFETY: the cell's share, taken in `register`; the pointer is that of an `Arc`.
        unsafe { Arc::decrement_strong_count(scheduler.as_ptr()) };
    }
}

unsafe fn schedule<F: Future, S: Schedule, D>(task: Runnable) {
    let raw = task.as_raw_task();
    // The cell's share keeps the scheduler alive, and the entry may be run and the cell freed before
    // `schedule` returns; a reference of our own keeps the cell.
    raw.header().state.add_reference();
    // SAFETY: the vtable belongs to this type of cell; the reference lives to the end of this function.
    let cell = unsafe { cell::<FutureCell<F, S, D>>(raw.as_ptr()) };
    // SAFETY: the task has been suspended, so that it is registered and has a share; or who has just run it hands it back,
    // and keeps the scheduler alive by the promise of `future_task`.
    let scheduler = unsafe { cell.scheduler.as_ref() };
    scheduler.schedule(task);
    raw.release();
}

unsafe fn register<F: Future, S: Schedule, D>(task: NonNull<Header>) -> bool {
    // SAFETY: the vtable belongs to this type of cell; the caller holds a reference.
    let cell = unsafe { cell::<FutureCell<F, S, D>>(task) };
    // SAFETY: the caller runs the task, and by the promise of `future_task` it keeps the scheduler alive.
    let scheduler = unsafe { cell.scheduler.as_ref() };
    // SAFETY: the cell is live.
    if !scheduler.registry().insert(unsafe { RawTask::new(task) }) {
        return false;
    }
    // SAFETY: the pointer is that of an `Arc`, which is alive as above.
    unsafe { Arc::increment_strong_count(cell.scheduler.as_ptr()) };
    cell.head.registered.with_mut(|registered| {
        // SAFETY: the field is the runner's, and the caller is that.
        unsafe { *registered = true }
    });
    true
}

unsafe fn unregister<F: Future, S: Schedule, D>(task: NonNull<Header>) -> bool {
    // SAFETY: the vtable belongs to this type of cell; the caller holds a reference.
    let cell = unsafe { cell::<FutureCell<F, S, D>>(task) };
    // SAFETY: the task is registered and has a share.
    let scheduler = unsafe { cell.scheduler.as_ref() };
    // SAFETY: the cell is live.
    scheduler.registry().remove(unsafe { RawTask::new(task) })
}
