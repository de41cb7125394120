//! The same names, and nothing behind them.

use crate::priority::Priority;
use crate::role::Role;
use crate::task::TaskId;
use crate::task::span::{Kind, WakerOp};

/// Who spawns a task, from where, and on which terms: what the feature `tracing` tells of it. Empty without that feature.
#[derive(Clone, Copy, Debug)]
pub struct SpawnSite(());

/// For as long as it lives, the tasks that this thread makes are from a [`SpawnSite`].
#[derive(Debug)]
#[must_use = "the site is left at once otherwise"]
pub struct SpawnSiteGuard(());

impl SpawnSite {
    /// The caller's place in the source, if the caller is `#[track_caller]` the place of its caller.
    #[inline(always)]
    pub fn here(_executor: &'static str, _role: Option<Role>, _priority: Priority) -> Self {
        Self(())
    }

    /// The tasks that the calling thread makes while the guard lives are from here, or from an outer guard's site: one call for users is
    /// built on another.
    #[inline(always)]
    pub fn enter(self) -> SpawnSiteGuard {
        SpawnSiteGuard(())
    }
}

pub(in crate::task) struct TaskSpan(());

pub(crate) struct SpanId(());

impl TaskSpan {
    #[inline(always)]
    pub(in crate::task) fn new(_kind: Kind, _id: TaskId, _size: usize) -> Self {
        Self(())
    }

    #[inline(always)]
    pub(in crate::task) fn id(&self) -> SpanId {
        SpanId(())
    }

    #[inline(always)]
    pub(in crate::task) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

impl SpanId {
    #[inline(always)]
    pub(in crate::task) fn waker(&self, _op: WakerOp) {}
}
