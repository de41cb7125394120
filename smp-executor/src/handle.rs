//! A way into the pool that does not own it.

use std::fmt;
use std::future::Future;

use executor_common::sync::Arc;
use executor_common::{
    ExecutorMetrics, JoinHandle, Priority, Role, Spawn, SpawnError, TrySpawnError,
};

use crate::context;
use crate::permit::{NoPermit, Permit};
use crate::shared::Shared;
use crate::spawn::spawn_site;

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

impl SmpHandle {
    /// As [`SmpExecutor::spawn`](crate::SmpExecutor::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.spawn(|| 6 * 7).join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(Priority::Normal, f)
    }

    /// As [`SmpExecutor::spawn_with`](crate::SmpExecutor::spawn_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Priority, SmpExecutor};
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.spawn_with(Priority::High, || 42).join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_with<F, T>(&self, priority: Priority, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _site = spawn_site(None, priority).enter();
        self.shared.queue_closure(self.shared.wait_for_permit(), priority, f)
    }

    /// As [`SmpExecutor::spawn_future`](crate::SmpExecutor::spawn_future).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.spawn_future(async { 42 }).join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_future<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_future_with(Priority::Normal, future)
    }

    /// As [`SmpExecutor::spawn_future_with`](crate::SmpExecutor::spawn_future_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{Priority, SmpExecutor};
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.spawn_future_with(Priority::Low, async { 42 }).join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_future_with<F>(&self, priority: Priority, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let _site = spawn_site(None, priority).enter();
        Shared::queue_future(&self.shared, self.shared.wait_for_permit(), priority, future)
    }

    /// As [`SmpExecutor::try_spawn`](crate::SmpExecutor::try_spawn).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// executor.shutdown();
    /// let refused = handle.try_spawn(|| 42).unwrap_err();
    /// assert!(refused.is_closed());
    /// assert_eq!(refused.into_inner()(), 42); // the closure is back
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (permit, f) = self.try_admit(f)?;
        let _site = spawn_site(None, Priority::Normal).enter();
        Ok(self.shared.queue_closure(permit, Priority::Normal, f))
    }

    /// As [`SmpExecutor::spawn_wait`](crate::SmpExecutor::spawn_wait).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// let task = executor.block_on(handle.spawn_wait(|| 42))?;
    /// assert_eq!(task.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_wait<F, T>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, SpawnError>> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let handle = self.clone();
        let site = spawn_site(None, Priority::Normal);
        async move {
            let permit = handle.still_open(handle.shared.permit().await?)?;
            let _site = site.enter();
            Ok(handle.shared.queue_closure(permit, Priority::Normal, f))
        }
    }

    /// As [`SmpExecutor::spawn_on`](crate::SmpExecutor::spawn_on).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::{SmpExecutor, current_worker};
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.spawn_on(0, current_worker).join()?, Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_on<F, T>(&self, worker: usize, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _site = spawn_site(None, Priority::Normal).enter();
        self.shared.spawn_on(worker, f)
    }

    /// As [`SmpExecutor::metrics`](crate::SmpExecutor::metrics).
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.metrics().workers.len(), executor.workers());
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn metrics(&self) -> ExecutorMetrics {
        self.shared.metrics()
    }

    /// How many workers the pool has.
    ///
    /// # Examples
    ///
    /// ```
    /// use smp_executor::SmpExecutor;
    ///
    /// let executor = SmpExecutor::new()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.workers(), executor.workers());
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    pub fn workers(&self) -> usize {
        self.shared.core_workers
    }

    /// Lets `f` pass with its permit, or hands it back.
    fn try_admit<F>(&self, f: F) -> Result<(Option<Permit>, F), TrySpawnError<F>> {
        if !self.is_open() {
            return Err(TrySpawnError::Closed(f));
        }
        match self.shared.try_permit() {
            Ok(permit) => Ok((permit, f)),
            Err(NoPermit::Full) => Err(TrySpawnError::Full(f)),
            Err(NoPermit::Closed) => Err(TrySpawnError::Closed(f)),
        }
    }

    /// The permit, unless the pool has been shut down while it was waited for.
    pub(crate) fn still_open(&self, permit: Option<Permit>) -> Result<Option<Permit>, SpawnError> {
        if self.is_open() { Ok(permit) } else { Err(SpawnError::Closed) }
    }

    /// Whether a task spawned by the calling thread would be run.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.lifecycle.is_open()
            || context::with_worker_of(&self.shared, |worker| worker.is_some())
    }
}

impl Spawn for SmpHandle {
    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let permit = self.still_open(self.shared.wait_for_permit())?;
        let label = self.shared.labels.admit(role);
        let _site = spawn_site(Some(role), Priority::Normal).enter();
        Ok(self.shared.queue_closure(permit, Priority::Normal, label.closure(f)))
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let permit = self.still_open(self.shared.wait_for_permit())?;
        let label = self.shared.labels.admit(role);
        let _site = spawn_site(Some(role), Priority::Normal).enter();
        Ok(Shared::queue_future(&self.shared, permit, Priority::Normal, label.future(future)))
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (permit, f) = self.try_admit(f)?;
        let label = self.shared.labels.admit(role);
        let _site = spawn_site(Some(role), Priority::Normal).enter();
        Ok(self.shared.queue_closure(permit, Priority::Normal, label.closure(f)))
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
