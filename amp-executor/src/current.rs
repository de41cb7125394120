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
    /// Whose worker lives on this thread while a reactor has it, and the worker's number.
    static RESTING: Cell<(DomainId, usize)> = const { Cell::new((DomainId::NONE, 0)) };
}

/// Says which worker the calling thread is from now on, if any.
pub(crate) fn become_worker(worker: Option<CurrentWorker>) {
    // The old one is dropped after the borrow.
    let _old = CURRENT.with(|current| current.replace(worker));
}

/// The worker that the calling thread is.
pub(crate) fn worker() -> Option<CurrentWorker> {
    // During the thread's own destructors it works for nobody.
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Says which worker lives on the calling thread, if any, while a reactor has the thread.
pub(crate) fn rest(worker: Option<(DomainId, usize)>) {
    RESTING.with(|current| current.set(worker.unwrap_or((DomainId::NONE, 0))));
}

/// The number of the worker that the calling thread would keep from its work by waiting, if it is one of `executor`'s: in a task, or in what
/// its reactor runs.
pub(crate) fn number_on(executor: DomainId) -> Option<usize> {
    let working = |current: &RefCell<Option<CurrentWorker>>| {
        let current = current.borrow();
        current
            .as_ref()
            .filter(|worker| worker.role.executor == executor)
            .map(|worker| worker.number)
    };
    let resting = || {
        let (of, number) = RESTING.try_with(Cell::get).ok()?;
        (of == executor).then_some(number)
    };
    CURRENT.try_with(working).ok().flatten().or_else(resting)
}

/// A handle has run a future's turn on the calling worker.
pub(crate) fn count_in_place(outcome: &RunOutcome) {
    let Some(worker) = worker() else { return };
    worker.role.workers[worker.place].counters.count(outcome);
    if !matches!(outcome, RunOutcome::Suspended | RunOutcome::Yielded(_)) {
        worker.role.task_is_over();
    }
}
