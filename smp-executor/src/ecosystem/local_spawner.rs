//! [`spawn_local`] as a value, for traits that want one.

use std::marker::PhantomData;

use crate::context::current_worker;

/// Spawns futures that need not be `Send` on the worker that it was made on, as [`spawn_local`](crate::spawn_local) does.
///
/// It is for traits that want a spawner as a value: `futures_task::LocalSpawn` with the feature `futures-task`,
/// `hyper::rt::Executor` with the feature `hyper`. It stays on its thread.
///
/// # Examples
///
/// ```
/// use smp_executor::LocalSpawner;
///
/// let executor = smp_executor::SmpExecutor::builder().workers(1).build()?;
/// assert!(LocalSpawner::current().is_none());
/// assert!(executor.spawn(|| LocalSpawner::current().is_some()).join()?);
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
    /// use smp_executor::{LocalSpawner, SmpExecutor};
    ///
    /// let executor = SmpExecutor::builder().workers(1).build()?;
    /// let on_worker = executor.spawn(|| LocalSpawner::current().is_some());
    /// assert!(on_worker.join()?);
    /// assert!(LocalSpawner::current().is_none()); // this thread is none
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current() -> Option<Self> {
        current_worker().map(|_| Self { _here: PhantomData })
    }
}
