//! What others see of a worker.

use std::time::Instant;

use executor_common::sync::Counter;
use executor_common::sync::asymmetric::Fences;
use executor_common::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use executor_common::{DelayHistogram, DomainId, WorkerCounters};

use crate::placement::LivePlacement;
use crate::stall::RunningTask;
use crate::timed::Timers;

/// A worker, as its role's other threads see it.
#[derive(Debug)]
pub(crate) struct WorkerState {
    pub(crate) counters: WorkerCounters,
    /// The kernel's number of its core.
    pub(crate) core: usize,
    /// Where it is.
    pub(crate) place: LivePlacement,
    /// Tasks that this worker alone may run: it runs them in place where it waits for them.
    pub(crate) domain: DomainId,
    pub(crate) timers: Timers,
    /// Local futures spawned. Written by the worker alone, as the next.
    pub(crate) local_spawned: Counter,
    /// Local futures that have not been dropped.
    pub(crate) local_alive: Counter,
    /// What it runs, for the stall watch.
    pub(crate) running: RunningTask,
    /// How late timed tasks began.
    pub(crate) lateness: DelayHistogram,
    /// How long tasks waited in the channel, where the executor was told to measure it.
    pub(crate) queue_wait: Option<DelayHistogram>,
    /// How long closures and polls took, likewise.
    pub(crate) run_time: Option<DelayHistogram>,
    phase: AtomicU32,
    /// The index of the role that it holds a task of, or is about to take one from, as a lender.
    lends_to: AtomicUsize,
}

/// In place of a role's index.
const NOBODY: usize = usize::MAX;

/// The worker holds no task. Once it sees that the role is stopping it starts none, and leaves.
const IDLE: u32 = 0;
/// The worker has taken a task, and asks whether to run it.
const DECIDING: u32 = 1;
/// The worker runs a task.
const IN_TASK: u32 = 2;
/// The worker has left.
const GONE: u32 = 3;

impl WorkerState {
    pub(crate) fn new(epoch: Instant, core: usize, capacity: usize, measures: bool) -> Self {
        let histogram = || measures.then(DelayHistogram::new);
        Self {
            counters: WorkerCounters::new(epoch),
            core,
            place: LivePlacement::default(),
            domain: DomainId::unique(),
            timers: Timers::new(epoch, capacity),
            local_spawned: Counter::new(),
            local_alive: Counter::new(),
            running: RunningTask::default(),
            lateness: DelayHistogram::new(),
            queue_wait: histogram(),
            run_time: histogram(),
            phase: AtomicU32::new(IDLE),
            lends_to: AtomicUsize::new(NOBODY),
        }
    }

    pub(super) fn set_lends_to(&self, role: Option<usize>) {
        // Ordering: Relaxed; the fence in `RoleState::lend` comes next. Who sees too late that it has ended looks again.
        self.lends_to.store(role.unwrap_or(NOBODY), Ordering::Relaxed);
    }

    /// Whether it holds a task of the role with this index, as a lender, or is about to take one.
    pub(crate) fn lends_to(&self, role: usize) -> bool {
        // Ordering: Relaxed; the caller has a fence before it (`awaited.rs`).
        self.lends_to.load(Ordering::Relaxed) == role
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

    /// Whether the worker neither runs a task nor has left.
    pub(super) fn is_between_tasks(&self) -> bool {
        matches!(self.phase(), IDLE | DECIDING)
    }

    /// Whether the worker runs a task.
    pub(crate) fn is_in_task(&self) -> bool {
        self.phase() == IN_TASK
    }

    /// A task has been taken; what is read after this is newer than what a stopper has stored before its fence.
    #[inline]
    pub(super) fn decide(&self, fences: Fences) {
        // Ordering: Relaxed; the fence below orders it before the second look.
        self.phase.store(DECIDING, Ordering::Relaxed);
        // Ordering: pairs with the slow fence in `RoleState::stop`. Without it this worker could miss that the role is stopping while
        // the stopper takes it to run the task before this one: a task would begin behind the end.
        fences.fast();
    }

    /// The task begins.
    #[inline]
    pub(super) fn enter_task(&self) {
        // Ordering: Relaxed; who waits for the decision looks again.
        self.phase.store(IN_TASK, Ordering::Relaxed);
    }

    /// The task is over, or did not begin.
    #[inline]
    pub(crate) fn end_task(&self) {
        self.set_phase(IDLE);
    }

    pub(super) fn leave(&self) {
        self.set_phase(GONE);
    }
}
