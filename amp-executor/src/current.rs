//! Which worker the calling thread is.

use std::cell::{Cell, RefCell};

use executor_common::sync::Arc;
use executor_common::{DomainId, RunOutcome};

use crate::role::RoleState;

/// A worker's identity.
#[derive(Clone)]
pub(crate) struct CurrentWorker {
    pub(crate) role: Arc<RoleState>,
    /// Its place among the role's workers.
    pub(crate) place: usize,
    /// Its number in the executor.
    pub(crate) number: usize,
}

executor_common::sync::thread_local! {
    static CURRENT: RefCell<Option<CurrentWorker>> = const { RefCell::new(None) };
    /// Whose worker rests on this thread, which its reactor has meanwhile.
    static RESTING: Cell<DomainId> = const { Cell::new(DomainId::NONE) };
}

/// Says once, at its start, which worker the calling thread is; and at its end that it is none any more.
pub(crate) fn become_worker(worker: Option<CurrentWorker>) {
    // The old one is dropped after the borrow.
    let _old = CURRENT.with(|current| current.replace(worker));
}

/// The worker that the calling thread is.
pub(crate) fn worker() -> Option<CurrentWorker> {
    // During the thread's own destructors it works for nobody.
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// The number of the worker that the calling thread is, if it is one of `executor`'s.
pub(crate) fn number_on(executor: DomainId) -> Option<usize> {
    let of_executor = |current: &RefCell<Option<CurrentWorker>>| {
        let current = current.borrow();
        current
            .as_ref()
            .filter(|worker| worker.role.executor == executor)
            .map(|worker| worker.number)
    };
    CURRENT.try_with(of_executor).ok().flatten()
}

/// Says whose worker rests on the calling thread, if any.
pub(crate) fn rest(executor: Option<DomainId>) {
    RESTING.with(|current| current.set(executor.unwrap_or(DomainId::NONE)));
}

/// Whether the calling thread is one of `executor`'s, which cannot wait for its own end: in a task, or in what its reactor runs.
pub(crate) fn is_thread_of(executor: DomainId) -> bool {
    number_on(executor).is_some()
        || RESTING.try_with(|resting| resting.get() == executor).unwrap_or(false)
}

/// A handle has run a future's turn on the calling worker.
pub(crate) fn count_in_place(outcome: &RunOutcome) {
    let Some(worker) = worker() else { return };
    worker.role.workers[worker.place].counters.count(outcome);
    if !matches!(outcome, RunOutcome::Suspended | RunOutcome::Yielded(_)) {
        worker.role.task_is_over();
    }
}
