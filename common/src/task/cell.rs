//! The allocation: a header, the stage, and what a kind of task adds. What every kind does with its stage.

use std::any::Any;
use std::mem;
use std::ptr::NonNull;

use super::deadline::{Deadline, Timed};
use super::error::{Failure, JoinError};
use super::header::{Header, Stepped, Vtable};
use super::id::{DomainId, TaskId};
use super::join::JoinHandle;
use super::raw::RawTask;
use super::recycle;
use super::runnable::Runnable;
use super::span::{Kind, TaskSpan};
use super::state::State;
use crate::panic::{caught, contained, drop_caught};
use crate::sync::UnsafeCell;

/// Work, then its output, then nothing.
pub(super) enum Stage<W, T> {
    Work(W),
    Output(Result<T, Failure>),
    /// In the output's place. Apart from [`Failure`], which stays one word for it.
    Expired,
    Gone,
}

pub(super) type StageCell<W, T> = UnsafeCell<Stage<W, T>>;

/// The header of a new task, and the task's span.
#[inline(always)]
pub(super) fn header<W>(
    vtable: &'static Vtable,
    domain: DomainId,
    kind: Kind,
) -> (Header, TaskSpan) {
    let id = TaskId::next();
    let span = TaskSpan::new(kind, id, size_of::<W>());
    let header = Header {
        state: State::queued_with_handle(),
        vtable,
        id,
        domain,
        span: span.id(),
        join_waker: UnsafeCell::new(None),
    };
    (header, span)
}

/// A kind of cell.
///
/// # Safety
///
/// The type is `repr(C)`. It starts with a [`Header`], and with a [`FutureHeader`](super::header::FutureHeader) if its
/// vtable has a part for futures.
pub(super) unsafe trait TaskCell {
    type Work;
    type Output;

    fn id(&self) -> TaskId;
    fn stage(&self) -> &StageCell<Self::Work, Self::Output>;
}

/// Makes a task of a cell, whose state is that of a queued one.
pub(super) fn task<C: TaskCell>(cell: C) -> (Runnable, JoinHandle<C::Output>) {
    let memory = recycle::allocate::<C>();
    // SAFETY: memory for a `C` that is nobody else's.
    unsafe { memory.write(cell) };
    // SAFETY: the cell is live, starts with a header (`TaskCell`), and the pointer is that of the whole cell.
    let raw = unsafe { RawTask::new(memory.cast::<Header>()) };
    // SAFETY: of the two references that the state starts with, this is the first.
    let runnable = unsafe { Runnable::from_raw_task(raw) };
    // SAFETY: this is the second, and `Output` is the output type of the cell.
    let handle = unsafe { JoinHandle::from_raw_task(raw) };
    (runnable, handle)
}

/// # Safety
///
/// `task` is the address of a live cell of type `C`, for as long as `'a`.
pub(super) unsafe fn cell<'a, C>(task: NonNull<Header>) -> &'a C {
    // SAFETY: by the caller's promise. Shared borrow: what changes in a cell is in cells.
    unsafe { task.cast::<C>().as_ref() }
}

/// Changes the stage.
///
/// # Safety
///
/// The caller owns the stage (field rules of `crate::task`).
pub(super) unsafe fn with_stage<C: TaskCell, R>(
    cell: &C,
    f: impl FnOnce(&mut Stage<C::Work, C::Output>) -> R,
) -> R {
    cell.stage().with_mut(|stage| {
        // SAFETY: the owner of the stage is alone with it, and it is always initialised.
        f(unsafe { &mut *stage })
    })
}

/// Drops the work where it is and stores `output`, or the panic of the work's destructor if there was no
/// panic before it. True if a panic was stored.
///
/// # Safety
///
/// The caller owns the stage.
pub(super) unsafe fn finish_work<C: TaskCell>(
    cell: &C,
    output: Result<C::Output, Failure>,
) -> bool {
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

/// Ends work that is about to take its first step and comes too late for it. `None` for all other work.
///
/// # Safety
///
/// The caller owns the stage.
#[inline(always)]
pub(super) unsafe fn expire_if_late<C, W, D>(cell: &C) -> Option<Stepped>
where
    C: TaskCell<Work = Timed<W, D>>,
    D: Deadline,
{
    let is_late = |stage: &mut Stage<Timed<W, D>, C::Output>| match stage {
        Stage::Work(timed) => timed.deadline.is_missed(),
        Stage::Output(_) | Stage::Expired | Stage::Gone => false,
    };
    // SAFETY: the caller owns the stage.
    if !unsafe { with_stage(cell, is_late) } {
        return None;
    }
    // The destructor runs in place, as in `finish_work`.
    // SAFETY: the caller owns the stage.
    let dropped = unsafe { with_stage(cell, |stage| caught(|| *stage = Stage::Gone)) };
    let ended = match dropped {
        Ok(()) => Stage::Expired,
        Err(payload) => Stage::Output(Err(Failure::panic(cell.id(), payload))),
    };
    // SAFETY: the caller owns the stage.
    unsafe { with_stage(cell, |stage| mem::forget(mem::replace(stage, ended))) };
    Some(Stepped::Expired)
}

pub(super) unsafe fn cancel<C: TaskCell>(task: NonNull<Header>) {
    // SAFETY: the vtable belongs to this type of cell; the caller holds a reference.
    let cell = unsafe { cell::<C>(task) };
    // SAFETY: the caller owns the stage.
    unsafe { finish_work(cell, Err(Failure::Cancelled)) };
}

pub(super) unsafe fn take_output<C: TaskCell>(task: NonNull<Header>, out: *mut ()) {
    // SAFETY: the vtable belongs to this type of cell; the handle holds a reference.
    let cell = unsafe { cell::<C>(task) };
    // SAFETY: the caller owns the stage.
    let taken = unsafe { with_stage(cell, |stage| mem::replace(stage, Stage::Gone)) };
    let output = match taken {
        Stage::Output(output) => output.map_err(|failure| JoinError::new(cell.id(), failure)),
        other => Err(no_output(cell.id(), matches!(other, Stage::Expired))),
    };
    // SAFETY: `out` points to the handle's place for a value of this type.
    unsafe { out.cast::<Result<C::Output, JoinError>>().write(output) };
}

/// Out of line, so that the way to an output stays short.
#[cold]
fn no_output(id: TaskId, is_expired: bool) -> JoinError {
    assert!(is_expired, "a JoinHandle was polled after it had completed");
    JoinError::expired(id)
}

pub(super) unsafe fn drop_output<C: TaskCell>(
    task: NonNull<Header>,
) -> Option<Box<dyn Any + Send>> {
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
        Stage::Output(Err(Failure::Cancelled)) | Stage::Expired | Stage::Gone => None,
        Stage::Work(_) => unreachable!("the work is gone once the output is there"),
    }
}

pub(super) unsafe fn free<C>(task: NonNull<Header>) {
    let cell = task.cast::<C>();
    // SAFETY: the vtable belongs to this type of cell; nobody holds a reference any more.
    unsafe { cell.drop_in_place() };
    // SAFETY: `task` made it of this type; the value is gone.
    unsafe { recycle::deallocate(cell) };
}
