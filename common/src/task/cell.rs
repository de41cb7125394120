//! The allocation: header, stage and, for a future, its scheduler. Everything that knows the task's type.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::error::{Failure, JoinError};
use super::header::{FutureHeader, FutureVtable, Header, Stepped, Vtable};
use super::id::{DomainId, TaskId};
use super::join::JoinHandle;
use super::raw::RawTask;
use super::recycle;
use super::registry::{Links, TaskRegistry};
use super::runnable::Runnable;
use super::state::State;
use super::waker::BorrowedWaker;
use crate::panic::{caught, contained, drop_caught};
use crate::sync::{Arc, UnsafeCell};

/// Where a woken future goes.
pub trait Schedule: Send + Sync + 'static {
    /// Queues the task. Called from any thread, also after the executor's end; a scheduler that runs
    /// nothing any more drops `task`, which cancels it.
    fn schedule(&self, task: Runnable);

    /// Where the scheduler's futures are registered.
    fn registry(&self) -> &TaskRegistry;
}

impl<S: Schedule> Schedule for Arc<S> {
    fn schedule(&self, task: Runnable) {
        (**self).schedule(task);
    }

    fn registry(&self) -> &TaskRegistry {
        (**self).registry()
    }
}

/// Work, then its output, then nothing.
enum Stage<W, T> {
    Work(W),
    Output(Result<T, Failure>),
    Gone,
}

type StageCell<W, T> = UnsafeCell<Stage<W, T>>;

/// A closure's cell: no scheduler, no links; it is queued once.
#[repr(C)]
struct ClosureCell<F, T> {
    header: Header,
    stage: StageCell<F, T>,
}

/// A future's cell.
#[repr(C)]
struct FutureCell<F: Future, S> {
    head: FutureHeader,
    scheduler: S,
    stage: StageCell<F, F::Output>,
}

fn header(vtable: &'static Vtable, domain: DomainId) -> Header {
    Header {
        state: State::queued_with_handle(),
        vtable,
        id: TaskId::next(),
        domain,
        join_waker: UnsafeCell::new(None),
    }
}

/// Makes a task from a closure: one allocation.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, closure_task};
///
/// let (runnable, handle) = closure_task(DomainId::unique(), || 6 * 7);
/// runnable.run();
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
pub fn closure_task<F, T>(domain: DomainId, f: F) -> (Runnable, JoinHandle<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: the bounds say that what the closure captures lives as long as anybody could want.
    unsafe { scoped_closure_task(domain, f) }
}

/// As [`closure_task`], for a closure that borrows.
///
/// # Safety
///
/// What `F` and `T` borrow stays alive and borrowed until the handle has reported completion, or until both
/// the `Runnable` and the handle are gone.
pub unsafe fn scoped_closure_task<F, T>(domain: DomainId, f: F) -> (Runnable, JoinHandle<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let raw = erase(place(ClosureCell::<F, T> {
        header: header(const { &closure_vtable::<F, T>() }, domain),
        stage: UnsafeCell::new(Stage::Work(f)),
    }));
    // SAFETY: of the two references that the state starts with, this is the first.
    let runnable = unsafe { Runnable::from_raw_task(raw) };
    // SAFETY: this is the second, and `T` is the output type of the cell.
    let handle = unsafe { JoinHandle::from_raw_task(raw) };
    (runnable, handle)
}

/// Takes the closure back out of a task that was never queued.
///
/// # Safety
///
/// `runnable` and `handle` come from one call of [`closure_task`] with this very `F`, and nothing else
/// has been done with either.
pub unsafe fn reclaim_closure<F, T>(runnable: Runnable, handle: JoinHandle<T>) -> F {
    let cell = runnable.into_raw().cast::<ClosureCell<F, T>>();
    mem::forget(handle);
    // SAFETY: the two came as a pair, so that no third reference exists; `F` and `T` are the cell's
    // types by the caller's promise. What is read is not used in its old place any more.
    let moved = unsafe { cell.read() };
    // SAFETY: `place` made it of this type; the value has been moved out.
    unsafe { recycle::deallocate(cell) };
    match moved.stage.into_inner() {
        Stage::Work(f) => f,
        Stage::Output(_) | Stage::Gone => unreachable!("the task was never queued"),
    }
}

/// Makes a task from a future: one allocation. The task enters the scheduler's registry; if that has
/// been closed, the task is cancelled, which shows as soon as its `Runnable` runs or is dropped.
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
/// let (runnable, handle) = future_task(DomainId::unique(), async { 6 * 7 }, Arc::clone(&queue));
/// queue.schedule(runnable);
/// tasks.recv().unwrap().run();
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
pub fn future_task<F, S>(
    domain: DomainId,
    future: F,
    scheduler: S,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let cell = place(FutureCell {
        head: FutureHeader {
            header: header(const { &future_vtable::<F, S>() }, domain),
            links: UnsafeCell::new(Links::new()),
        },
        scheduler,
        stage: UnsafeCell::new(Stage::Work(future)),
    });
    let raw = erase(cell);
    // SAFETY: shared borrow of a field that is never written again; `raw` is alive.
    let scheduler: &S = unsafe { &(*cell.as_ptr()).scheduler };
    if !scheduler.registry().insert(raw) {
        raw.abort();
    }
    // SAFETY: of the two references that the state starts with, this is the first.
    let runnable = unsafe { Runnable::from_raw_task(raw) };
    // SAFETY: this is the second, and `F::Output` is the output type of the cell.
    let handle = unsafe { JoinHandle::from_raw_task(raw) };
    (runnable, handle)
}

/// Puts a cell on the heap.
fn place<C>(cell: C) -> NonNull<C> {
    let memory = recycle::allocate::<C>();
    // SAFETY: memory for a `C` that is nobody else's.
    unsafe { memory.write(cell) };
    memory
}

fn erase<C>(cell: NonNull<C>) -> RawTask {
    // SAFETY: `C` is one of the cells above, which start with a `Header` (`repr(C)`); `place` has made it,
    // with provenance over the whole cell.
    unsafe { RawTask::new(cell.cast::<Header>()) }
}

const fn closure_vtable<F, T>() -> Vtable
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    Vtable {
        step: step_closure::<F, T>,
        cancel: cancel::<ClosureCell<F, T>>,
        take_output: take_output::<ClosureCell<F, T>>,
        drop_output: drop_output::<ClosureCell<F, T>>,
        free: free::<ClosureCell<F, T>>,
        future: None,
    }
}

const fn future_vtable<F, S>() -> Vtable
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    Vtable {
        step: step_future::<F, S>,
        cancel: cancel::<FutureCell<F, S>>,
        take_output: take_output::<FutureCell<F, S>>,
        drop_output: drop_output::<FutureCell<F, S>>,
        free: free::<FutureCell<F, S>>,
        future: Some(
            const { &FutureVtable { schedule: schedule::<F, S>, unregister: unregister::<F, S> } },
        ),
    }
}

/// What the functions below need to know of a cell.
trait TaskCell {
    type Work;
    type Output;

    fn id(&self) -> TaskId;
    fn stage(&self) -> &StageCell<Self::Work, Self::Output>;
}

impl<F, T> TaskCell for ClosureCell<F, T> {
    type Work = F;
    type Output = T;

    fn id(&self) -> TaskId {
        self.header.id
    }

    fn stage(&self) -> &StageCell<F, T> {
        &self.stage
    }
}

impl<F: Future, S> TaskCell for FutureCell<F, S> {
    type Work = F;
    type Output = F::Output;

    fn id(&self) -> TaskId {
        self.head.header.id
    }

    fn stage(&self) -> &StageCell<F, F::Output> {
        &self.stage
    }
}

/// # Safety
///
/// `task` is the address of a live cell of type `C`, for as long as `'a`.
unsafe fn cell<'a, C>(task: NonNull<Header>) -> &'a C {
    // SAFETY: by the caller's promise. Shared borrow: what changes in a cell is in cells.
    unsafe { task.cast::<C>().as_ref() }
}

/// Changes the stage.
///
/// # Safety
///
/// The caller owns the stage (field rules of `crate::task`).
unsafe fn with_stage<C: TaskCell, R>(
    cell: &C,
    f: impl FnOnce(&mut Stage<C::Work, C::Output>) -> R,
) -> R {
    cell.stage().with_mut(|stage| {
        // SAFETY: the owner of the stage is alone with it, and it is always initialised.
        f(unsafe { &mut *stage })
    })
}

unsafe fn step_closure<F, T>(task: NonNull<Header>) -> Stepped
where
    F: FnOnce() -> T,
{
    // SAFETY: the vtable belongs to this type of cell; the runner holds a reference.
    let cell = unsafe { cell::<ClosureCell<F, T>>(task) };
    // SAFETY: the caller owns the stage.
    let taken = unsafe { with_stage(cell, |stage| mem::replace(stage, Stage::Gone)) };
    let Stage::Work(f) = taken else { unreachable!("a closure runs once") };
    let output = caught(f).map_err(|payload| Failure::panic(cell.id(), payload));
    let panicked = output.is_err();
    // SAFETY: the caller owns the stage.
    unsafe { with_stage(cell, |stage| *stage = Stage::Output(output)) };
    Stepped::Done { panicked }
}

unsafe fn step_future<F, S>(task: NonNull<Header>) -> Stepped
where
    F: Future,
{
    // SAFETY: the vtable belongs to this type of cell; the runner holds a reference.
    let cell = unsafe { cell::<FutureCell<F, S>>(task) };
    // SAFETY: the runner keeps its reference until this poll has returned.
    let waker = unsafe { BorrowedWaker::new(task) };
    let poll = |stage: &mut Stage<F, F::Output>| {
        let Stage::Work(future) = stage else { unreachable!("a finished future is not polled") };
        // SAFETY: the future stays where it is, in its cell on the heap, until it is dropped there.
        let future = unsafe { Pin::new_unchecked(future) };
        caught(|| future.poll(&mut Context::from_waker(&waker)))
    };
    // SAFETY: the caller owns the stage.
    let output = match unsafe { with_stage(cell, poll) } {
        Ok(Poll::Pending) => return Stepped::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => Err(Failure::panic(cell.id(), payload)),
    };
    // SAFETY: the caller owns the stage.
    let panicked = unsafe { finish_work(cell, output) };
    Stepped::Done { panicked }
}

/// Drops the work where it is and stores `output`, or the panic of the work's destructor if there was no
/// panic before it. True if a panic was stored.
///
/// # Safety
///
/// The caller owns the stage.
unsafe fn finish_work<C: TaskCell>(cell: &C, output: Result<C::Output, Failure>) -> bool {
    // The destructor runs in place, which a pinned future is entitled to.
    // SAFETY: the caller owns the stage.
    let dropped = unsafe { with_stage(cell, |stage| caught(|| *stage = Stage::Gone)) };
    let output = match (output, dropped) {
        (output @ Err(Failure::Panic(_)), Err(second)) => {
            crate::panic::discard(second);
            output
        }
        (output, Err(payload)) => {
            contained(|| drop(output));
            Err(Failure::panic(cell.id(), payload))
        }
        (output, Ok(())) => output,
    };
    let panicked = matches!(output, Err(Failure::Panic(_)));
    // SAFETY: the caller owns the stage.
    unsafe { with_stage(cell, |stage| mem::forget(mem::replace(stage, Stage::Output(output)))) };
    panicked
}

unsafe fn cancel<C: TaskCell>(task: NonNull<Header>) {
    // SAFETY: the vtable belongs to this type of cell; the caller holds a reference.
    let cell = unsafe { cell::<C>(task) };
    // SAFETY: the caller owns the stage.
    unsafe { finish_work(cell, Err(Failure::Cancelled)) };
}

unsafe fn take_output<C: TaskCell>(task: NonNull<Header>, out: *mut ()) {
    // SAFETY: the vtable belongs to this type of cell; the handle holds a reference.
    let cell = unsafe { cell::<C>(task) };
    // SAFETY: the caller owns the stage.
    let taken = unsafe { with_stage(cell, |stage| mem::replace(stage, Stage::Gone)) };
    let Stage::Output(output) = taken else {
        panic!("a JoinHandle was polled after it had completed")
    };
    let output = output.map_err(|failure| JoinError::new(cell.id(), failure));
    // SAFETY: `out` points to the handle's place for a value of this type.
    unsafe { out.cast::<Result<C::Output, JoinError>>().write(output) };
}

unsafe fn drop_output<C: TaskCell>(task: NonNull<Header>) -> Option<Box<dyn Any + Send>> {
    // SAFETY: the vtable belongs to this type of cell; the caller holds a reference.
    let cell = unsafe { cell::<C>(task) };
    // SAFETY: the caller owns the stage.
    let taken = unsafe { with_stage(cell, |stage| mem::replace(stage, Stage::Gone)) };
    match taken {
        Stage::Output(Ok(output)) => drop_caught(output).err(),
        Stage::Output(Err(Failure::Panic(panic))) => {
            panic.report();
            None
        }
        Stage::Output(Err(Failure::Cancelled)) | Stage::Gone => None,
        Stage::Work(_) => unreachable!("the work is gone once the output is there"),
    }
}

unsafe fn free<C>(task: NonNull<Header>) {
    let cell = task.cast::<C>();
    // SAFETY: the vtable belongs to this type of cell; nobody holds a reference any more.
    unsafe { cell.drop_in_place() };
    // SAFETY: `place` made it of this type; the value is gone.
    unsafe { recycle::deallocate(cell) };
}

unsafe fn schedule<F: Future, S: Schedule>(task: Runnable) {
    let raw = task.as_raw_task();
    // The scheduler is a field of the cell that it is given, and the entry may be run and the cell
    // freed before `schedule` returns; a reference of our own keeps the field where it is.
    raw.header().state.add_reference();
    // SAFETY: the vtable belongs to this type of cell; the reference lives to the end of this function.
    let cell = unsafe { cell::<FutureCell<F, S>>(raw.as_ptr()) };
    cell.scheduler.schedule(task);
    raw.release();
}

unsafe fn unregister<F: Future, S: Schedule>(task: NonNull<Header>) -> bool {
    // SAFETY: the vtable belongs to this type of cell; the caller holds a reference.
    let cell = unsafe { cell::<FutureCell<F, S>>(task) };
    // SAFETY: the cell is live.
    let raw = unsafe { RawTask::new(task) };
    cell.scheduler.registry().remove(raw)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn closure_cell<F: FnOnce() -> T, T>(_: &F) -> usize {
        size_of::<ClosureCell<F, T>>()
    }

    #[test]
    fn a_small_closure_fills_one_cache_line() {
        let (word, pair) = (7_usize, [7_usize; 2]);
        let shared = std::sync::Arc::new(7_usize);
        assert_eq!(closure_cell(&|| ()), 64);
        assert_eq!(closure_cell(&move || word), 64);
        assert_eq!(closure_cell(&move || assert_eq!(word, 7)), 64);
        assert_eq!(closure_cell(&move || *shared), 64);
        assert_eq!(closure_cell(&move || Box::new(word)), 64);
        assert_eq!(closure_cell(&move || drop(Box::new(pair))), 72);
        assert_eq!(closure_cell(&move || [word; 2]), 72);
    }
}
