//! [`futures_task::Spawn`] and [`futures_task::LocalSpawn`].

use executor_common::Priority;
use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use super::LocalSpawner;
use crate::shared::Shared;
use crate::{SmpExecutor, SmpHandle, current_worker, spawn_local};

/// With the feature `futures-task`, for libraries that are given a spawner. As [`SmpHandle::spawn_future`]; the error says that the
/// pool has been shut down.
///
/// The panic of a task whose handle nobody has goes to [`on_panic`](crate::SmpBuilder::on_panic). Where both this trait's extension
/// and the handle have a method of one name, the handle's own is called: name the trait, or take `&impl Spawn`.
///
/// # Examples
///
/// ```
/// use futures_util::task::{Spawn, SpawnExt};
///
/// /// Some library's function.
/// async fn doubled(spawner: &impl Spawn, n: u32) -> u32 {
///     spawner.spawn_with_handle(async move { 2 * n }).expect("it takes tasks").await
/// }
///
/// let executor = smp_executor::SmpExecutor::builder().workers(2).build()?;
/// assert_eq!(executor.block_on(doubled(&executor.handle(), 21)), 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Spawn for SmpHandle {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let permit =
            self.still_open(self.shared.wait_for_permit()).map_err(|_| SpawnError::shutdown())?;
        drop(Shared::queue_future(&self.shared, permit, Priority::Normal, future));
        Ok(())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.is_open() { Ok(()) } else { Err(SpawnError::shutdown()) }
    }
}

/// As for [`SmpHandle`].
impl Spawn for SmpExecutor {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.handle().spawn_obj(future)
    }

    fn status(&self) -> Result<(), SpawnError> {
        self.handle().status()
    }
}

/// With the feature `futures-task`. As [`spawn_local`]. The error says that the worker has ended.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use futures_util::task::LocalSpawnExt;
/// use smp_executor::LocalSpawner;
///
/// let executor = smp_executor::SmpExecutor::builder().workers(1).build()?;
/// let seven = executor.spawn(|| {
///     let spawner = LocalSpawner::current().expect("this is a worker");
///     let shared = Rc::new(7); // not `Send`
///     let read = spawner.spawn_local_with_handle(async move { *shared }).expect("the worker is here");
///     smp_executor::spawn_local(read)
/// });
/// assert_eq!(seven.join()?.join()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl LocalSpawn for LocalSpawner {
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status_local()?;
        drop(spawn_local(future));
        Ok(())
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        current_worker().map(|_| ()).ok_or_else(SpawnError::shutdown)
    }
}
