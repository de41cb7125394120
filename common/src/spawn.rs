//! One program text for both executors.

use std::fmt;
use std::future::Future;

use crate::role::Role;
use crate::task::JoinHandle;

/// What both executors can do, so that one program runs on either.
///
/// The AMP executor runs the task on the role's cores and waits for room where the role's channel is full.
/// The SMP executor runs it on any core and counts it under the role.
///
/// # Examples
///
/// ```
/// use executor_common::{Role, Spawn};
///
/// const COMPUTE: Role = Role::new("compute");
///
/// fn square(executor: &impl Spawn, n: u64) -> Result<u64, Box<dyn std::error::Error>> {
///     Ok(executor.spawn_in(COMPUTE, move || n * n)?.join()?)
/// }
/// ```
pub trait Spawn {
    /// Queues a closure for `role`, and waits for room where the executor is bounded.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] says why the closure was not taken; it has been dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{Role, Spawn};
    ///
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let task = executor.spawn_in(Role::new("compute"), || 6 * 7)?;
    /// assert_eq!(task.join().unwrap(), 42);
    /// # Ok::<(), executor_common::SpawnError>(())
    /// ```
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// Queues a future for `role`, and waits for room where the executor is bounded. Whatever thread wakes
    /// it, it runs where `role` runs.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] says why the future was not taken; it has been dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{Role, Spawn, yield_now};
    ///
    /// # let executor = executor_common::test_util::TestExecutor::new(7);
    /// let task = executor.spawn_future_in(Role::new("compute"), async {
    ///     yield_now().await;
    ///     6 * 7
    /// })?;
    /// assert_eq!(task.join().unwrap(), 42);
    /// # Ok::<(), executor_common::SpawnError>(())
    /// ```
    fn spawn_future_in<F>(
        &self,
        role: Role,
        future: F,
    ) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Queues a closure for `role` if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{Role, Spawn};
    ///
    /// const COMPUTE: Role = Role::new("compute");
    ///
    /// # let executor = executor_common::test_util::TestExecutor::builder().capacity(COMPUTE, 1).build(7);
    /// let queued = executor.try_spawn_in(COMPUTE, || 1).unwrap();
    /// let refused = executor.try_spawn_in(COMPUTE, || 2).unwrap_err(); // no room for two
    /// assert_eq!(queued.join().unwrap() + refused.into_inner()(), 3);
    /// ```
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
}

/// Why a task was not taken.
///
/// # Examples
///
/// ```
/// use executor_common::{Role, Spawn, SpawnError};
///
/// const DB: Role = Role::new("db");
///
/// fn count(executor: &impl Spawn) -> Option<u32> {
///     match executor.spawn_in(DB, || 42) {
///         Ok(task) => task.join().ok(),
///         Err(SpawnError::Closed) => None, // on its way out
///         Err(error) => panic!("{error}"),
///     }
/// }
/// # let executor = executor_common::test_util::TestExecutor::new(7);
/// # assert_eq!(count(&executor), Some(42));
/// # let closed = executor.handle();
/// # drop(executor);
/// # assert_eq!(count(&closed), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The executor, or the role, takes nothing any more.
    #[error("the executor has been shut down")]
    Closed,
    /// The executor has no such role.
    #[error("there is no role named \"{0}\"")]
    UnknownRole(Role),
    /// The role's workers have no state of this type.
    #[error("role \"{role}\" has no state of type {type_name}")]
    NoState {
        /// The role.
        role: Role,
        /// The type that was asked for, as [`std::any::type_name`] writes it.
        type_name: &'static str,
    },
    /// The role has no such core.
    #[error("role \"{role}\" has no core {core}")]
    NoSuchCore {
        /// The role.
        role: Role,
        /// The core that was asked for.
        core: usize,
    },
    /// Waiting for room could never have ended: the waiting worker is among those that would have to make
    /// it. The roles are listed along the cycle, the first one again at its end.
    #[error("waiting for room would never end: {cycle}", cycle = Cycle(.0))]
    WouldDeadlock(Vec<Role>),
}

struct Cycle<'a>(&'a [Role]);

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, role) in self.0.iter().enumerate() {
            write!(f, "{}{role}", if index == 0 { "" } else { " -> " })?;
        }
        Ok(())
    }
}

/// Why a closure was not taken. It is handed back.
///
/// # Examples
///
/// ```
/// use executor_common::{Role, Spawn, TrySpawnError};
///
/// const DB: Role = Role::new("db");
///
/// fn count(executor: &impl Spawn) -> u32 {
///     match executor.try_spawn_in(DB, || 42) {
///         Ok(task) => task.join().unwrap(),
///         Err(TrySpawnError::Full(work)) => work(), // here, then
///         Err(error) => panic!("{error}"),
///     }
/// }
/// # let executor = executor_common::test_util::TestExecutor::builder().capacity(DB, 1).build(7);
/// # let queued = executor.spawn_in(DB, || ()).unwrap();
/// # assert_eq!(count(&executor), 42);
/// # assert!(!queued.is_finished());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySpawnError<F> {
    /// No room now, or none within the given time.
    #[error("the task channel is full")]
    Full(F),
    /// The executor, or the role, takes nothing any more.
    #[error("the executor has been shut down")]
    Closed(F),
    /// The executor has no such role.
    #[error("there is no such role")]
    UnknownRole(F),
}

impl<F> TrySpawnError<F> {
    /// The closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TrySpawnError;
    ///
    /// let refused = TrySpawnError::Full(|| 6 * 7);
    /// assert_eq!(refused.into_inner()(), 42);
    /// ```
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(f) | Self::Closed(f) | Self::UnknownRole(f) => f,
        }
    }

    /// Whether there was no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TrySpawnError;
    ///
    /// let refused = TrySpawnError::Full(|| 6 * 7);
    /// assert!(refused.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the executor, or the role, takes nothing any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::TrySpawnError;
    ///
    /// let refused = TrySpawnError::Full(|| 6 * 7);
    /// assert!(!refused.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<F> fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
            Self::UnknownRole(_) => "UnknownRole(..)",
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn errors_name_what_is_missing() {
        let role = Role::new("io");
        let text = |error: SpawnError| error.to_string();
        assert_eq!(text(SpawnError::UnknownRole(role)), "there is no role named \"io\"");
        assert_eq!(
            text(SpawnError::NoState { role, type_name: std::any::type_name::<u8>() }),
            "role \"io\" has no state of type u8"
        );
        assert_eq!(text(SpawnError::NoSuchCore { role, core: 7 }), "role \"io\" has no core 7");
        assert_eq!(
            text(SpawnError::WouldDeadlock(vec![role, role])),
            "waiting for room would never end: io -> io"
        );
    }
}
