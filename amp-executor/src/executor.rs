//! The executor: owner of the workers.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use executor_common::sync::{Arc, Mutex, now, thread};
use executor_common::{
    ExecutorMetrics, JoinHandle, Role, ShutdownReport, Spawn, SpawnError, TrySpawnError,
};

use crate::builder::AmpBuilder;
use crate::current;
use crate::handle::AmpHandle;
use crate::memory::MemoryLock;
use crate::placement::WorkerPlacement;
use crate::role::WorkerState;
use crate::role_handle::RoleHandle;
use crate::shared::Shared;
use crate::stall::StallWatch;

/// Runs each role's tasks on that role's cores and nowhere else.
///
/// Dropping the executor cancels what has not started, suspended futures included, and waits for what runs. An
/// executor that is dropped by one of its own workers does not wait.
///
/// # Fork
///
/// A child that is forked has the calling thread alone: no worker, and what others have locked or wait for stays so, in the
/// libraries that this crate uses as well. While the process has an executor, a child may therefore run another program, as
/// [`std::process::Command`] does, or leave by `_exit`. It may use no executor, neither the inherited one, not even to drop it, nor
/// one of its own. The parent does not notice. A process that has dropped all its executors may be forked, and both may make new
/// ones.
///
/// # Examples
///
/// ```
/// use amp_executor::{AmpExecutor, Role, RoleConfig};
///
/// const IO: Role = Role::new("io");
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let answer = amp.role(IO)?.spawn(|| 6 * 7)?.join()?;
/// assert_eq!(answer, 42);
/// assert!(amp.shutdown().is_clean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AmpExecutor {
    handle: AmpHandle,
    placement: Vec<WorkerPlacement>,
    memory: MemoryLock,
    /// Those who have not been joined, nor given up by a shutdown whose time was up.
    threads: Mutex<Vec<WorkerThread>>,
    stall_watch: Option<StallWatch>,
}

/// A worker's thread.
pub(crate) struct WorkerThread {
    pub(crate) role: usize,
    /// Its place among the role's workers.
    pub(crate) place: usize,
    pub(crate) thread: thread::JoinHandle<()>,
}

impl WorkerThread {
    /// Waits for the thread, unless it is the calling one, whose own destructors have the executor's last share. No panic gets
    /// out of a worker, so there is none to pass on.
    pub(crate) fn join(self) {
        if self.thread.thread().id() == thread::current().id() {
            return;
        }
        let ended = self.thread.join();
        debug_assert!(ended.is_ok(), "a worker panicked");
    }
}

impl AmpExecutor {
    /// Declares the roles.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, Role, RoleConfig};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// assert_eq!(amp.role(IO)?.spawn(|| 6 * 7)?.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> AmpBuilder {
        AmpBuilder::new()
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        placement: Vec<WorkerPlacement>,
        memory: MemoryLock,
        threads: Vec<WorkerThread>,
        stall_watch: Option<StallWatch>,
    ) -> Self {
        let (handle, threads) = (AmpHandle::new(shared), Mutex::new(threads));
        Self { handle, placement, memory, threads, stall_watch }
    }

    fn shared(&self) -> &Shared {
        self.handle.shared()
    }

    /// A handle for one role, so that the role is looked up once.
    ///
    /// # Errors
    ///
    /// [`SpawnError::UnknownRole`].
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{AmpExecutor, Role, RoleConfig, SpawnError};
    ///
    /// const IO: Role = Role::new("io");
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?; // kept, and cloned for who needs it
    /// assert_eq!(io.workers(), 1);
    /// assert_eq!(amp.role(Role::new("oi")).unwrap_err(), SpawnError::UnknownRole(Role::new("oi")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn role(&self, role: Role) -> Result<RoleHandle, SpawnError> {
        self.handle.role(role)
    }

    /// A handle for all roles, to give away.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let handle = amp.handle();
    /// let answer = amp.role(IO)?.spawn(move || handle.metrics().roles.len())?;
    /// assert_eq!(answer.join()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handle(&self) -> AmpHandle {
        self.handle.clone()
    }

    /// Where the workers are: what was asked for, and what was read back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// for worker in amp.placement() {
    ///     println!("{worker}"); // worker 0: role io, core 0, pinned, mask 0, idle backoff, last seen on CPU 0
    ///     assert_eq!((worker.role, worker.core), (IO, core));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn placement(&self) -> Vec<WorkerPlacement> {
        let states = self.shared().roles.iter().flat_map(|role| &role.workers);
        let now = |(start, state): (&WorkerPlacement, &WorkerState)| {
            state.place.update(start, state.counters.pins_lost.get())
        };
        self.placement.iter().zip(states).map(now).collect()
    }

    /// What came of [`AmpBuilder::lock_memory`](crate::AmpBuilder::lock_memory).
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// assert_eq!(amp.memory_lock().to_string(), "memory not locked (not asked for)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_lock(&self) -> &MemoryLock {
        &self.memory
    }

    /// What the executor has done so far.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// amp.role(IO)?.spawn(|| 6 * 7)?.join()?;
    /// let metrics = amp.metrics();
    /// let io = metrics.role(IO).expect("it has been declared");
    /// assert_eq!((io.admitted, io.rejected), (1, 0));
    /// println!("{} of {} places taken", io.queue_depth, io.capacity);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> ExecutorMetrics {
        self.shared().metrics()
    }

    /// Closes one role and waits until its workers have run everything that it had accepted, futures to their end. The
    /// other roles go on. Blocked spawners are released with an error; timed tasks whose time has not come are cancelled. Called
    /// by one of the executor's own workers it closes the role and returns at once.
    ///
    /// # Errors
    ///
    /// [`SpawnError::UnknownRole`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let answer = amp.role(IO)?.spawn(|| 42)?;
    /// amp.drain_role(IO)?;
    /// assert!(answer.is_finished());
    /// assert!(amp.role(IO)?.spawn(|| 43).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain_role(&self, role: Role) -> Result<ShutdownReport, SpawnError> {
        let state = self.shared().find(role).ok_or(SpawnError::UnknownRole(role))?;
        Ok(self.shared().drain(state))
    }

    /// Ends the executor, role by role in the order of declaration, or in that of
    /// [`AmpBuilder::shutdown_order`](crate::AmpBuilder::shutdown_order): a role takes nothing any more, which releases
    /// blocked spawners with an error; its workers run everything that it has accepted, futures to their end; then
    /// comes the next role.
    ///
    /// A future that nobody wakes keeps its role from ending; [`AmpExecutor::shutdown_timeout`] sets a limit. A
    /// second call finds nothing left to do. Called by one of the executor's own workers, which cannot wait for
    /// itself, it closes all roles and returns at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let answer = amp.role(IO)?.spawn(|| 42)?;
    /// let report = amp.shutdown();
    /// assert!(report.is_clean(), "{report}");
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self) -> ShutdownReport {
        let report = self.shared().shut_down(None);
        self.join_threads();
        report
    }

    /// As [`AmpExecutor::shutdown`], for at most `timeout`. What has not ended by then is cancelled: closures
    /// that have not started and futures that wait are dropped, on the calling thread among others; a running
    /// closure is left running, and its thread ends when it does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let waits_for_ever = amp.role(IO)?.spawn_future(std::future::pending::<()>())?;
    /// let report = amp.shutdown_timeout(Duration::from_millis(10));
    /// assert_eq!(report.cancelled, 1);
    /// assert!(waits_for_ever.join().unwrap_err().is_cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(&self, timeout: Duration) -> ShutdownReport {
        let report = self.shared().shut_down(now().checked_add(timeout));
        if !self.is_own_worker() {
            // Those who hold a task have been waited for long enough; a drop does not wait for them.
            self.threads
                .lock()
                .retain(|thread| self.shared().roles[thread.role].workers[thread.place].has_left());
        }
        report
    }

    /// Whether the calling thread is one of this executor's workers.
    fn is_own_worker(&self) -> bool {
        current::number_on(self.shared().executor).is_some()
    }

    fn join_threads(&self) {
        if self.is_own_worker() {
            return;
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            thread.join();
        }
    }
}

impl Drop for AmpExecutor {
    fn drop(&mut self) {
        self.shared().cancel();
        self.join_threads();
        if let Some(stall_watch) = self.stall_watch.take()
            && self.is_own_worker()
        {
            // Its hook may wait for this worker.
            stall_watch.let_go();
        }
    }
}

impl Spawn for AmpExecutor {
    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_in(role, f)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_future_in(role, future)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.try_spawn_in(role, f)
    }
}

impl fmt::Debug for AmpExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmpExecutor").field("placement", &self.placement).finish_non_exhaustive()
    }
}
