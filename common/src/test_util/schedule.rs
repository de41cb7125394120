//! Which task is next, and what is done when none is ready.

use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::clock::Clock;
use super::executor::TestBuilder;
use super::tasks::{Entry, Tasks};
use crate::role::Role;
use crate::sync::{Arc, Mutex};
use crate::task::{
    DomainId, JoinHandle, PanicHook, RunOutcome, Runnable, Schedule, TaskPanic, TaskRegistry,
    apart, closure_task, current_domain, enter_domain, future_task,
};

crate::sync::thread_local! {
    /// The executor that the calling thread is the worker of.
    static HERE: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

/// What the executor, its handles, its tasks and its timers share.
///
/// No lock is held while foreign code runs: tasks, wakers, destructors.
pub(super) struct Shared {
    domain: DomainId,
    registry: TaskRegistry,
    pub(super) tasks: Mutex<Tasks>,
    pub(super) clock: Clock,
    queue: Mutex<Queue>,
    max_steps: u64,
    /// Panics that no handle took.
    pub(super) unclaimed: std::sync::Arc<Mutex<Vec<TaskPanic>>>,
}

struct Queue {
    ready: Vec<Runnable>,
    rng: Pcg32,
    steps: u64,
    is_closed: bool,
    /// Why the run has been given up. A task may have caught the panic.
    failure: Option<String>,
}

impl Shared {
    pub(super) fn new(settings: &TestBuilder, seed: u64) -> Arc<Self> {
        let queue = Queue {
            ready: Vec::new(),
            rng: Pcg32::seed_from_u64(seed),
            steps: 0,
            is_closed: false,
            failure: None,
        };
        Arc::new(Self {
            domain: DomainId::unique(),
            registry: TaskRegistry::new(1),
            tasks: Mutex::new(Tasks::new(settings.capacities.clone())),
            clock: Clock::new(),
            queue: Mutex::new(queue),
            max_steps: settings.max_steps,
            unclaimed: std::sync::Arc::default(),
        })
    }

    /// Makes the calling thread the worker.
    ///
    /// It does not enter the domain: a handle that is waited for would run its task in place then, and the order would be its.
    pub(super) fn enter(self: &Arc<Self>) {
        let is_free = current_domain() == DomainId::NONE && here().is_none();
        assert!(is_free, "this thread is the worker of another executor");
        let unclaimed = std::sync::Arc::clone(&self.unclaimed);
        let hook: PanicHook = std::sync::Arc::new(move |panic| unclaimed.lock().push(panic));
        enter_domain(DomainId::NONE, Some(hook));
        HERE.with(|here| *here.borrow_mut() = Some(Arc::clone(self)));
    }

    /// Ends what [`Shared::enter`] began.
    pub(super) fn leave(&self) {
        // During the thread's own destructors there is nothing to leave.
        let share = HERE.try_with(|here| here.borrow_mut().take());
        enter_domain(DomainId::NONE, None);
        drop(share);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.lock().is_closed
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.queue.lock().failure.clone()
    }

    pub(super) fn spawn<F, T>(
        self: &Arc<Self>,
        role: Option<Role>,
        spawned_at: &'static Location<'static>,
        f: F,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut entry = Entry::new(self, role, spawned_at);
        let number = entry.number;
        let (task, handle) = closure_task(self.domain, move || {
            entry.begin();
            f()
        });
        self.tasks.lock().name(number, handle.id());
        self.push(task);
        handle
    }

    pub(super) fn spawn_future<F>(
        self: &Arc<Self>,
        role: Option<Role>,
        spawned_at: &'static Location<'static>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut entry = Entry::new(self, role, spawned_at);
        let number = entry.number;
        let future = async move {
            entry.begin();
            future.await
        };
        // SAFETY: no thread is in the domain, and whoever calls `step`, where tasks are run, has a share.
        let (task, handle) = unsafe { future_task(self.domain, future, self) };
        self.tasks.lock().name(number, handle.id());
        self.push(task);
        handle
    }

    fn push(&self, task: Runnable) {
        let refused = {
            let mut queue = self.queue.lock();
            if queue.is_closed {
                Some(task)
            } else {
                queue.ready.push(task);
                None
            }
        };
        drop(refused);
    }

    /// Runs one of the ready tasks. False if there is none.
    pub(super) fn step(&self) -> bool {
        let task = {
            let mut queue = self.queue.lock();
            let ready = queue.ready.len() as u64;
            if ready == 0 {
                return false;
            }
            queue.steps += 1;
            if queue.steps > self.max_steps {
                drop(queue);
                let limit = self.max_steps;
                self.fail(format!("livelock: no end after {limit} steps{}", self.waiting()));
            }
            // Below `ready`, and as good as uniform for any number of tasks that fits into memory.
            let chosen = (u64::from(queue.rng.next_u32()) * ready) >> 32;
            queue.ready.swap_remove(chosen as usize)
        };
        let id = task.id();
        self.tasks.lock().on_stack.push(id);
        // Where a task waits, this one runs on top of it, and is no part of it.
        let outcome = apart(|| task.run());
        self.tasks.lock().on_stack.pop();
        if let RunOutcome::Yielded(again) = outcome {
            self.push(again);
        }
        true
    }

    /// Runs a task, or lets the time pass until one is ready, at most until `limit`. False if there is nothing to wait for.
    pub(super) fn go_on(&self, limit: Option<Duration>) -> bool {
        self.step() || self.clock.advance(limit)
    }

    /// Gives the run up, for somebody who waits and would wait for ever.
    pub(super) fn deadlock(&self, waits_for: &str) -> ! {
        let tasks = self.waiting();
        self.fail(format!("deadlock: {waits_for}, nothing is ready, and no timer runs{tasks}"))
    }

    fn waiting(&self) -> String {
        let tasks = self.tasks.lock();
        if tasks.is_empty() { String::new() } else { format!("; not done:{tasks}") }
    }

    fn fail(&self, failure: String) -> ! {
        self.queue.lock().failure.get_or_insert_with(|| failure.clone());
        panic!("{failure}");
    }

    /// Cancels what is left.
    pub(super) fn close(&self) {
        self.queue.lock().is_closed = true;
        self.registry.close();
        loop {
            let left = self.queue.lock().ready.pop();
            let Some(task) = left else { break };
            let _ = task.cancel();
        }
    }

    /// Runs other tasks until there is a token, or `deadline` has come. True if it took a token.
    fn park(&self, deadline: Option<Instant>, take_token: impl Fn() -> bool) -> bool {
        let deadline = deadline.map(|deadline| self.clock.since_beginning(deadline));
        loop {
            if take_token() {
                return true;
            }
            if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                return false;
            }
            if !self.go_on(deadline) {
                self.deadlock("a wait on the test's thread");
            }
        }
    }
}

impl Schedule for Shared {
    fn schedule(&self, task: Runnable) {
        self.push(task);
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

/// The executor that the calling thread is the worker of.
fn here() -> Option<Arc<Shared>> {
    HERE.try_with(|here| here.borrow().clone()).ok().flatten()
}

/// Whether the calling thread is the worker.
pub(super) fn is_here(shared: &Arc<Shared>) -> bool {
    here().is_some_and(|here| Arc::ptr_eq(&here, shared))
}

/// In place of sleeping, where the calling thread is a test executor's worker: runs its tasks until there is a token, or
/// `deadline` has come. `None` on all other threads.
pub(crate) fn park_here(deadline: Option<Instant>, take_token: impl Fn() -> bool) -> Option<bool> {
    here().map(|shared| shared.park(deadline, take_token))
}

/// The time, where the calling thread is a test executor's worker.
pub(crate) fn virtual_now() -> Option<Instant> {
    here().map(|shared| shared.clock.instant())
}
