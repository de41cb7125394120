//! What all of a pool's threads and handles have in common.

use std::num::NonZeroUsize;
use std::time::Instant;

use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::sync::{Arc, Counter, asymmetric};
use executor_common::{
    DomainId, ExecutorMetrics, TaskRegistry, Unparker, WorkerCounters, utilisation,
};

use crate::admission::Admission;
use crate::fork::{JobRef, Private, Returned};
use crate::inbox::Inbox;
use crate::labels::Labels;
use crate::local::Own;
use crate::observe::{Delays, Hooks};
use crate::queue::Stealer;
use crate::run_queue::RunQueueRemote;
use crate::shutdown::Lifecycle;
use crate::sleep::Sleep;
use crate::spares::Spares;

/// The pool: everything but the threads themselves.
pub(crate) struct Shared {
    /// Threads that may run the pool's tasks in place.
    pub(crate) domain: DomainId,
    /// Tasks from outside, and futures woken there.
    pub(crate) inbox: Inbox,
    /// Workers that are there from beginning to end; the others are spares.
    pub(crate) core_workers: usize,
    /// By worker, spares included.
    remotes: Box<[Remote]>,
    /// How many of them have ever had a thread, from the first on.
    seats_used: AtomicUsize,
    pub(crate) spares: Spares,
    /// Where the number of queued tasks is limited.
    pub(crate) admission: Option<Arc<Admission>>,
    pub(crate) sleep: Sleep,
    pub(crate) registry: TaskRegistry,
    pub(crate) lifecycle: Lifecycle,
    /// Forked jobs that a waiting worker took by mistake; rarely anything.
    pub(crate) returned: Returned,
    pub(crate) labels: Labels,
    /// Tasks that were cancelled outside of any worker's loop.
    pub(crate) cancelled: Counter,
    pub(crate) hooks: Hooks,
    /// Where it is measured how long tasks wait and run.
    pub(crate) delays: Option<std::sync::Arc<Delays>>,
    /// Whether anybody wants to know when a task starts and ends.
    pub(crate) observes_tasks: bool,
    epoch: Instant,
}

/// What others reach of a worker.
pub(crate) struct Remote {
    pub(crate) tasks: RunQueueRemote,
    /// Forked jobs that it shares, and those that it does not yet.
    pub(crate) jobs: Stealer<JobRef>,
    pub(crate) private: Private,
    pub(crate) own: Own,
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

/// What the user has chosen for the pool as a whole.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) hooks: Hooks,
    pub(crate) measures_delays: bool,
    /// How many tasks may be queued.
    pub(crate) limit: Option<usize>,
}

/// Shards of the registry: enough that threads that spawn futures at once rarely meet.
const REGISTRY_SHARDS: usize = if executor_common::sync::MODEL { 1 } else { 16 };

impl Shared {
    pub(crate) fn new(
        core_workers: usize,
        remotes: Box<[Remote]>,
        sleep: Sleep,
        spares: Spares,
        settings: Settings,
        epoch: Instant,
    ) -> Self {
        let Settings { hooks, measures_delays, limit } = settings;
        let delays = measures_delays.then(|| std::sync::Arc::new(Delays::new(remotes.len())));
        Self {
            observes_tasks: measures_delays
                || hooks.on_task_start.is_some()
                || hooks.on_task_end.is_some(),
            delays,
            domain: DomainId::unique(),
            core_workers,
            seats_used: AtomicUsize::new(core_workers),
            spares,
            inbox: Inbox::new(),
            admission: limit
                .and_then(NonZeroUsize::new)
                .map(|limit| Arc::new(Admission::new(limit))),
            lifecycle: Lifecycle::new(core_workers),
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

    /// Those who have, or once had, a thread, by index. The others have never had any work.
    #[inline]
    pub(crate) fn remotes(&self) -> &[Remote] {
        // Ordering: Relaxed. A spare's first push comes after the store, and whoever must not miss that push has a fence
        // before this load.
        &self.remotes[..self.seats_used.load(Ordering::Relaxed)]
    }

    /// One of [`remotes`](Self::remotes).
    #[inline]
    pub(crate) fn remote(&self, worker: usize) -> &Remote {
        &self.remotes[worker]
    }

    /// Whether anybody could stand in for a worker that blocks.
    pub(crate) fn has_spares(&self) -> bool {
        self.remotes.len() > self.core_workers
    }

    /// A spare is about to have a thread.
    pub(crate) fn use_seat(&self, index: usize) {
        // Ordering: Relaxed; see `remotes`.
        self.seats_used.fetch_max(index + 1, Ordering::Relaxed);
    }

    /// Whether there is anything that every worker may take.
    pub(crate) fn is_work_visible(&self) -> bool {
        !self.inbox.is_empty()
            || !self.returned.is_empty()
            || self
                .remotes()
                .iter()
                .any(|remote| !remote.jobs.is_empty() || !remote.tasks.is_empty())
            || self.remotes().iter().any(|remote| remote.private.is_seizable())
    }

    /// Asks everybody to share from now on what they have to themselves. What anybody has had before is seen by a look that comes
    /// next; what comes later, its owner shares, and wakes somebody for it. For a worker after which nobody may look for a while. It
    /// has fenced since it changed the counts.
    pub(crate) fn ask_everybody(&self, asker: usize) {
        let mut unfenced = false;
        for (index, remote) in self.remotes().iter().enumerate() {
            if index == asker {
                // It knows what it has.
                remote.tasks.ask();
                remote.private.ask();
            } else {
                unfenced |= remote.tasks.ask_before_sleep() | remote.private.ask_before_sleep();
            }
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
        let remote = self.remote(victim);
        remote.private.seize(victim, || !remote.jobs.is_empty())
    }

    /// Begins an orderly end: what has been accepted runs, others are turned away.
    pub(crate) fn drain(&self) {
        self.lifecycle.drain();
        self.close_admission();
        self.sleep.call_all();
    }

    /// Those who wait for room wait for nothing.
    fn close_admission(&self) {
        if let Some(admission) = &self.admission {
            admission.close();
        }
    }

    /// Begins the end: workers leave after the task that they run, and what is queued is cancelled.
    pub(crate) fn stop(&self) {
        self.lifecycle.stop();
        self.close_admission();
        // Suspended futures are scheduled for cancellation, and meet the mark.
        self.registry.close();
        self.forget_late_wake_ups();
        self.drain_inbox();
        self.sleep.call_all();
    }

    pub(crate) fn metrics(&self) -> ExecutorMetrics {
        let mut metrics = ExecutorMetrics::default();
        metrics.global_queue_depth = self.inbox.len();
        metrics.live_futures = self.registry.len();
        metrics.wakes_sent = self.sleep.wakes_sent();
        metrics.compensating_threads = self.sleep.spares_in_play();
        metrics.uncompensated_blocks = self.spares.refused();
        metrics.schedule_delay = self.delays.as_ref().map(|delays| delays.snapshot());
        metrics.workers = self
            .remotes()
            .iter()
            .enumerate()
            .map(|(index, remote)| {
                let mut worker = remote.counters.snapshot();
                worker.index = index;
                worker.claimed += remote.tasks.forgotten();
                worker.queue_depth = remote.tasks.len() + remote.own.len();
                worker
            })
            .collect();
        metrics.roles = self.labels.snapshot();
        // Behind all that was busy meanwhile, so that no worker was busy for longer than that.
        metrics.uptime = self.epoch.elapsed();
        for role in &mut metrics.roles {
            role.workers = self.core_workers;
            role.utilisation = utilisation(role.busy, metrics.uptime, role.workers);
        }
        metrics
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A waker may have scheduled between the workers' end and the last reference's.
        self.drain_inbox();
    }
}
