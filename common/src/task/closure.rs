//! A task made from a closure.

use std::mem;
use std::ptr::NonNull;
use std::time::Instant;

use super::cell::{Stage, StageCell, TaskCell, cancel, cell, drop_output, free, header};
use super::cell::{expire_if_late, take_output, task, with_stage};
use super::deadline::{Deadline, Never, StartBefore, Timed};
use super::error::Failure;
use super::header::{Header, Stepped, Vtable};
use super::hook::TaskPanic;
use super::id::{DomainId, TaskId};
use super::join::JoinHandle;
use super::recycle;
use super::runnable::{RunOutcome, Runnable};
use super::running::within_task;
use super::span::Kind;
use crate::panic::{caught, drop_caught};
use crate::sync::UnsafeCell;

/// A closure's cell: no scheduler, no links; it is queued once.
#[repr(C)]
struct ClosureCell<F, T, D = Never> {
    header: Header,
    stage: StageCell<Timed<F, D>, T>,
}

/// Makes a task from a closure: at most one allocation.
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
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, scoped_closure_task};
///
/// let words = vec!["one", "two"];
/// // SAFETY: `words` is there, and not changed, until `join` returns.
/// let (task, handle) = unsafe { scoped_closure_task(DomainId::unique(), || words.len()) };
/// std::thread::scope(|scope| drop(scope.spawn(|| task.run())));
/// assert_eq!(handle.join().unwrap(), 2);
/// ```
pub unsafe fn scoped_closure_task<F, T>(domain: DomainId, f: F) -> (Runnable, JoinHandle<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // SAFETY: the caller's promise is passed on.
    unsafe { timed_closure_task(domain, f, Never) }
}

/// As [`closure_task`], for a closure that is not started at `deadline` or later. When its turn comes then, it is dropped,
/// its handle reports [`JoinError::is_expired`](super::JoinError::is_expired), and its run ends with
/// [`RunOutcome::Expired`]. An abort that came first wins.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use executor_common::{DomainId, RunOutcome, expiring_closure_task};
///
/// let (runnable, handle) = expiring_closure_task(DomainId::unique(), Instant::now(), || 6 * 7);
/// assert!(matches!(runnable.run(), RunOutcome::Expired));
/// assert!(handle.join().unwrap_err().is_expired());
/// ```
pub fn expiring_closure_task<F, T>(
    domain: DomainId,
    deadline: Instant,
    f: F,
) -> (Runnable, JoinHandle<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let deadline = StartBefore::new(deadline);
    // SAFETY: the bounds say that what the closure captures lives as long as anybody could want.
    unsafe { timed_closure_task(domain, f, deadline) }
}

/// # Safety
///
/// As for [`scoped_closure_task`].
#[inline]
unsafe fn timed_closure_task<F, T, D>(
    domain: DomainId,
    work: F,
    deadline: D,
) -> (Runnable, JoinHandle<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
    D: Deadline + Send,
{
    let vtable = const { &closure_vtable::<F, T, D>() };
    let (header, span) = header::<F>(vtable, domain, Kind::Closure);
    let stage = UnsafeCell::new(Stage::Work(Timed { work, deadline, span }));
    task(ClosureCell::<F, T, D> { header, stage })
}

/// Takes the closure back out of a task that was never queued.
///
/// # Safety
///
/// `runnable` and `handle` come from one call of [`closure_task`] or [`expiring_closure_task`] with this very `F`, and
/// nothing else has been done with either.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, closure_task, reclaim_closure};
///
/// fn refuse<F: FnOnce() -> u32 + Send + 'static>(f: F) -> F {
///     let (task, handle) = closure_task(DomainId::unique(), f);
///     // SAFETY: both come from the call above, with this `F`, and nothing has been done with them.
///     unsafe { reclaim_closure(task, handle) }
/// }
///
/// assert_eq!(refuse(|| 6 * 7)(), 42);
/// ```
pub unsafe fn reclaim_closure<F, T>(runnable: Runnable, handle: JoinHandle<T>) -> F {
    let expires = runnable.as_raw_task().header().vtable.expires;
    let cell = runnable.into_raw();
    mem::forget(handle);
    if expires {
        let cell = cell.cast::<ClosureCell<F, T, StartBefore>>();
        // SAFETY: as below; a closure's cell that expires has a `StartBefore`.
        unsafe { take_work(cell) }.work
    } else {
        let cell = cell.cast::<ClosureCell<F, T>>();
        // SAFETY: the two came as a pair, so that no third reference exists; `F` and `T` are the cell's
        // types by the caller's promise, a cell that does not expire has a `Never`, and the closure has not run.
        unsafe { take_work(cell) }.work
    }
}

/// Takes the closure out, and frees the cell.
///
/// # Safety
///
/// The caller has the only reference, and the closure is still in.
unsafe fn take_work<F, T, D>(cell: NonNull<ClosureCell<F, T, D>>) -> Timed<F, D> {
    // SAFETY: the cell is live and the caller's alone. What is read is not used in its old place any more.
    let moved = unsafe { cell.read() };
    // SAFETY: `task` made it of this type; the value has been moved out.
    unsafe { recycle::deallocate(cell) };
    match moved.stage.into_inner() {
        Stage::Work(timed) => timed,
        Stage::Output(_) | Stage::Expired | Stage::Gone => unreachable!("the closure has not run"),
    }
}

const fn closure_vtable<F, T, D>() -> Vtable
where
    F: FnOnce() -> T + Send,
    T: Send,
    D: Deadline,
{
    Vtable {
        run_alone: Some(run_alone::<F, T, D>),
        expires: D::EXPIRES,
        step: step_closure::<F, T, D>,
        cancel: cancel::<ClosureCell<F, T, D>>,
        take_output: take_output::<ClosureCell<F, T, D>>,
        drop_output: drop_output::<ClosureCell<F, T, D>>,
        free: free::<ClosureCell<F, T, D>>,
        future: None,
    }
}

// SAFETY: `repr(C)` with a header first; the vtable has no part for futures.
unsafe impl<F, T, D> TaskCell for ClosureCell<F, T, D> {
    type Work = Timed<F, D>;
    type Output = T;

    fn id(&self) -> TaskId {
        self.header.id
    }

    fn stage(&self) -> &StageCell<Timed<F, D>, T> {
        &self.stage
    }
}

unsafe fn run_alone<F, T, D>(task: NonNull<Header>) -> RunOutcome
where
    F: FnOnce() -> T,
    D: Deadline,
{
    // SAFETY: the caller has the only reference.
    let id = unsafe { task.as_ref() }.id;
    // SAFETY: the vtable belongs to this type of cell; the caller has the only reference of a queued task.
    let timed = unsafe { take_work(task.cast::<ClosureCell<F, T, D>>()) };
    let Timed { work: f, mut deadline, span } = timed;
    if deadline.is_missed() {
        if let Err(payload) = within_task(id, || drop_caught(f)) {
            TaskPanic::catch(id, payload).report();
        }
        return RunOutcome::Expired;
    }
    let ended = within_task(id, || caught(|| span.in_scope(f))).and_then(drop_caught);
    match ended {
        Ok(()) => RunOutcome::Finished,
        Err(payload) => {
            TaskPanic::catch(id, payload).report();
            RunOutcome::Panicked
        }
    }
}

unsafe fn step_closure<F, T, D>(task: NonNull<Header>) -> Stepped
where
    F: FnOnce() -> T,
    D: Deadline,
{
    // SAFETY: the vtable belongs to this type of cell; the runner holds a reference.
    let cell = unsafe { cell::<ClosureCell<F, T, D>>(task) };
    // SAFETY: the caller owns the stage.
    if let Some(expired) = unsafe { expire_if_late(cell) } {
        return expired;
    }
    // SAFETY: the caller owns the stage.
    let taken = unsafe { with_stage(cell, |stage| mem::replace(stage, Stage::Gone)) };
    let Stage::Work(timed) = taken else { unreachable!("a closure runs once") };
    let Timed { work, span, .. } = timed;
    let output =
        caught(|| span.in_scope(work)).map_err(|payload| Failure::panic(cell.id(), payload));
    let stepped = if output.is_err() { Stepped::Panicked } else { Stepped::Finished };
    // SAFETY: the caller owns the stage.
    unsafe { with_stage(cell, |stage| *stage = Stage::Output(output)) };
    stepped
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn closure_cell<F: FnOnce() -> T, T>(_: &F) -> usize {
        size_of::<ClosureCell<F, T>>()
    }

    #[test]
    #[cfg_attr(feature = "tracing", ignore = "a span has a place in the cell then")]
    fn a_small_closure_fills_one_cache_line() {
        let (word, pair) = (7_usize, [7_usize; 2]);
        let shared = std::sync::Arc::new(7_usize);
        assert_eq!(closure_cell(&|| ()), 64);
        assert_eq!(closure_cell(&move || word), 64);
        assert_eq!(closure_cell(&move || assert_eq!(word, 7)), 64);
        assert_eq!(closure_cell(&move || *shared), 64);
        assert_eq!(closure_cell(&move || Some(word)), 64);
        assert_eq!(closure_cell(&move || Box::new(word)), 64);
        assert_eq!(closure_cell(&move || drop(Box::new(pair))), 72);
        assert_eq!(closure_cell(&move || [word; 2]), 72);
    }
}
