//! Which tasks run on this thread, and to which domain it belongs.
//!
//! More than one task can be on a thread's stack: a task that waits for another one of its own domain
//! may run it in place. The chain of frames tells a handle that it is joined from within its own task.

use std::cell::Cell;
use std::ptr;

use super::hook::{PanicHook, set_hook};
use super::id::{DomainId, TaskId};
use super::runnable::RunOutcome;

crate::sync::thread_local! {
    static DOMAIN: Cell<DomainId> = const { Cell::new(DomainId::NONE) };
    static OWN_DOMAIN: Cell<DomainId> = const { Cell::new(DomainId::NONE) };
    static LENT_TO: Cell<DomainId> = const { Cell::new(DomainId::NONE) };
    static TOP: Cell<*const Frame> = const { Cell::new(ptr::null()) };
    static IN_PLACE: Cell<Option<fn(&RunOutcome)>> = const { Cell::new(None) };
}

/// One task on this thread's stack. Invariant: a frame is in the chain of its own thread only, and only
/// while the call of [`within_task`] that holds it has not returned.
struct Frame {
    task: TaskId,
    below: *const Frame,
}

/// Takes the top frame out of the chain, also while unwinding.
struct Leave {
    below: *const Frame,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let _ = TOP.try_with(|top| top.set(self.below));
    }
}

/// Runs `f` as part of `task`.
pub(super) fn within_task<R>(task: TaskId, f: impl FnOnce() -> R) -> R {
    let mut frame = Frame { task, below: ptr::null() };
    // During the thread's own destructors there is no chain, and no frame is entered into it.
    let _leave = TOP
        .try_with(|top| {
            frame.below = top.get();
            top.set(&raw const frame);
            Leave { below: frame.below }
        })
        .ok();
    f()
}

/// Runs `f` as on a stack of its own: it is no part of the tasks that are on this thread's stack.
#[cfg(feature = "test-util")]
pub(crate) fn apart<R>(f: impl FnOnce() -> R) -> R {
    let _leave = Leave { below: TOP.with(|top| top.replace(ptr::null())) };
    f()
}

/// The innermost task on this thread's stack that is wanted.
pub(crate) fn find_running_here(mut wanted: impl FnMut(TaskId) -> bool) -> Option<TaskId> {
    let mut next = TOP.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: by the invariant of `Frame` the chain holds live frames of this very thread; they are
    // only read while they are in it, and nothing borrows them mutably.
    while let Some(frame) = unsafe { next.as_ref() } {
        if wanted(frame.task) {
            return Some(frame.task);
        }
        next = frame.below;
    }
    None
}

/// Whether `task` is on this thread's stack.
pub(super) fn is_running_here(task: TaskId) -> bool {
    find_running_here(|running| running == task).is_some()
}

/// The task that the calling thread runs, the innermost where one runs inside another.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, closure_task, current_task};
///
/// assert_eq!(current_task(), None);
/// let (runnable, handle) = closure_task(DomainId::unique(), current_task);
/// let id = handle.id();
/// runnable.run();
/// assert_eq!(handle.join().unwrap(), Some(id));
/// ```
pub fn current_task() -> Option<TaskId> {
    find_running_here(|_| true)
}

/// The domain that the calling thread works for; [`DomainId::NONE`] outside of executors. Not for tasks to see: see
/// [`DomainId`].
pub(crate) fn current_domain() -> DomainId {
    match LENT_TO.try_with(Cell::get) {
        Ok(DomainId::NONE) | Err(_) => DOMAIN.try_with(Cell::get).unwrap_or(DomainId::NONE),
        Ok(lent_to) => lent_to,
    }
}

/// Whether the calling thread may run tasks of `domain` in place.
pub(super) fn is_in_domain(domain: DomainId) -> bool {
    let is_it = |current: &Cell<DomainId>| current.get() == domain;
    DOMAIN.try_with(is_it).unwrap_or(false) || OWN_DOMAIN.try_with(is_it).unwrap_or(false)
}

/// Whether the calling thread may run closures of `domain` in place.
pub(super) fn may_run_closures_of(domain: DomainId) -> bool {
    is_in_domain(domain) || LENT_TO.try_with(|current| current.get() == domain).unwrap_or(false)
}

/// Runs `f`, which runs a closure of `domain` on a thread of another one. Meanwhile the thread may run other closures of `domain` in
/// place, besides what it may run anyway; it polls none of its futures.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, RunOutcome, closure_task, enter_domain, lend_to_domain};
///
/// let (io, compute) = (DomainId::unique(), DomainId::unique());
/// let (inner, handle) = closure_task(compute, || 21);
/// let (outer, answer) = closure_task(compute, move || 2 * handle.join().unwrap());
/// enter_domain(io, None);
/// lend_to_domain(compute, || drop(outer.run())); // runs `inner` in place
/// assert_eq!(answer.join().unwrap(), 42);
/// assert!(matches!(inner.run(), RunOutcome::Stale));
/// ```
pub fn lend_to_domain<R>(domain: DomainId, f: impl FnOnce() -> R) -> R {
    struct ComeBack;
    impl Drop for ComeBack {
        fn drop(&mut self) {
            LENT_TO.with(|current| current.set(DomainId::NONE));
        }
    }
    LENT_TO.with(|current| current.set(domain));
    let _come_back = ComeBack;
    f()
}

/// Makes the calling thread the only member of `domain`, besides the one that it shares with others.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, RunOutcome, closure_task, enter_domain, enter_own_domain};
///
/// let (shared, own) = (DomainId::unique(), DomainId::unique());
/// enter_domain(shared, None);
/// enter_own_domain(own);
/// for domain in [shared, own] {
///     let (queued, handle) = closure_task(domain, || 42);
///     assert_eq!(handle.join().unwrap(), 42); // in place
///     assert!(matches!(queued.run(), RunOutcome::Stale));
/// }
/// ```
pub fn enter_own_domain(domain: DomainId) {
    OWN_DOMAIN.with(|current| current.set(domain));
}

/// Makes the calling thread a member of `domain`, whose unclaimed panics go to `on_panic`. A worker says
/// so once, before its first task.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, RunOutcome, closure_task, enter_domain};
///
/// let domain = DomainId::unique();
/// enter_domain(domain, None);
/// let (queued, handle) = closure_task(domain, || 42);
/// assert_eq!(handle.join().unwrap(), 42); // in place
/// assert!(matches!(queued.run(), RunOutcome::Stale));
/// ```
pub fn enter_domain(domain: DomainId, on_panic: Option<PanicHook>) {
    DOMAIN.with(|current| current.set(domain));
    set_hook(on_panic);
}

/// Installs what is told of each turn of a future that a waiting handle runs in place on the calling thread. A worker says so
/// before its first task, and installs `None` after its last.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// # use executor_common::sync::Arc;
/// # use executor_common::{Runnable, Schedule, TaskRegistry};
/// use executor_common::{DomainId, enter_domain, future_task, set_in_place_counter};
///
/// thread_local! {
///     static TURNS: Cell<u32> = const { Cell::new(0) };
/// }
///
/// # struct Queue(TaskRegistry);
/// # impl Schedule for Queue {
/// #     fn schedule(&self, task: Runnable) { drop(task) }
/// #     fn registry(&self) -> &TaskRegistry { &self.0 }
/// # }
/// # let queue = Arc::new(Queue(TaskRegistry::new(1)));
/// let domain = DomainId::unique();
/// enter_domain(domain, None);
/// set_in_place_counter(Some(|_| TURNS.set(TURNS.get() + 1)));
/// // SAFETY: `queue` lives until this thread, the domain's only one, has left it.
/// let (queued, handle) = unsafe { future_task(domain, async { 42 }, &queue) };
/// assert_eq!(handle.join().unwrap(), 42); // in place
/// assert_eq!(TURNS.get(), 1);
/// set_in_place_counter(None);
/// enter_domain(DomainId::NONE, None);
/// # drop(queued);
/// ```
pub fn set_in_place_counter(count: Option<fn(&RunOutcome)>) {
    IN_PLACE.with(|current| current.set(count));
}

/// A handle has run a future's turn on this thread.
pub(super) fn count_in_place(outcome: &RunOutcome) {
    if let Ok(Some(count)) = IN_PLACE.try_with(Cell::get) {
        count(outcome);
    }
}
