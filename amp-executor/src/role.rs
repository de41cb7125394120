//! What the workers, the handles and the futures of one role share.

mod admit;
mod ending;
mod worker_state;

use std::any::TypeId;
use std::fmt;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use executor_common::sync::asymmetric::Fences;
use executor_common::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use executor_common::sync::{Condvar, Counter, LOOM, Mutex};
use executor_common::{
    DomainId, PanicHook, Role, RunOutcome, Runnable, Schedule, TaskRegistry, Unparker,
    WorkerCounters,
};

pub(crate) use admit::Terms;
pub(crate) use worker_state::WorkerState;

use crate::channel::{Channel, Origin};
use crate::queued::{Queued, Route, WaitClock};

/// A role at run time.
pub(crate) struct RoleState {
    pub(crate) role: Role,
    /// Its place in the declaration.
    pub(crate) index: usize,
    /// The executor that it belongs to.
    pub(crate) executor: DomainId,
    /// The number of its first worker in the executor.
    pub(crate) first_worker: usize,
    /// The numbers of the workers that lend to it.
    pub(crate) lender_numbers: Box<[usize]>,
    /// Its tasks and its workers: a worker that waits for a task of its own role may run it in place.
    domain: DomainId,
    /// No thread is in it: timed tasks run when they are due, and futures that are made on one worker run there, and not where
    /// somebody waits for them.
    nobodys_domain: DomainId,
    pub(crate) channel: Channel<Queued>,
    pub(crate) clock: WaitClock,
    pub(crate) registry: TaskRegistry,
    pub(crate) workers: Box<[WorkerState]>,
    pub(crate) refusals: Refusals,
    /// What became of tasks that were taken by others than the role's own workers: those who lend to it, and the thread
    /// of a shutdown.
    pub(crate) elsewhere: Mutex<WorkerCounters>,
    /// Lenders that hold a task of this role, or are about to take one.
    borrowed: AtomicUsize,
    /// The worker that the next task goes to which has to go to one, modulo their number.
    next_worker: AtomicUsize,
    /// The types that each worker has a value of.
    state_types: Box<[TypeId]>,
    /// Read after each task, and almost never written.
    flags: CachePadded<Flags>,
    fences: Fences,
    on_panic: Option<PanicHook>,
    /// How many workers have not left.
    alive: Mutex<usize>,
    left: Condvar,
}

#[derive(Debug)]
struct Flags {
    /// The channel has been closed, or is about to be. Apart from the rings' own marks so that a worker can ask
    /// after each task without touching the producers' cache lines.
    closing: AtomicBool,
    /// What has been accepted is to be cancelled, not run.
    stopping: AtomicBool,
}

/// Tasks that were turned away.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// For want of room, at once.
    pub(crate) full: Counter,
    /// Because the role had been closed.
    pub(crate) closed: Counter,
    /// Because their spawner's time was up.
    pub(crate) timed_out: Counter,
    /// Because waiting, for room or for an answer, would never have ended.
    pub(crate) would_deadlock: Counter,
    /// Calls that were admitted, and whose answer would never have come.
    pub(crate) hopeless_calls: Counter,
}

/// What a worker may do with the task that it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Permission {
    Run,
    Cancel,
}

/// What a role is made of.
pub(crate) struct RoleParts {
    pub(crate) role: Role,
    pub(crate) index: usize,
    pub(crate) executor: DomainId,
    pub(crate) first_worker: usize,
    pub(crate) capacity: usize,
    pub(crate) cores: Vec<usize>,
    pub(crate) unparkers: Vec<Unparker>,
    /// The numbers and unparkers of those that lend to it.
    pub(crate) lenders: Vec<(usize, Unparker)>,
    /// Those of spawners and workers that lie down.
    pub(crate) sleep_fences: Fences,
    pub(crate) state_types: Vec<TypeId>,
    pub(crate) epoch: Instant,
    pub(crate) measures_delays: bool,
    pub(crate) on_panic: Option<PanicHook>,
}

/// More shards than this do not make spawning futures any faster. In a model there is one: a task's shard follows from its id,
/// which differs from one execution to the next.
const MAX_REGISTRY_SHARDS: usize = if LOOM { 1 } else { 8 };

impl RoleState {
    pub(crate) fn new(parts: RoleParts) -> Self {
        let worker = |core: &usize| {
            WorkerState::new(parts.epoch, *core, parts.capacity, parts.measures_delays)
        };
        let workers: Box<[_]> = parts.cores.iter().map(worker).collect();
        let (lender_numbers, lenders): (Vec<_>, Vec<_>) = parts.lenders.into_iter().unzip();
        let flags = Flags { closing: AtomicBool::new(false), stopping: AtomicBool::new(false) };
        Self {
            role: parts.role,
            index: parts.index,
            executor: parts.executor,
            first_worker: parts.first_worker,
            lender_numbers: lender_numbers.into(),
            domain: DomainId::unique(),
            nobodys_domain: DomainId::unique(),
            channel: Channel::new(parts.capacity, parts.unparkers, lenders, parts.sleep_fences),
            clock: WaitClock::new(parts.epoch, parts.measures_delays),
            registry: TaskRegistry::new(workers.len().clamp(1, MAX_REGISTRY_SHARDS)),
            refusals: Refusals::default(),
            elsewhere: Mutex::new(WorkerCounters::new(parts.epoch)),
            borrowed: AtomicUsize::new(0),
            next_worker: AtomicUsize::new(0),
            state_types: parts.state_types.into(),
            flags: CachePadded::new(flags),
            fences: Fences::new(),
            alive: Mutex::new(workers.len()),
            left: Condvar::new(),
            on_panic: parts.on_panic,
            workers,
        }
    }

    /// The domain of the tasks that any of its workers may run.
    pub(crate) fn domain(&self) -> DomainId {
        self.domain
    }

    /// Whether workers of other roles may take closures of this one.
    pub(crate) fn has_lenders(&self) -> bool {
        !self.lender_numbers.is_empty()
    }

    /// Whether each worker has a value of this type.
    pub(crate) fn has_state(&self, state: TypeId) -> bool {
        self.state_types.contains(&state)
    }

    /// The place of the worker on `core`.
    pub(crate) fn worker_on(&self, core: usize) -> Option<usize> {
        self.workers.iter().position(|worker| worker.core == core)
    }

    /// `worker` has taken a task from `origin`: makes that known, and asks whether to run it.
    #[inline]
    pub(crate) fn begin_task(&self, worker: &WorkerState, origin: Option<Origin>) -> Permission {
        worker.decide(self.fences);
        match origin {
            Some(origin) => self.channel.after_take(origin),
            None => self.channel.pass_on(),
        }
        if self.is_stopping() {
            worker.end_task();
            return Permission::Cancel;
        }
        worker.enter_task();
        Permission::Run
    }

    /// Whether what has been accepted is to be cancelled.
    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        // Ordering: Relaxed; nothing is read on the strength of it. Who decides on a task has a fence before this look (`stop`), who
        // leaves has seen the channel closed, and who falls asleep is woken after the store or looks after it.
        self.flags.stopping.load(Ordering::Relaxed)
    }

    /// Whether the end has begun.
    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        // Ordering: Relaxed; a worker that goes to sleep has the lock of the sleepers' list between the close and its look.
        self.flags.closing.load(Ordering::Relaxed)
    }

    /// A task is over. If it was the last one that sleeping workers stayed for, they are woken.
    #[inline]
    pub(crate) fn task_is_over(&self) {
        // A worker that goes to sleep after the close saw a future in the registry has `closing` visible to whoever takes
        // that future out later, by the locks of sleepers and registry; a worker that went to sleep before is woken by the
        // close.
        if self.is_closing() && self.registry.is_empty() {
            self.channel.wake_all();
        }
    }

    /// A task has been taken and ended by somebody else than the role's workers.
    pub(crate) fn count_elsewhere(&self, outcome: &RunOutcome) {
        self.elsewhere.lock().count(outcome);
    }

    /// A lender has taken a task that it may not run.
    pub(crate) fn send_home(&self, queued: Queued, origin: Origin) {
        let Origin::Lane(lane, _) = origin else { unreachable!("local futures are not lent") };
        if let Err(queued) = self.channel.push_woken(lane, queued) {
            self.cancel_elsewhere(queued.task);
        }
    }

    /// Cancels a task on a thread that is none of the role's workers.
    fn cancel_elsewhere(&self, task: Runnable) {
        let outcome = task.cancel_reporting(self.on_panic.as_ref());
        self.count_elsewhere(&outcome);
    }
}

impl Schedule for RoleState {
    fn schedule(&self, task: Runnable) {
        let route = Route::from_tag(task.tag());
        let queued = self.clock.queue(task);
        let refused = match route {
            Route::Lane(lane) => self.channel.push_woken(lane, queued),
            Route::Local(worker) => self.channel.push_local(worker, queued),
        };
        if let Err(queued) = refused {
            // The workers have ended, and nobody else will take it.
            self.cancel_elsewhere(queued.task);
        }
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

impl fmt::Debug for RoleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleState")
            .field("role", &self.role)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
