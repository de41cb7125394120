//! The task cell: at most one allocation, one state word, two kinds of task.
//!
//! # Who holds what
//!
//! | handle | references | what it is for |
//! |---|---|---|
//! | [`Runnable`] | 1 | the only thing that a queue holds; runs the task, or cancels it when dropped |
//! | [`JoinHandle`] | 1 | waits for the output and takes it |
//! | [`AbortHandle`] | 1 each | asks for cancellation |
//! | a `Waker` | 1 each | schedules a future again |
//! | [`TaskRegistry`] | 1 | finds suspended futures at shutdown; from the first suspension on |
//!
//! The cell is freed when the last reference goes, and every field has been dropped by then.
//!
//! Its memory is kept for the next task (`recycle.rs`): a program in a steady state allocates nothing per task. The cell of
//! a closure that captures and returns up to a word is one cache line.
//!
//! # The state word
//!
//! Six flags and the reference count above them; `state.rs` documents each flag and holds every
//! transition.
//!
//! | state | RUNNING | NOTIFIED | COMPLETE |
//! |---|---|---|---|
//! | queued | 0 | 1 | 0 |
//! | running | 1 | 0 | 0 |
//! | running, woken meanwhile | 1 | 1 | 0 |
//! | suspended (futures only) | 0 | 0 | 0 |
//! | done | 0 | any | 1 |
//!
//! While NOTIFIED is set and RUNNING and COMPLETE are not, at least one queue holds a `Runnable`. A
//! `Runnable` that finds its task in any other state is stale (somebody else ran the task) and is
//! dropped without effect, so a queue entry is a permission to try, not a promise.
//!
//! # Who may touch which field when
//!
//! * **stage** (the closure or future with its deadline and span, later the output): whoever set RUNNING, until it sets COMPLETE.
//!   Setting COMPLETE while JOIN_INTEREST is set hands the output to the `JoinHandle`; otherwise the
//!   runner drops the output itself. Whoever frees the cell owns what is left.
//! * **join waker**: while JOIN_WAKER is clear, the `JoinHandle` alone, to read and write. While it is
//!   set, nobody writes; the runner reads it once it has set COMPLETE. The handle takes the field back by
//!   clearing JOIN_WAKER, which fails after COMPLETE; the runner gives it back by clearing JOIN_WAKER after
//!   it has woken. If the handle has gone by then, the runner drops the waker.
//! * **registered**: as the stage, and to read for whoever frees the cell. Set before the first suspension (`future.rs`).
//! * **registry links**: the registry, under its shard's lock.
//! * **header** (vtable, id, domain, the span's id) and **scheduler**: written before the task is shared, then read-only. What the
//!   scheduler's pointer points to is alive while the task is registered, and while somebody runs it.
//!
//! # What holds always
//!
//! * A closure or future is dropped before its handle reports completion.
//! * A panic in the task, in the destructor of a future or closure, or in the destructor of an unwanted
//!   output ends in the output or in the `on_panic` hook, never in the worker's loop.
//! * A panic that no handle takes reaches the hook, whether the handle went before the task ended or after.
//! * A suspended future is registered, or the close of its registry has scheduled it for cancellation.
//! * A task with a deadline is looked at once, at its first step: from then on it does not expire (`deadline.rs`).
//! * A `Runnable` dropped unrun cancels its task, so a handle never waits for something that nobody will run.

mod abort;
mod cell;
mod closure;
mod deadline;
mod error;
mod future;
mod header;
mod hook;
mod id;
mod join;
mod raw;
mod recycle;
mod registry;
mod runnable;
mod running;
mod span;
mod state;
mod waker;

pub use abort::AbortHandle;
pub use closure::{closure_task, expiring_closure_task, reclaim_closure, scoped_closure_task};
pub use error::JoinError;
pub use future::{Schedule, expiring_future_task, future_task, local_future_task};
pub use hook::{PanicHook, TaskPanic};
pub use id::{DomainId, TaskId};
pub use join::JoinHandle;
pub use registry::TaskRegistry;
pub use runnable::{RunOutcome, Runnable};
#[cfg(feature = "test-util")]
pub(crate) use running::apart;
pub(crate) use running::{current_domain, find_running_here};
pub use running::{
    current_task, enter_domain, enter_own_domain, lend_to_domain, set_in_place_counter,
};
pub use span::{SpawnSite, SpawnSiteGuard};
