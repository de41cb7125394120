//! A way in for the models: the pool's own code, one worker at a time, without the threads' start and end.
//!
//! A model of a whole executor with two workers has more executions than can be explored. With these handles it
//! has the threads that matter and nothing else. Nothing here decides anything; what it calls is what ships.

use std::future::Future;
use std::num::NonZeroUsize;

use executor_common::sync::Arc;
use executor_common::{JoinHandle, Priority, Runnable, closure_task};

use crate::admission::Admission;
use crate::assemble::{Plan, assemble};
use crate::context;
use crate::fork::JobRef;
use crate::observe::Hooks;
use crate::shared::{Settings, Shared};
use crate::shutdown::Phase;
use crate::sleep::{Searching, Woken};
use crate::spawn::Route;
use crate::worker::Worker;

/// A pool whose threads are the model's.
#[derive(Clone)]
pub struct ModelPool {
    shared: Arc<Shared>,
}

/// One of its workers, for one of the model's threads.
pub struct ModelWorker {
    worker: Worker,
    shared: Arc<Shared>,
}

/// `count` workers that nobody runs yet.
pub fn pool(count: usize) -> (ModelPool, Vec<ModelWorker>) {
    pool_with_spares(count, 0)
}

/// As [`pool`], with at most `spares` threads that stand in for workers that block. The pool starts those by itself.
pub fn pool_with_spares(count: usize, spares: usize) -> (ModelPool, Vec<ModelWorker>) {
    pool_of(count, Plan { spares, ..Plan::default() })
}

/// As [`pool_with_spares`], with a hook that a worker calls when it has searched and is about to lie down.
pub fn pool_with_hook(
    count: usize,
    spares: usize,
    on_park: impl Fn(usize) + Send + Sync + 'static,
) -> (ModelPool, Vec<ModelWorker>) {
    let hooks = Hooks { on_park: Some(std::sync::Arc::new(on_park)), ..Hooks::default() };
    pool_of(
        count,
        Plan { spares, settings: Settings { hooks, ..Settings::default() }, ..Plan::default() },
    )
}

fn pool_of(count: usize, plan: Plan) -> (ModelPool, Vec<ModelWorker>) {
    let (shared, workers) = assemble(count, plan).expect("a model has memory");
    let workers = workers
        .into_iter()
        .map(|worker| ModelWorker { worker, shared: Arc::clone(&shared) })
        .collect();
    (ModelPool { shared }, workers)
}

impl ModelPool {
    /// As `SmpExecutor::spawn`: to the worker's own deque on a worker, to the injector elsewhere.
    pub fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.spawn_with(Priority::Normal, f)
    }

    /// As `SmpExecutor::spawn_with`.
    pub fn spawn_with<T: Send + 'static>(
        &self,
        priority: Priority,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let (task, handle) = closure_task(self.shared.domain, f);
        self.shared.submit(priority, task);
        handle
    }

    /// As `SmpExecutor::spawn_future`.
    pub fn spawn_future<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (task, handle) = Shared::future(&self.shared, Route::NORMAL, future);
        self.shared.submit(Priority::Normal, task);
        handle
    }

    /// As `SmpExecutor::spawn_on`.
    pub fn spawn_on<T: Send + 'static>(
        &self,
        worker: usize,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.shared.spawn_on(worker, f)
    }

    /// As `SmpExecutor::broadcast`.
    pub fn broadcast<R: Send>(&self, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
        self.shared.broadcast(f)
    }

    /// How many workers are among the sleepers.
    pub fn asleep(&self) -> usize {
        self.shared.sleep.asleep()
    }

    /// Waits until all workers and all spares have left, and for the spares' threads.
    pub fn wait(&self) {
        self.shared.lifecycle.wait(None);
        self.wait_for_spares();
    }

    /// Waits for the spares' threads. The pool is stopping.
    pub fn wait_for_spares(&self) {
        for spare in self.shared.spares.take_threads() {
            spare.join().expect("a spare does not panic");
        }
    }

    /// As a shutdown begins.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// As a drop begins.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

/// A worker that is counted as searching.
#[must_use]
pub struct ModelSearch {
    shared: Arc<Shared>,
    worker: usize,
    searching: Searching,
}

impl ModelSearch {
    /// The worker has found something, and does not care what is left.
    pub fn forget(self) {
        self.shared.sleep.stop_searching(self.searching, || false);
    }

    /// The worker has found something.
    pub fn end(self) {
        let shared = &self.shared;
        shared.sleep.stop_searching(self.searching, || shared.last_look(self.worker));
    }
}

impl ModelWorker {
    /// The worker's index.
    pub fn index(&self) -> usize {
        self.worker.index()
    }

    /// Counts the worker as searching.
    pub fn start_search(&self) -> ModelSearch {
        self.try_start_search().expect("nobody else searches")
    }

    /// Counts the worker as searching, unless too many others are.
    pub fn try_start_search(&self) -> Option<ModelSearch> {
        let searching = self.worker.shared().sleep.start_searching()?;
        let (shared, worker) = (Arc::clone(&self.shared), self.worker.index());
        Some(ModelSearch { shared, worker, searching })
    }

    /// Enters the worker among the sleepers, and does not sleep.
    pub fn lie_down(&self) {
        let _ = self.worker.shared().sleep.announce(self.worker.index(), None);
    }

    /// As `lie_down`, and takes the last look. Whether it finds something.
    pub fn lie_down_and_look(&self) -> bool {
        self.lie_down();
        self.worker.shared().last_look(self.worker.index())
    }

    /// Makes the calling thread this worker while `f` runs.
    pub fn enter(&self, f: impl FnOnce()) {
        context::enter(&self.worker, f);
    }

    /// Takes turns until `done`: runs tasks and jobs, searches, sleeps. Call it inside of `enter`.
    pub fn work_until(&self, done: impl Fn() -> bool) {
        self.take_turns(None, done);
    }

    /// As `work_until`, by a worker that is counted as searching already.
    pub fn search_until(&self, search: ModelSearch, done: impl Fn() -> bool) {
        self.take_turns(Some(search.searching), done);
    }

    /// As `work_until`, by a worker that has lain down: sleeps first, and sees to it when it is woken.
    pub fn sleep_then_work_until(&self, done: impl Fn() -> bool) {
        let sleep = &self.worker.shared().sleep;
        let parker = &self.worker.parker;
        let searching = match parker.run(sleep.sleep_until_woken(self.worker.index(), parker)) {
            Woken::ToSearch(searching) => Some(searching),
            Woken::ToLook | Woken::Dismissed => None,
        };
        self.take_turns(searching, done);
    }

    fn take_turns(&self, mut searching: Option<Searching>, done: impl Fn() -> bool) {
        while !done() {
            searching = self.worker.parker.run(self.worker.take_turn(searching));
        }
        if let Some(evidence) = searching {
            self.worker.shared().sleep.stop_searching(evidence, || false);
        }
    }

    /// Calls `f` as something that blocks. Call it inside of `enter`.
    pub fn block(&self, f: impl FnOnce()) {
        assert!(self.worker.begin_blocking(), "there is a spare");
        f();
        self.worker.end_blocking();
    }

    /// Does what a worker's thread does last, if the pool stops. Call it inside of `enter`.
    pub fn leave_if_stopping(&self) -> bool {
        let is_stopping = self.worker.shared().lifecycle.phase() == Phase::Stopping;
        if is_stopping {
            self.worker.cancel_left_over();
        }
        is_stopping
    }

    /// The whole life of a worker's thread: works until the pool stops, cancels what is left, leaves.
    pub fn run(self) {
        self.worker.run();
    }

    /// Runs the next of the worker's own tasks, if it has one. Call it inside of `enter`.
    pub fn run_next_task(&self) -> bool {
        let worker = &self.worker;
        self.run_task(worker.tasks.pop(&worker.remote().tasks, &worker.shared().sleep))
    }

    /// Runs the next of the tasks that only this worker runs, if it has one. Call it inside of `enter`.
    pub fn run_next_local(&self) -> bool {
        self.run_task(self.worker.remote().own.take())
    }

    /// Takes the older half of the tasks that `victim` has not shared, and runs the oldest, if there is one. Call it inside of
    /// `enter`.
    pub fn seize_task_from(&self, victim: usize) -> bool {
        self.run_task(self.worker.shared().remote(victim).tasks.seize(&self.worker.tasks))
    }

    /// Steals tasks that `victim` has shared, and runs the oldest, if there is one. Call it inside of `enter`.
    pub fn steal_task_from(&self, victim: usize) -> bool {
        self.run_task(self.worker.shared().remote(victim).tasks.shared().steal())
    }

    fn run_task(&self, task: Option<Runnable>) -> bool {
        task.map(Runnable::run).is_some()
    }

    /// Asks `victim` to share what it forks, and steals one of its jobs if it has; runs it. Call it inside of `enter`.
    pub fn steal_job_from(&self, victim: usize) -> bool {
        let remote = &self.worker.shared().remote(victim);
        remote.private.ask();
        self.run_stolen(remote.jobs.steal())
    }

    /// Takes one job from `victim` that it has not shared, if it has one; runs it. Call it inside of `enter`.
    pub fn seize_job_from(&self, victim: usize) -> bool {
        self.run_stolen(self.worker.shared().seize_from(victim))
    }

    /// As `seize_job_from`, but does not run the job yet.
    pub fn hold_job_of(&self, victim: usize) -> Option<ModelJob> {
        self.worker.shared().seize_from(victim).map(ModelJob)
    }

    /// Steals a job that `victim` has shared, if there is one, and does not run it yet.
    pub fn steal_and_hold_job_of(&self, victim: usize) -> Option<ModelJob> {
        self.worker.shared().remote(victim).jobs.steal().map(ModelJob)
    }

    /// Runs a job that was held. Call it inside of `enter`.
    pub fn run_held(&self, job: ModelJob) {
        self.worker.forks.execute_stolen(&self.worker, job.0);
    }

    fn run_stolen(&self, job: Option<JobRef>) -> bool {
        match job {
            Some(job) => {
                self.worker.forks.execute_stolen(&self.worker, job);
                true
            }
            None => false,
        }
    }
}

/// A limit on queued tasks, without the pool.
#[derive(Debug)]
pub struct ModelAdmission(Admission);

impl ModelAdmission {
    /// Open, and empty.
    ///
    /// # Panics
    ///
    /// If `limit` is zero.
    pub fn new(limit: usize) -> Self {
        Self(Admission::new(NonZeroUsize::new(limit).expect("a limit admits something")))
    }

    /// Admits one task if there is room now.
    pub fn try_admit(&self) -> bool {
        self.0.try_admit()
    }

    /// Waits for room, blocking. False after the end.
    pub fn admit(&self) -> bool {
        self.0.admit().is_ok()
    }

    /// Waits for room, as a future. False after the end.
    pub fn admitted(&self) -> impl Future<Output = bool> + Unpin {
        let mut admitted = self.0.admitted();
        std::future::poll_fn(move |context| {
            std::pin::Pin::new(&mut admitted).poll(context).map(|admitted| admitted.is_ok())
        })
    }

    /// Gives places back.
    pub fn release(&self, count: usize) {
        self.0.release(count);
    }

    /// Admits nobody any more.
    pub fn close(&self) {
        self.0.close();
    }

    /// How many are admitted and not released.
    pub fn queued(&self) -> usize {
        self.0.queued()
    }
}

/// A job that a worker has taken and not begun.
#[must_use]
pub struct ModelJob(JobRef);

impl std::fmt::Debug for ModelJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelJob").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ModelPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelPool").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ModelSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelSearch").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ModelWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelWorker").field("index", &self.worker.index()).finish()
    }
}
