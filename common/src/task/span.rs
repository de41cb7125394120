//! What [`tracing`] is told of a task, behind the feature `tracing`. Without it everything here is empty, and costs nothing.
//!
//! | | target | name or `op` | fields |
//! |---|---|---|---|
//! | span, from the spawn to the end of the closure or future | `tokio::task` | `runtime.spawn` | `kind`, `task.name`, `task.id`, `executor`, `role`, `priority`, `size.bytes`, `loc.file`, `loc.line`, `loc.col` |
//! | event, from any thread | `tokio::task::waker` | `waker.clone`, `waker.wake`, `waker.wake_by_ref`, `waker.drop` | `task.id`, which is the span's here |
//!
//! The names are tokio's, so that what is made for it, as tokio-console is, understands these tasks too. The span is entered for each run
//! of a closure and each poll of a future, by the thread that runs it. `kind` is `task` for a future, and `blocking`, tokio's word for
//! what is run in one piece, for a closure.
//!
//! Who spawned the task, and on which terms, is left on the thread ([`SpawnSite::enter`]) for the moment in which the cell is made: it
//! need not go through every signature on the way.

#[cfg(feature = "tracing")]
mod recorded;
#[cfg(feature = "tracing")]
pub(super) use recorded::{SpanId, TaskSpan};
#[cfg(feature = "tracing")]
pub use recorded::{SpawnSite, SpawnSiteGuard};

#[cfg(not(feature = "tracing"))]
mod nothing;
#[cfg(not(feature = "tracing"))]
pub(super) use nothing::{SpanId, TaskSpan};
#[cfg(not(feature = "tracing"))]
pub use nothing::{SpawnSite, SpawnSiteGuard};

/// What kind of work a task is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Closure,
    Future,
}

/// What happens to a waker of a task.
pub(super) enum WakerOp {
    Clone,
    Wake,
    WakeByRef,
    Drop,
}
