//! A way in for the models: the pool's own code, one worker at a time, without the threads' start and end.
//!
//! A model of a whole executor with two workers has more executions than can be explored. With these handles it
//! has the threads that matter and nothing else. Nothing here decides anything; what it calls is what ships.

use executor_common::{JoinHandle, closure_task};

use crate::builder::assemble;
use crate::context;
use crate::shared::{Hooks, Shared};
use crate::sleep::Searching;
use crate::worker::Worker;
use executor_common::sync::Arc;

/// A pool whose threads are the model's.
#[derive(Clone)]
pub struct ModelPool {
    shared: Arc<Shared>,
}

/// One of its workers, for one of the model's threads.
pub struct ModelWorker {
    worker: Worker,
}

/// `count` workers that nobody runs yet.
pub fn pool(count: usize) -> (ModelPool, Vec<ModelWorker>) {
    let (shared, workers) = assemble(count, Hooks::default());
    let workers = workers.into_iter().map(|worker| ModelWorker { worker }).collect();
    (ModelPool { shared }, workers)
}

impl ModelPool {
    /// As `SmpExecutor::spawn`: to the worker's own deque on a worker, to the injector elsewhere.
    pub fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let (task, handle) = closure_task(self.shared.domain, f);
        self.shared.submit(task);
        handle
    }

    /// As a shutdown begins.
    pub fn drain(&self) {
        self.shared.lifecycle.drain();
        self.shared.sleep.call_all();
    }

    /// As a drop begins.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl ModelWorker {
    /// Makes the calling thread this worker while `f` runs.
    pub fn enter(&self, f: impl FnOnce()) {
        context::enter(&self.worker, f);
    }

    /// Takes turns until `done`: runs tasks and jobs, searches, sleeps. Call it inside of `enter`.
    pub fn work_until(&self, done: impl Fn() -> bool) {
        let mut searching: Option<Searching> = None;
        while !done() {
            searching = self.worker.turn(searching);
        }
        if let Some(evidence) = searching {
            self.worker.shared().sleep.stop_searching(evidence, || false);
        }
    }

    /// The whole life of a worker's thread: works until the pool stops, cancels what is left, leaves.
    pub fn run(self) {
        self.worker.run();
    }

    /// Steals one forked job from `victim`, if there is one, and runs it. Call it inside of `enter`.
    pub fn steal_job_from(&self, victim: usize) -> bool {
        match self.worker.shared().remotes[victim].jobs.steal() {
            Some(job) => {
                self.worker.forks.execute_stolen(&self.worker, job);
                true
            }
            None => false,
        }
    }
}

impl std::fmt::Debug for ModelPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelPool").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ModelWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelWorker").field("index", &self.worker.index()).finish()
    }
}
