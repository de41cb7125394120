//! A way into the pool that does not own it.

use std::fmt;
use std::future::Future;

use executor_common::sync::Arc;
use executor_common::{
    ExecutorMetrics, JoinHandle, Role, Spawn, SpawnError, TrySpawnError, closure_task, future_task,
};

use crate::SmpExecutor;
use crate::context;
use crate::shared::Shared;

/// Spawns onto an [`SmpExecutor`](crate::SmpExecutor), and can be cloned and given to tasks. It does not keep
/// the executor running: what is spawned after its end is cancelled.
///
/// # Examples
///
/// ```
/// use smp_executor::SmpExecutor;
///
/// let executor = SmpExecutor::builder().workers(1).build()?;
/// let handle = executor.handle();
/// let nested = executor.spawn(move || handle.spawn(|| 42)).join()?;
/// assert_eq!(nested.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SmpHandle {
    pub(crate) shared: Arc<Shared>,
}

/// Queues a closure on the pool that the calling thread works for; elsewhere on the
/// [global executor](crate::SmpExecutor::global).
///
/// # Examples
///
/// ```
/// let nested = smp_executor::spawn(|| smp_executor::spawn(|| 6 * 7));
/// assert_eq!(nested.join()?.join()?, 42);
/// # Ok::<(), smp_executor::JoinError>(())
/// ```
#[inline]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    context::with_worker(|worker| match worker {
        Some(worker) => {
            let (task, handle) = closure_task(worker.shared().domain, f);
            worker.push(task);
            handle
        }
        None => SmpExecutor::global().spawn(f),
    })
}

impl SmpHandle {
    /// As [`SmpExecutor::spawn`](crate::SmpExecutor::spawn).
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (task, handle) = closure_task(self.shared.domain, f);
        self.shared.submit(task);
        handle
    }

    /// As [`SmpExecutor::spawn_future`](crate::SmpExecutor::spawn_future).
    pub fn spawn_future<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = future_task(self.shared.domain, future, Arc::clone(&self.shared));
        self.shared.submit(task);
        handle
    }

    /// As [`SmpExecutor::metrics`](crate::SmpExecutor::metrics).
    pub fn metrics(&self) -> ExecutorMetrics {
        self.shared.metrics()
    }

    /// How many workers the pool has.
    pub fn workers(&self) -> usize {
        self.shared.remotes.len()
    }

    /// Whether a task spawned by the calling thread would be run.
    fn is_open(&self) -> bool {
        self.shared.lifecycle.is_open()
            || context::with_worker_of(&self.shared, |worker| worker.is_some())
    }
}

impl Spawn for SmpHandle {
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.try_spawn_in(role, f).map_err(|_| SpawnError::Closed)
    }

    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if !self.is_open() {
            return Err(SpawnError::Closed);
        }
        let label = self.shared.labels.admit(role);
        Ok(self.spawn_future(label.future(future)))
    }

    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if !self.is_open() {
            return Err(TrySpawnError::Closed(f));
        }
        let label = self.shared.labels.admit(role);
        Ok(self.spawn(label.closure(f)))
    }
}

impl fmt::Debug for SmpHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmpHandle")
            .field("workers", &self.workers())
            .field("phase", &self.shared.lifecycle.phase())
            .finish()
    }
}
