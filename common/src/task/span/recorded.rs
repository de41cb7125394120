//! Spans and events for whichever subscriber the program has installed.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::panic::Location;

use tracing::{Span, trace, trace_span};

use crate::priority::Priority;
use crate::role::Role;
use crate::task::TaskId;
use crate::task::span::{Kind, WakerOp};

std::thread_local! {
    static SITE: Cell<Option<SpawnSite>> = const { Cell::new(None) };
}

/// Who spawns a task, from where, and on which terms: what the feature `tracing` tells of it. Empty without that feature.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, JoinHandle, Priority, Runnable, SpawnSite, closure_task};
///
/// #[track_caller]
/// fn spawn(f: impl FnOnce() -> u32 + Send + 'static) -> (Runnable, JoinHandle<u32>) {
///     let _site = SpawnSite::here("mine", None, Priority::Normal).enter();
///     closure_task(DomainId::unique(), f)
/// }
///
/// let (task, handle) = spawn(|| 42); // a span says that it was here
/// drop(task.run());
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpawnSite {
    executor: &'static str,
    role: Option<Role>,
    priority: Priority,
    location: &'static Location<'static>,
}

/// For as long as it lives, the tasks that this thread makes are from a [`SpawnSite`].
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, Priority, Role, SpawnSite, closure_task};
///
/// let site = SpawnSite::here("mine", Some(Role::new("io")), Priority::Normal);
/// let guard = site.enter();
/// let (task, handle) = closure_task(DomainId::unique(), || 42); // from `site`
/// drop(guard);
/// # drop(task.run());
/// # assert_eq!(handle.join().unwrap(), 42);
/// ```
#[derive(Debug)]
#[must_use = "the site is left at once otherwise"]
pub struct SpawnSiteGuard {
    before: Option<SpawnSite>,
}

impl SpawnSite {
    /// The caller's place in the source, if the caller is `#[track_caller]` the place of its caller.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, Priority, Role, SpawnSite, closure_task};
    ///
    /// let site = SpawnSite::here("mine", Some(Role::new("io")), Priority::High); // this line
    /// let (task, handle) = {
    ///     let _site = site.enter();
    ///     closure_task(DomainId::unique(), || 42)
    /// };
    /// drop(task.run());
    /// assert_eq!(handle.join().unwrap(), 42);
    /// ```
    #[inline]
    #[track_caller]
    pub fn here(executor: &'static str, role: Option<Role>, priority: Priority) -> Self {
        Self { executor, role, priority, location: Location::caller() }
    }

    /// The tasks that the calling thread makes while the guard lives are from here, or from an outer guard's site: one call for users is
    /// built on another.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, Priority, SpawnSite, closure_task};
    ///
    /// let outer = SpawnSite::here("mine", None, Priority::Normal).enter();
    /// let inner = SpawnSite::here("mine", None, Priority::High).enter(); // changes nothing
    /// let (task, handle) = closure_task(DomainId::unique(), || 42); // from the first one
    /// drop(inner);
    /// drop(outer);
    /// # drop(task.run());
    /// # assert_eq!(handle.join().unwrap(), 42);
    /// ```
    #[inline]
    pub fn enter(self) -> SpawnSiteGuard {
        // During the thread's own destructors nobody knows where its tasks are from.
        let before = SITE.try_with(|site| {
            let before = site.get();
            site.set(before.or(Some(self)));
            before
        });
        SpawnSiteGuard { before: before.ok().flatten() }
    }
}

impl SpawnSite {
    /// The task's, where lists have one column for it.
    fn name(self) -> &'static str {
        self.role.map_or(self.executor, Role::name)
    }

    fn priority_name(self) -> &'static str {
        match self.priority {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }
}

impl Kind {
    /// Tokio's word for it.
    fn name(self) -> &'static str {
        match self {
            Self::Closure => "blocking",
            Self::Future => "task",
        }
    }
}

impl Drop for SpawnSiteGuard {
    fn drop(&mut self) {
        let _ = SITE.try_with(|site| site.set(self.before));
    }
}

/// The span of one task. It is closed when the work is gone.
pub(in crate::task) struct TaskSpan(Span);

/// The span's id, for the wakers of the task, which may be there longer. `None` where nobody records it.
pub(crate) struct SpanId(Option<NonZeroU64>);

impl TaskSpan {
    /// As tokio's, a root: who spawned the task does not contain it.
    #[inline]
    pub(in crate::task) fn new(kind: Kind, id: TaskId, size: usize) -> Self {
        let site = SITE.try_with(Cell::get).ok().flatten();
        // The values are looked up only where somebody records the span.
        Self(trace_span!(
            target: "tokio::task",
            parent: None,
            "runtime.spawn",
            kind = %kind.name(),
            task.name = %site.map_or("", SpawnSite::name),
            task.id = id.as_u64(),
            executor = site.map(|site| site.executor),
            role = site.and_then(|site| site.role).map(Role::name),
            priority = site.map(SpawnSite::priority_name),
            size.bytes = size,
            loc.file = site.map(|site| site.location.file()),
            loc.line = site.map(|site| site.location.line()),
            loc.col = site.map(|site| site.location.column()),
        ))
    }

    pub(in crate::task) fn id(&self) -> SpanId {
        SpanId(self.0.id().map(|id| id.into_non_zero_u64()))
    }

    #[inline]
    pub(in crate::task) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.in_scope(f)
    }
}

impl SpanId {
    #[inline]
    pub(in crate::task) fn waker(&self, op: WakerOp) {
        let Some(id) = self.0 else { return };
        let op = match op {
            WakerOp::Clone => "waker.clone",
            WakerOp::Wake => "waker.wake",
            WakerOp::WakeByRef => "waker.wake_by_ref",
            WakerOp::Drop => "waker.drop",
        };
        trace!(target: "tokio::task::waker", op, task.id = id.get());
    }
}
