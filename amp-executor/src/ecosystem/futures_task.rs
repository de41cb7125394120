//! [`futures_task::Spawn`] and [`futures_task::LocalSpawn`].

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use super::LocalSpawner;
use crate::{RoleHandle, spawn_local};

/// With the feature `futures-task`, for libraries that are given a spawner: what they spawn runs in the role. As
/// [`RoleHandle::spawn_future`], which waits for room. The trait has one error only, [`SpawnError::shutdown`]; it stands for
/// [`WouldDeadlock`](crate::SpawnError::WouldDeadlock) too.
///
/// The panic of a task whose handle nobody has goes to [`on_panic`](crate::AmpBuilder::on_panic). Where both this trait's extension
/// and the handle have a method of one name, the handle's own is called: name the trait, or take `&impl Spawn`.
///
/// # Examples
///
/// ```
/// use futures_util::task::{Spawn, SpawnExt};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
///
/// /// Some library's function.
/// async fn doubled(spawner: &impl Spawn, n: u32) -> u32 {
///     spawner.spawn_with_handle(async move { 2 * n }).expect("it takes tasks").await
/// }
///
/// assert_eq!(amp_executor::block_on(doubled(&amp.role(IO)?, 21)), 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Spawn for RoleHandle {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        match self.spawn_future(future) {
            Ok(handle) => {
                drop(handle);
                Ok(())
            }
            Err(_) => Err(SpawnError::shutdown()),
        }
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.is_closed() { Err(SpawnError::shutdown()) } else { Ok(()) }
    }
}

/// With the feature `futures-task`. As [`spawn_local`]. The error says that the worker has ended.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use amp_executor::LocalSpawner;
/// use futures_util::task::LocalSpawnExt;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const UI: Role = Role::new("ui");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(UI).cores([core])).build()?;
///
/// let seven = amp.role(UI)?.spawn_local(|| async {
///     let spawner = LocalSpawner::current().expect("this is a worker");
///     let shared = Rc::new(7); // not `Send`
///     spawner.spawn_local_with_handle(async move { *shared }).expect("the worker is here").await
/// })?;
/// assert_eq!(seven.join()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl LocalSpawn for LocalSpawner {
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status_local()?;
        drop(spawn_local(future));
        Ok(())
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        if Self::is_on_worker() { Ok(()) } else { Err(SpawnError::shutdown()) }
    }
}
