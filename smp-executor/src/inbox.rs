//! What comes from outside, by priority.

use executor_common::{Priority, Runnable};

use crate::queue::{Injector, Local};

/// The queues that any thread may push to and every worker takes from.
pub(crate) struct Inbox {
    high: Injector<Runnable>,
    normal: Injector<Runnable>,
    low: Injector<Runnable>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { high: Injector::new(), normal: Injector::new(), low: Injector::new() }
    }

    /// Queues a task. It is a push: the caller notifies.
    pub(crate) fn push(&self, priority: Priority, task: Runnable) {
        match priority {
            Priority::High => self.high.push(task),
            Priority::Normal => self.normal.push(task),
            Priority::Low => self.low.push(task),
        }
    }

    /// The oldest of a priority.
    #[inline]
    pub(crate) fn take(&self, priority: Priority) -> Option<Runnable> {
        match priority {
            Priority::High => self.high.steal(),
            Priority::Normal => self.normal.steal(),
            Priority::Low => self.low.steal(),
        }
    }

    /// A batch of normal priority; returns its oldest task and puts the rest into `into`.
    pub(crate) fn take_batch(&self, into: &Local<Runnable>) -> Option<Runnable> {
        self.normal.steal_batch(into)
    }

    /// Any task, the most urgent first.
    pub(crate) fn take_any(&self) -> Option<Runnable> {
        [Priority::High, Priority::Normal, Priority::Low]
            .into_iter()
            .find_map(|priority| self.take(priority))
    }

    /// Whether nothing of a priority is here.
    #[inline]
    pub(crate) fn is_empty_at(&self, priority: Priority) -> bool {
        match priority {
            Priority::High => self.high.is_empty(),
            Priority::Normal => self.normal.is_empty(),
            Priority::Low => self.low.is_empty(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.normal.is_empty() && self.high.is_empty() && self.low.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.high.len() + self.normal.len() + self.low.len()
    }
}
