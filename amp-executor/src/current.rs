//! Which worker the calling thread is.

use std::cell::Cell;

use executor_common::DomainId;

/// A worker's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CurrentWorker {
    pub(crate) executor: DomainId,
    /// The role's place in the declaration.
    pub(crate) role: usize,
}

executor_common::sync::thread_local! {
    static CURRENT: Cell<Option<CurrentWorker>> = const { Cell::new(None) };
}

/// Says once, at its start, which worker the calling thread is.
pub(crate) fn become_worker(worker: CurrentWorker) {
    CURRENT.with(|current| current.set(Some(worker)));
}

/// The role that the calling thread works for, if it is a worker of `executor`.
pub(crate) fn role_on(executor: DomainId) -> Option<usize> {
    // During the thread's own destructors it works for nobody.
    let current = CURRENT.try_with(Cell::get).ok().flatten()?;
    (current.executor == executor).then_some(current.role)
}
