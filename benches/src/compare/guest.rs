//! rayon and tokio as executors that the program can run on.
//!
//! They run the same task cells as ours, each as one closure of their own: one more allocation and one more indirect call per task than
//! their own spawn. `benches spawn` compares those; here tasks take microseconds and more.

use std::fmt;
use std::sync::Weak;

use executor_common::sync::Arc;
use executor_common::{
    DomainId, JoinHandle, Role, RunOutcome, Runnable, Schedule, Spawn, SpawnError, TaskRegistry,
    TrySpawnError, closure_task, future_task,
};
use rayon::ThreadPool;

/// Somebody else's pool: runs tasks, all alike.
pub(crate) trait Pool: Clone + Send + Sync + 'static {
    /// Has a worker run it, some time. A pool that has ended drops it, which cancels it.
    fn run(&self, task: impl FnOnce() + Send + 'static);
}

impl Pool for Weak<ThreadPool> {
    fn run(&self, task: impl FnOnce() + Send + 'static) {
        // On a worker the pool is there, and this thread must not be the one that ends it.
        if rayon::current_thread_index().is_some() {
            rayon::spawn(task);
        } else if let Some(pool) = self.upgrade() {
            pool.spawn(task);
        }
    }
}

impl Pool for tokio::runtime::Handle {
    fn run(&self, task: impl FnOnce() + Send + 'static) {
        drop(self.spawn(async { task() }));
    }
}

/// A pool that takes roles for labels, and forgets them.
pub(crate) struct Guest<P> {
    shared: Arc<Shared<P>>,
}

impl<P> Clone for Guest<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<P> {
    pool: P,
    domain: DomainId,
    registry: TaskRegistry,
}

impl<P: Pool> Guest<P> {
    pub(crate) fn new(pool: P) -> Self {
        let (domain, registry) = (DomainId::unique(), TaskRegistry::new(1));
        Self { shared: Arc::new(Shared { pool, domain, registry }) }
    }
}

impl<P: Pool> Schedule for Shared<P> {
    fn schedule(&self, task: Runnable) {
        let pool = self.pool.clone();
        self.pool.run(move || step(pool, task));
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

/// One step of a task. One that yields goes behind the others.
fn step<P: Pool>(pool: P, task: Runnable) {
    if let RunOutcome::Yielded(task) = task.run() {
        let again = pool.clone();
        pool.run(move || step(again, task));
    }
}

impl<P: Pool> Spawn for Guest<P> {
    fn spawn_in<F, T>(&self, _: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (task, handle) = closure_task(self.shared.domain, f);
        self.shared.pool.run(move || drop(task.run()));
        Ok(handle)
    }

    fn spawn_future_in<F>(&self, _: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: the closure below holds the scheduler while it runs the task for the first time; nobody enters the domain.
        let (task, handle) = unsafe { future_task(self.shared.domain, future, &self.shared) };
        let scheduler = Arc::clone(&self.shared);
        self.shared.pool.run(move || {
            step(scheduler.pool.clone(), task);
            drop(scheduler);
        });
        Ok(handle)
    }

    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // There is always room.
        Ok(self.spawn_in(role, f).unwrap_or_else(|_| unreachable!("it never refuses")))
    }
}

impl<P> fmt::Debug for Guest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use executor_common::{block_on, yield_now};

    const ROLE: Role = Role::new("any");

    fn runs_closures_and_futures(guest: &impl Spawn) {
        assert_eq!(guest.spawn_in(ROLE, || 6 * 7).unwrap().join().unwrap(), 42);
        let nested = guest.try_spawn_in(ROLE, || "nested").unwrap();
        let future = guest.spawn_future_in(ROLE, async move {
            yield_now().await;
            nested.await.unwrap()
        });
        assert_eq!(block_on(future.unwrap()).unwrap(), "nested");
    }

    #[test]
    fn a_program_for_our_executors_runs_on_rayon_and_tokio() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let pool = Arc::new(pool);
        runs_closures_and_futures(&Guest::new(Arc::downgrade(&pool)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.unwrap();
        runs_closures_and_futures(&Guest::new(runtime.handle().clone()));
    }

    #[test]
    fn a_pool_that_has_ended_cancels() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let guest = Guest::new(Arc::downgrade(&Arc::new(pool)));
        assert!(guest.spawn_in(ROLE, || ()).unwrap().join().unwrap_err().is_cancelled());
    }
}
