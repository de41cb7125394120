//! Choosing one of the role's cores.

use std::hash::{DefaultHasher, Hash, Hasher};

use executor_common::{JoinHandle, SpawnError};

use super::RoleHandle;
use crate::channel::LaneId;

impl RoleHandle {
    /// A handle whose tasks run on this core's worker alone, in turns with the role's other tasks. There is room of its
    /// own for each core.
    ///
    /// # Errors
    ///
    /// [`SpawnError::NoSuchCore`]: the core is not one of the role's.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let io = io.on_core(core)?;
    /// assert_eq!(io.workers(), 1);
    /// assert!(io.on_core(9_999).is_err());
    /// io.spawn(|| "on this core and no other")?.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_core(&self, core: usize) -> Result<Self, SpawnError> {
        let role = self.role();
        let worker = self.state.worker_on(core).ok_or(SpawnError::NoSuchCore { role, core })?;
        Ok(self.on_worker(worker))
    }

    /// A handle whose tasks run on the worker that `key` belongs to: for as long as the executor lives, equal keys belong to
    /// the same worker, so that what they are the keys of needs no lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const DB: Role = Role::new("db");
    /// # let cores = SystemCpus.allowed()?;
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(DB).cores(cores.iter())).build()?;
    /// let db = amp.role(DB)?;
    /// let thread = || std::thread::current().id();
    /// let first = db.keyed("customer 7").spawn(thread)?.join()?;
    /// let second = db.keyed("customer 7").spawn(thread)?.join()?;
    /// assert_eq!(first, second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keyed<K: Hash + ?Sized>(&self, key: &K) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.on_worker((hasher.finish() % self.state.workers.len() as u64) as usize)
    }

    /// Spawns a closure that runs on this core's worker alone: [`RoleHandle::on_core`], then [`RoleHandle::spawn`].
    ///
    /// # Errors
    ///
    /// [`SpawnError::NoSuchCore`], and as [`RoleHandle::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let answer = io.spawn_on_core(core, || 42)?;
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_on_core<F, T>(&self, core: usize, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.on_core(core)?.spawn(f)
    }

    /// Spawns a closure that runs on the worker that `key` belongs to: [`RoleHandle::keyed`], then [`RoleHandle::spawn`].
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// // Always on the same core, so that two tasks of one customer never run at once.
    /// let answer = io.spawn_keyed("customer 7", || 42)?;
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_keyed<K, F, T>(&self, key: &K, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        K: Hash + ?Sized,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.keyed(key).spawn(f)
    }

    fn on_worker(&self, worker: usize) -> Self {
        Self { lane: LaneId::of_worker(worker), ..self.clone() }
    }
}
