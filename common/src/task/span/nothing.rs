//! The same names, and nothing behind them.

use crate::priority::Priority;
use crate::role::Role;
use crate::task::TaskId;
use crate::task::span::{Kind, WakerOp};

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
pub struct SpawnSite(());

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
pub struct SpawnSiteGuard(());

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
    #[inline(always)]
    pub fn here(_executor: &'static str, _role: Option<Role>, _priority: Priority) -> Self {
        Self(())
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
