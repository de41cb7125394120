//! Spawning.

use std::fmt;
use std::future::Future;

use executor_common::sync::Arc;
use executor_common::{ExecutorMetrics, JoinHandle, Role, Spawn, SpawnError, TrySpawnError};

use crate::role_handle::RoleHandle;
use crate::shared::Shared;

/// Spawns on any role of an executor; cloneable, and usable from any thread.
///
/// It does not keep the executor running: once that has been shut down or dropped, spawning fails.
///
/// # Examples
///
/// ```
/// use amp_executor::{Spawn, SpawnError};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let handle = amp.handle();
/// let task = handle.spawn_in(IO, || 6 * 7)?;
/// assert_eq!(task.join()?, 42);
///
/// drop(amp);
/// assert_eq!(handle.spawn_in(IO, || 6 * 7).unwrap_err(), SpawnError::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AmpHandle {
    shared: Arc<Shared>,
}

impl AmpHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
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
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let handle = amp.handle();
    /// let answer = handle.role(IO)?.spawn(|| 42)?;
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn role(&self, role: Role) -> Result<RoleHandle, SpawnError> {
        let state = self.shared.find(role).ok_or(SpawnError::UnknownRole(role))?;
        Ok(RoleHandle::new(Arc::clone(state), Arc::clone(&self.shared)))
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
    /// assert_eq!(amp.handle().metrics().workers.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> ExecutorMetrics {
        self.shared.metrics()
    }
}

impl Spawn for AmpHandle {
    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.role(role)?.spawn(f)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.role(role)?.spawn_future(future)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.role(role) {
            Ok(role) => role.try_spawn(f),
            Err(_) => Err(TrySpawnError::UnknownRole(f)),
        }
    }
}

impl fmt::Debug for AmpHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shared.roles.iter().map(|state| state.role)).finish()
    }
}
