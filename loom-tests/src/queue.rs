//! The smallest scheduler for futures.

use std::collections::VecDeque;

use executor_common::sync::{Arc, Mutex};
use executor_common::{RunOutcome, Runnable, Schedule, TaskRegistry};

/// Queued tasks, in order.
#[derive(Debug, Default)]
pub struct Entries(Mutex<VecDeque<Runnable>>);

impl Entries {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one.
    pub fn push(&self, task: Runnable) {
        self.0.lock().push_back(task);
    }

    /// Takes the first one.
    pub fn pop(&self) -> Option<Runnable> {
        self.0.lock().pop_front()
    }

    /// Runs what is in, until nothing is.
    pub fn run_all(&self) {
        while let Some(task) = self.pop() {
            self.run(task);
        }
    }

    /// Runs one task; it comes back where it yields.
    pub fn run(&self, task: Runnable) {
        if let RunOutcome::Yielded(again) = task.run() {
            self.push(again);
        }
    }
}

/// A queue with a registry. One shard, because a task's shard follows from its id, which differs from one
/// execution of a model to the next.
#[derive(Debug)]
pub struct Queue {
    /// What is queued.
    pub entries: Entries,
    /// Who is alive.
    pub registry: TaskRegistry,
}

impl Queue {
    /// Empty.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { entries: Entries::new(), registry: TaskRegistry::new(1) })
    }
}

impl Schedule for Queue {
    fn schedule(&self, task: Runnable) {
        self.entries.push(task);
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}
