//! What all of a pool's threads and handles have in common.

use std::time::Instant;

use executor_common::sync::atomic::{Ordering, fence};
use executor_common::sync::{Counter, asymmetric};
use executor_common::{
    DomainId, ExecutorMetrics, PanicHook, Priority, RunOutcome, Runnable, Schedule, TaskRegistry,
    Unparker, WorkerCounters, utilisation,
};

use crate::context;
use crate::fork::{JobRef, Private, Returned};
use crate::inbox::Inbox;
use crate::labels::Labels;
use crate::mailbox::Mailbox;
use crate::queue::Stealer;
use crate::run_queue::RunQueueRemote;
use crate::shutdown::{Lifecycle, Phase};
use crate::sleep::Sleep;

/// The pool: everything but the threads themselves.
pub(crate) struct Shared {
    /// Threads that may run the pool's tasks in place.
    pub(crate) domain: DomainId,
    /// Tasks from outside, and futures woken there.
    pub(crate) inbox: Inbox,
    /// By worker.
    pub(crate) remotes: Box<[Remote]>,
    pub(crate) sleep: Sleep,
    pub(crate) registry: TaskRegistry,
    pub(crate) lifecycle: Lifecycle,
    /// Forked jobs that a waiting worker took by mistake; rarely anything.
    pub(crate) returned: Returned,
    pub(crate) labels: Labels,
    /// Tasks that were cancelled outside of any worker's loop.
    pub(crate) cancelled: Counter,
    pub(crate) hooks: Hooks,
    epoch: Instant,
}

/// What others reach of a worker.
pub(crate) struct Remote {
    pub(crate) tasks: RunQueueRemote,
    /// Forked jobs that it shares, and those that it does not yet.
    pub(crate) jobs: Stealer<JobRef>,
    pub(crate) private: Private,
    pub(crate) mailbox: Mailbox,
    /// Wakes the worker where it waits for a forked job.
    pub(crate) fork_unparker: Unparker,
    pub(crate) counters: WorkerCounters,
    /// One while the worker runs a task or a job.
    pub(crate) held: Counter,
}

impl Remote {
    /// Whether a task holds the worker at this moment.
    pub(crate) fn is_held(&self) -> bool {
        self.held.get() != 0
    }
}

/// What the user wants to be called for.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_panic: Option<PanicHook>,
    pub(crate) on_thread_start: Option<ThreadHook>,
    pub(crate) on_thread_stop: Option<ThreadHook>,
}

/// Called on a worker's thread with the worker's index.
pub(crate) type ThreadHook = std::sync::Arc<dyn Fn(usize) + Send + Sync>;

/// Shards of the registry: enough that threads that spawn futures at once rarely meet.
const REGISTRY_SHARDS: usize = if executor_common::sync::LOOM { 1 } else { 16 };

impl Shared {
    pub(crate) fn new(remotes: Box<[Remote]>, sleep: Sleep, hooks: Hooks, epoch: Instant) -> Self {
        Self {
            domain: DomainId::unique(),
            inbox: Inbox::new(),
            lifecycle: Lifecycle::new(remotes.len()),
            remotes,
            sleep,
            registry: TaskRegistry::new(REGISTRY_SHARDS),
            returned: Returned::new(),
            labels: Labels::default(),
            cancelled: Counter::new(),
            hooks,
            epoch,
        }
    }

    /// Queues a new task. A worker's own goes to its own deque; anybody else's goes to the injector, and
    /// is turned away once the pool has been shut down.
    pub(crate) fn submit(&self, task: Runnable) {
        context::with_worker_of(self, |worker| match worker {
            Some(worker) => worker.push(task),
            None if self.lifecycle.is_open() => self.inject(task),
            None => self.cancel(task),
        });
    }

    /// Queues a task for any worker, from any thread.
    fn inject(&self, task: Runnable) {
        self.inbox.push(Priority::Normal, task);
        self.sleep.notify();
        // The fence in `notify` stands between the push and this look, `Lifecycle::stop` has one between
        // its mark and the final drain. So either this thread sees the mark, or the drain sees the push.
        if self.lifecycle.phase() == Phase::Stopping {
            self.drain_inbox();
        }
    }

    /// Cancels what is left in the inbox. The pool is stopping.
    pub(crate) fn drain_inbox(&self) {
        while let Some(task) = self.inbox.take_any() {
            self.cancel(task);
        }
    }

    fn cancel(&self, task: Runnable) {
        if let RunOutcome::Cancelled = task.cancel_reporting(self.hooks.on_panic.as_ref()) {
            self.cancelled.add(1);
        }
    }

    /// Whether there is anything that every worker may take.
    pub(crate) fn is_work_visible(&self) -> bool {
        !self.inbox.is_empty()
            || !self.returned.is_empty()
            || self.remotes.iter().any(|remote| !remote.jobs.is_empty() || !remote.tasks.is_empty())
            || self.remotes.iter().any(|remote| remote.private.is_seizable())
    }

    /// Asks everybody to share from now on what they have to themselves. What anybody has had before is seen by a look that comes
    /// next; what comes later, its owner shares, and wakes somebody for it. For a worker after which nobody may look for a while.
    pub(crate) fn ask_everybody(&self, asker: usize) {
        let mut unfenced = false;
        for (index, remote) in self.remotes.iter().enumerate() {
            remote.tasks.ask_before_sleep();
            if index == asker {
                // It knows what it has.
                remote.private.ask();
            } else {
                unfenced |= remote.private.ask_before_sleep();
            }
        }
        // Ordering: pairs with the fence in `RunQueue::share`: either this sees that a worker keeps its tasks to itself, or
        // that worker sees the question.
        fence(Ordering::SeqCst);
        for (index, remote) in self.remotes.iter().enumerate() {
            unfenced |= index != asker && remote.tasks.may_hide_a_task();
        }
        if unfenced {
            // Pairs with the light fences in `RunQueue::after_push` and in a fork.
            asymmetric::heavy();
        }
    }

    /// Whether anything is left, when the last searcher ends its search beside sleepers.
    pub(crate) fn last_look(&self, looker: usize) -> bool {
        self.ask_everybody(looker);
        self.is_work_visible()
    }

    /// Takes a forked job from a worker that has not heard the question, unless it shares any.
    pub(crate) fn seize_from(&self, victim: usize) -> Option<JobRef> {
        let remote = &self.remotes[victim];
        remote.private.seize(victim, || !remote.jobs.is_empty())
    }

    /// Begins the end: workers leave after the task that they run, and what is queued is cancelled.
    pub(crate) fn stop(&self) {
        self.lifecycle.stop();
        // Suspended futures are scheduled for cancellation, and meet the mark.
        self.registry.close();
        self.drain_inbox();
        self.sleep.call_all();
    }

    pub(crate) fn metrics(&self) -> ExecutorMetrics {
        let mut metrics = ExecutorMetrics::default();
        metrics.uptime = self.epoch.elapsed();
        metrics.global_queue_depth = self.inbox.len();
        metrics.live_futures = self.registry.len();
        metrics.workers = self
            .remotes
            .iter()
            .enumerate()
            .map(|(index, remote)| {
                let mut worker = remote.counters.snapshot();
                worker.index = index;
                worker.queue_depth = remote.tasks.len() + remote.mailbox.len();
                worker
            })
            .collect();
        metrics.roles = self.labels.snapshot();
        for role in &mut metrics.roles {
            role.workers = self.remotes.len();
            role.utilisation = utilisation(role.busy, metrics.uptime, role.workers);
        }
        metrics
    }
}

impl Schedule for Shared {
    fn schedule(&self, task: Runnable) {
        context::with_worker_of(self, |worker| match worker {
            Some(worker) => worker.push_woken(task),
            None => self.inject(task),
        });
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A waker may have scheduled between the workers' end and the last reference's.
        self.drain_inbox();
    }
}
