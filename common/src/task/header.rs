//! What every task has, whatever it computes.

use std::any::Any;
use std::ptr::NonNull;
use std::task::Waker;

use super::id::{DomainId, TaskId};
use super::registry::Links;
use super::runnable::{RunOutcome, Runnable};
use super::span::SpanId;
use super::state::State;
use crate::sync::UnsafeCell;

/// The first field of every cell. Field rules: module documentation of [`crate::task`].
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) vtable: &'static Vtable,
    pub(crate) id: TaskId,
    pub(crate) domain: DomainId,
    /// What the task's wakers tell [`tracing`](super::span).
    pub(crate) span: SpanId,
    /// Guarded by JOIN_WAKER, JOIN_INTEREST and COMPLETE.
    pub(crate) join_waker: UnsafeCell<Option<Waker>>,
}

/// The first field of a future's cell.
#[repr(C)]
pub(crate) struct FutureHeader {
    pub(crate) header: Header,
    /// What the scheduler wants to know of it. Never written again.
    pub(crate) tag: u32,
    /// Guarded by the lock of the registry's shard.
    pub(crate) links: UnsafeCell<Links>,
    /// The task has entered the registry, and has a share of its scheduler since. The runner's to read and write:
    /// whoever set RUNNING; in the end whoever frees the cell.
    pub(crate) registered: UnsafeCell<bool>,
}

impl FutureHeader {
    /// # Safety
    ///
    /// The caller runs the task, or frees it.
    pub(crate) unsafe fn is_registered(&self) -> bool {
        self.registered.with(|registered| {
            // SAFETY: the field is the caller's.
            unsafe { *registered }
        })
    }
}

/// How a step of the task ended.
pub(crate) enum Stepped {
    /// The future waits.
    Pending,
    /// The stage holds the output.
    Finished,
    /// The stage holds the panic.
    Panicked,
    /// It would have been the first step, after the task's deadline. The stage says so, or holds the panic of the
    /// destructor of the closure or future.
    Expired,
}

/// The typed half of a cell, behind pointers.
///
/// All functions take the address of a live cell of the type that the vtable was made for. Those marked
/// (stage) need the right to touch the stage besides.
pub(crate) struct Vtable {
    /// Frees the cell of a closure and then runs the closure, for a caller with the only reference of a queued task that nobody has
    /// aborted: nobody can see its state, or take its output. `None` for futures, which run in their cell.
    pub(crate) run_alone: Option<unsafe fn(NonNull<Header>) -> RunOutcome>,
    /// Whether the task has a deadline for its start.
    pub(crate) expires: bool,
    /// Runs the closure, or polls the future once. (stage)
    pub(crate) step: unsafe fn(NonNull<Header>) -> Stepped,
    /// Drops the closure or future and puts `Cancelled` in its place, or the panic of its destructor.
    /// (stage)
    pub(crate) cancel: unsafe fn(NonNull<Header>),
    /// Moves the output to `*mut Result<T, JoinError>`. (stage)
    pub(crate) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops the output: a panic goes to the hook, what a destructor throws goes back. (stage)
    pub(crate) drop_output: unsafe fn(NonNull<Header>) -> Option<Box<dyn Any + Send>>,
    /// Frees the cell. No reference is left.
    pub(crate) free: unsafe fn(NonNull<Header>),
    /// What only futures need.
    pub(crate) future: Option<&'static FutureVtable>,
}

/// The typed half of a future's cell.
pub(crate) struct FutureVtable {
    /// Gives the task to its scheduler.
    pub(crate) schedule: unsafe fn(Runnable),
    /// Enters the task, which is not registered, into its scheduler's registry. False if that has been closed.
    /// The caller runs the task.
    pub(crate) register: unsafe fn(NonNull<Header>) -> bool,
    /// Takes the task, which is registered, out of its scheduler's registry. True if it was still in, so that the
    /// registry's reference is the caller's now.
    pub(crate) unregister: unsafe fn(NonNull<Header>) -> bool,
}
