//! [`spawn_local`] as a value, for traits that want one.

use std::marker::PhantomData;

use crate::current;

/// Spawns futures that need not be `Send` on the worker that it was made on, as [`spawn_local`](crate::spawn_local) does.
///
/// It is for traits that want a spawner as a value: `futures_task::LocalSpawn` with the feature `futures-task`,
/// `hyper::rt::Executor` with the feature `hyper`. It stays on its thread.
///
/// # Examples
///
/// ```
/// use amp_executor::LocalSpawner;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
///
/// assert!(LocalSpawner::current().is_none());
/// assert!(amp.role(IO)?.spawn(|| LocalSpawner::current().is_some())?.join()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalSpawner {
    /// It is good on one thread only.
    _here: PhantomData<*const ()>,
}

impl LocalSpawner {
    /// That of the calling thread's worker; `None` on a thread that is no worker.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::LocalSpawner;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let on_worker = amp.role(IO)?.spawn(|| LocalSpawner::current().is_some())?;
    /// assert!(on_worker.join()?);
    /// assert!(LocalSpawner::current().is_none()); // this thread is none
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current() -> Option<Self> {
        Self::is_on_worker().then_some(Self { _here: PhantomData })
    }

    /// Whether the calling thread still is one.
    pub(super) fn is_on_worker() -> bool {
        current::worker().is_some()
    }
}
