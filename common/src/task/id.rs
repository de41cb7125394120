//! Identity of tasks and of the places where they run.

use std::fmt;

use crate::sync::{IdBlock, UniqueIds};

static TASK_IDS: UniqueIds = UniqueIds::new();
static DOMAIN_IDS: UniqueIds = UniqueIds::new();

std::thread_local! {
    static BLOCK: IdBlock = const { IdBlock::new() };
}

/// Names a task; unique in the process, never reused.
///
/// Ids grow along each thread's spawns. Between threads their order says nothing.
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, closure_task};
///
/// let (task, handle) = closure_task(DomainId::unique(), || panic!("no disk"));
/// let id = handle.id();
/// drop(task.run());
/// let error = handle.join().unwrap_err();
/// assert_eq!(error.to_string(), format!("task {id} panicked: no disk"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TaskId(u64);

impl TaskId {
    pub(crate) fn next() -> Self {
        let id = BLOCK.try_with(|block| TASK_IDS.next(block));
        // During a thread's own destructors its block is gone.
        Self(id.unwrap_or_else(|_| TASK_IDS.next_single()))
    }

    /// The number itself, for logs and traces. Never zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, closure_task};
    ///
    /// let (task, handle) = closure_task(DomainId::unique(), || 42);
    /// assert_ne!(handle.id().as_u64(), 0);
    /// # drop(task.run());
    /// ```
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// Back from [`TaskId::as_u64`], for executors that publish it in an atomic. `None` for zero.
    #[doc(hidden)]
    pub fn from_u64(id: u64) -> Option<Self> {
        (id != 0).then_some(Self(id))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A set of threads that may run the same tasks: one SMP pool, or the workers of one AMP role.
///
/// A thread that waits for a task may run it in place exactly if both belong to the same domain.
///
/// Only who knows a domain can enter a thread into it ([`enter_domain`](crate::enter_domain)), and an executor promises that its own
/// threads alone do ([`future_task`](crate::future_task)). So it keeps the id to itself, and no function tells a task where it
/// runs:
///
/// ```compile_fail,E0432
/// use executor_common::current_domain;
/// ```
///
/// # Examples
///
/// ```
/// use executor_common::{DomainId, RunOutcome, closure_task, enter_domain};
///
/// let domain = DomainId::unique();
/// let (queued, handle) = closure_task(domain, || 6 * 7);
/// enter_domain(domain, None);
/// assert_eq!(handle.join().unwrap(), 42); // in place
/// assert!(matches!(queued.run(), RunOutcome::Stale));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DomainId(u64);

impl DomainId {
    /// The domain of threads that belong to no executor. No task carries it.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{DomainId, closure_task, enter_domain};
    ///
    /// let domain = DomainId::unique();
    /// enter_domain(domain, None); // a worker's first words
    /// let (queued, handle) = closure_task(domain, || 42);
    /// assert_eq!(handle.join().unwrap(), 42); // in place
    /// enter_domain(DomainId::NONE, None); // and its last ones
    /// # drop(queued.run());
    /// ```
    pub const NONE: Self = Self(0);

    /// A new domain.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::DomainId;
    ///
    /// assert_ne!(DomainId::unique(), DomainId::unique());
    /// ```
    pub fn unique() -> Self {
        Self(DOMAIN_IDS.next_single())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_across_threads_and_blocks() {
        let per_thread = 2 * UniqueIds::BLOCK as usize + 3;
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || {
                    (0..per_thread).map(|_| TaskId::next()).collect::<Vec<_>>()
                })
            })
            .collect();
        let all: HashSet<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        assert_eq!(all.len(), 4 * per_thread);
        assert!(!all.contains(&TaskId(0)), "zero is never handed out");
    }
}
