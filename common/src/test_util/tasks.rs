//! Which tasks there are, for whoever wants to know why nothing goes on; and how many wait in a role's queue.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::Location;

use super::schedule::Shared;
use crate::role::Role;
use crate::sync::Arc;
use crate::task::TaskId;

/// The tasks that are not done.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// By number, in the order of the spawns. The same in each run, which a [`TaskId`] is not.
    live: BTreeMap<u64, Task>,
    spawned: u64,
    capacities: HashMap<Role, usize>,
    /// Tasks that have not begun, by role.
    queued: HashMap<Role, usize>,
    /// Those that run or block, the innermost last.
    pub(super) on_stack: Vec<TaskId>,
}

#[derive(Clone, Copy, Debug)]
struct Task {
    /// Not known before the task has been made.
    id: Option<TaskId>,
    role: Option<Role>,
    spawned_at: &'static Location<'static>,
}

impl Tasks {
    pub(super) fn new(capacities: HashMap<Role, usize>) -> Self {
        Self { capacities, ..Self::default() }
    }

    pub(super) fn has_room(&self, role: Role) -> bool {
        let queued = self.queued.get(&role).copied().unwrap_or(0);
        self.capacities.get(&role).is_none_or(|capacity| queued < *capacity)
    }

    pub(super) fn add(
        &mut self,
        role: Option<Role>,
        spawned_at: &'static Location<'static>,
    ) -> u64 {
        self.spawned += 1;
        self.live.insert(self.spawned, Task { id: None, role, spawned_at });
        if let Some(role) = role {
            *self.queued.entry(role).or_default() += 1;
        }
        self.spawned
    }

    pub(super) fn name(&mut self, number: u64, id: TaskId) {
        if let Some(task) = self.live.get_mut(&number) {
            task.id = Some(id);
        }
    }

    fn begin(&mut self, role: Option<Role>) {
        if let Some(queued) = role.and_then(|role| self.queued.get_mut(&role)) {
            *queued -= 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}

/// Those that are not done, while nothing is ready: all of them wait.
impl fmt::Display for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, task) in &self.live {
            write!(f, "\n  task {number}")?;
            if let Some(role) = task.role {
                write!(f, " of role \"{role}\"")?;
            }
            write!(f, ", spawned at {}", task.spawned_at)?;
            if self.on_stack.iter().any(|running| Some(*running) == task.id) {
                write!(f, ", which blocks the thread")?;
            }
        }
        Ok(())
    }
}

/// In a task, from its making to its end: it is among the tasks as long as this lives.
pub(super) struct Entry {
    shared: Arc<Shared>,
    pub(super) number: u64,
    role: Option<Role>,
    has_begun: bool,
}

impl Entry {
    pub(super) fn new(
        shared: &Arc<Shared>,
        role: Option<Role>,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        let number = shared.tasks.lock().add(role, spawned_at);
        Self { shared: Arc::clone(shared), number, role, has_begun: false }
    }

    /// It does not wait in its role's queue any more.
    pub(super) fn begin(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.shared.tasks.lock().begin(self.role);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.begin();
        self.shared.tasks.lock().live.remove(&self.number);
    }
}
