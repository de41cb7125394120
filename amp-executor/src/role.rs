//! What the workers, the handles and the futures of one role share.

use std::fmt;
use std::time::Instant;

use executor_common::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use executor_common::sync::{Arc, Condvar, Counter, Mutex, MutexGuard};
use executor_common::{
    DomainId, JoinHandle, PanicHook, Role, RunOutcome, Runnable, Schedule, TaskRegistry,
    TrySpawnError, Unparker, WorkerCounters, closure_task, future_task, reclaim_closure,
};

use crate::channel::{Channel, Pop, PushError, Source};

/// A role at run time.
pub(crate) struct RoleState {
    pub(crate) role: Role,
    /// Its place in the declaration.
    pub(crate) index: usize,
    /// The executor that it belongs to.
    pub(crate) executor: DomainId,
    /// Its tasks and its workers: a worker that waits for a task of its own role may run it in place.
    pub(crate) domain: DomainId,
    pub(crate) channel: Channel<Runnable>,
    pub(crate) registry: TaskRegistry,
    pub(crate) workers: Box<[WorkerState]>,
    /// Tasks turned away for want of room.
    pub(crate) rejected: Counter,
    /// Tasks that the shutdown's own thread has cancelled.
    pub(crate) cancelled: Counter,
    /// The channel has been closed, or is about to be. Apart from the ring's own mark so that a worker can ask
    /// after each task without touching the producers' cache line.
    closing: AtomicBool,
    /// What has been accepted is to be cancelled, not run.
    stopping: AtomicBool,
    on_panic: Option<PanicHook>,
    /// How many workers have not left.
    alive: Mutex<usize>,
    left: Condvar,
}

/// What others see of a worker.
#[derive(Debug)]
pub(crate) struct WorkerState {
    pub(crate) counters: WorkerCounters,
    /// The CPU it was last seen on, plus one; zero where that is not known.
    pub(crate) last_cpu: Counter,
    phase: AtomicU32,
}

/// The worker holds no task. Once it sees that the role is stopping it starts none, and leaves.
const IDLE: u32 = 0;
/// The worker runs a task.
const IN_TASK: u32 = 1;
/// The worker has left.
const GONE: u32 = 2;

/// What a worker may do with the task that it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Permission {
    Run,
    Cancel,
}

impl WorkerState {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            counters: WorkerCounters::new(epoch),
            last_cpu: Counter::new(),
            phase: AtomicU32::new(IDLE),
        }
    }

    fn set_phase(&self, phase: u32) {
        // Ordering: Release pairs with the Acquire in `phase`, so that who sees that a task is over sees
        // what it counted.
        self.phase.store(phase, Ordering::Release);
    }

    fn phase(&self) -> u32 {
        // Ordering: see `set_phase`.
        self.phase.load(Ordering::Acquire)
    }

    /// Whether the worker has left.
    pub(crate) fn has_left(&self) -> bool {
        self.phase() == GONE
    }

    /// The task that `begin_task` permitted is over.
    pub(crate) fn end_task(&self) {
        self.set_phase(IDLE);
    }
}

/// What a role is made of.
pub(crate) struct RoleParts {
    pub(crate) role: Role,
    pub(crate) index: usize,
    pub(crate) executor: DomainId,
    pub(crate) capacity: usize,
    pub(crate) unparkers: Vec<Unparker>,
    pub(crate) epoch: Instant,
    pub(crate) on_panic: Option<PanicHook>,
}

/// More shards than this do not make spawning futures any faster.
const MAX_REGISTRY_SHARDS: usize = 8;

impl RoleState {
    pub(crate) fn new(parts: RoleParts) -> Self {
        let workers: Box<[_]> =
            parts.unparkers.iter().map(|_| WorkerState::new(parts.epoch)).collect();
        Self {
            role: parts.role,
            index: parts.index,
            executor: parts.executor,
            domain: DomainId::unique(),
            channel: Channel::new(parts.capacity, parts.unparkers),
            registry: TaskRegistry::new(workers.len().clamp(1, MAX_REGISTRY_SHARDS)),
            rejected: Counter::new(),
            cancelled: Counter::new(),
            closing: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            alive: Mutex::new(workers.len()),
            left: Condvar::new(),
            on_panic: parts.on_panic,
            workers,
        }
    }

    /// Admits a closure if there is room now.
    pub(crate) fn try_closure<F, T>(&self, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // A look before the allocation: under pressure most attempts end here.
        match self.channel.ring().probe() {
            Ok(()) => {}
            Err(PushError::Full(())) => return Err(TrySpawnError::Full(f)),
            Err(PushError::Closed(())) => return Err(TrySpawnError::Closed(f)),
        }
        let (runnable, handle) = closure_task(self.domain, f);
        let (refused, error): (_, fn(F) -> _) = match self.channel.push(runnable) {
            Ok(()) => return Ok(handle),
            Err(PushError::Full(runnable)) => (runnable, TrySpawnError::Full),
            Err(PushError::Closed(runnable)) => (runnable, TrySpawnError::Closed),
        };
        // SAFETY: the two come from the call above, with this `F`; the push has not let the one out of
        // its hands, and nothing has been done with the other.
        Err(error(unsafe { reclaim_closure(refused, handle) }))
    }

    /// Admits a future if there is room now.
    ///
    /// A future cannot be taken out of its cell again, hence the cell is made once there is a place for it.
    pub(crate) fn try_future<F>(
        this: &Arc<Self>,
        future: F,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let admitted = this.channel.push_with(future, |future| {
            // SAFETY: only the role's workers run its tasks, and only they enter its domain, which they leave before
            // they give up their share of the role.
            unsafe { future_task(this.domain, future, this) }
        });
        admitted.map_err(|error| match error {
            PushError::Full(future) => TrySpawnError::Full(future),
            PushError::Closed(future) => TrySpawnError::Closed(future),
        })
    }

    /// Whether the channel takes nothing any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.channel.ring().is_closed()
    }

    /// Whether a push would find room, as far as can be seen.
    pub(crate) fn has_room(&self) -> bool {
        !matches!(self.channel.ring().probe(), Err(PushError::Full(())))
    }

    /// A worker has taken a task from `source`: makes that known, and asks whether to run it.
    pub(crate) fn begin_task(&self, worker: &WorkerState, source: Source) -> Permission {
        if self.is_stopping() {
            self.channel.after_take(source);
            return Permission::Cancel;
        }
        // Ordering: Relaxed; the fence below orders it before the second look.
        worker.phase.store(IN_TASK, Ordering::Relaxed);
        // Ordering: pairs with the fence in `stop`. Without it this worker could miss that the role is
        // stopping while the stopper misses that the worker runs a task, and would wait for it to leave. (No
        // model misses it: only a shutdown whose time is up looks, and there is no time in a model.)
        fence(Ordering::SeqCst);
        self.channel.after_take(source);
        if self.is_stopping() {
            worker.set_phase(IDLE);
            return Permission::Cancel;
        }
        Permission::Run
    }

    /// Whether what has been accepted is to be cancelled.
    pub(crate) fn is_stopping(&self) -> bool {
        // Ordering: Acquire, so that a worker that sees it also sees the channel closed.
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether a worker that finds nothing to do may leave for good. The channel is closed and empty, and no
    /// admitted future is left that could be woken.
    pub(crate) fn may_leave(&self) -> bool {
        self.channel.ring().is_drained() && (self.is_stopping() || self.registry.is_empty())
    }

    /// A task is over. If it was the last one that sleeping workers stayed for, they are woken.
    pub(crate) fn task_is_over(&self) {
        // Ordering: Relaxed. A worker that goes to sleep after the close saw a future in the registry has
        // `closing` visible to whoever takes that future out later, by the locks of sleepers and registry; a
        // worker that went to sleep before is woken by the close.
        if self.closing.load(Ordering::Relaxed) && self.registry.is_empty() {
            self.channel.wake_all();
        }
    }

    /// Takes nothing any more. What has been accepted is run, and then the workers leave.
    pub(crate) fn close(&self) {
        // Ordering: Relaxed; see `task_is_over`.
        self.closing.store(true, Ordering::Relaxed);
        self.channel.close();
    }

    /// Takes nothing any more, and tells the workers to cancel what they have not started.
    pub(crate) fn stop(&self) {
        self.close();
        // Ordering: Release, see `is_stopping`.
        self.stopping.store(true, Ordering::Release);
        // Ordering: pairs with the fence in `begin_task`.
        fence(Ordering::SeqCst);
        self.registry.close();
        self.channel.wake_all();
    }

    /// Cancels on the calling thread what waits, for a role whose workers may all be held by running tasks.
    /// [`RoleState::stop`] comes first.
    pub(crate) fn cancel_waiting(&self) {
        let count = |task: Runnable| {
            if !matches!(task.cancel_reporting(self.on_panic.as_ref()), RunOutcome::Stale) {
                self.cancelled.add(1);
            }
        };
        self.channel.end().into_iter().for_each(count);
        loop {
            match self.channel.take(Source::Ring) {
                Pop::Item((task, _)) => count(task),
                Pop::Closed => return,
                // A push that came before the close is not published yet.
                Pop::Empty => executor_common::sync::thread::yield_now(),
            }
        }
    }

    /// A worker leaves. The last one turns the lights off: what is woken from now on is cancelled.
    pub(crate) fn leave(&self, worker: &WorkerState) {
        let mut alive = self.alive.lock();
        *alive -= 1;
        let is_last = *alive == 0;
        drop(alive);
        if is_last {
            self.cancel_waiting();
        }
        let alive = self.alive.lock();
        worker.set_phase(GONE);
        drop(alive);
        self.left.notify_all();
    }

    /// How many workers run a task now.
    pub(crate) fn in_task(&self) -> usize {
        self.workers.iter().filter(|worker| worker.phase() == IN_TASK).count()
    }

    /// Waits until all workers have left, or until `deadline`. True if they have.
    pub(crate) fn wait_until_left(&self, deadline: Option<Instant>) -> bool {
        self.wait_while(deadline, |phase| phase != GONE)
    }

    /// Waits until no worker is on its way out: each has left, or holds a task. The role is stopping.
    pub(crate) fn wait_until_settled(&self) {
        self.wait_while(None, |phase| phase == IDLE);
    }

    fn wait_while(&self, deadline: Option<Instant>, keeps_waiting: impl Fn(u32) -> bool) -> bool {
        let mut guard: MutexGuard<'_, usize> = self.alive.lock();
        while self.workers.iter().any(|worker| keeps_waiting(worker.phase())) {
            match deadline {
                None => self.left.wait(&mut guard),
                Some(deadline) => {
                    if self.left.wait_until(&mut guard, deadline).timed_out() {
                        return !self.workers.iter().any(|worker| keeps_waiting(worker.phase()));
                    }
                }
            }
        }
        true
    }
}

impl Schedule for RoleState {
    fn schedule(&self, task: Runnable) {
        if let Err(task) = self.channel.push_woken(task) {
            // The workers have ended, and nobody else will take it.
            if matches!(task.cancel_reporting(self.on_panic.as_ref()), RunOutcome::Cancelled) {
                self.cancelled.add(1);
            }
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
