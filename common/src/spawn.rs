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
    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
}

/// Why a task was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The executor, or the role, takes nothing any more.
    #[error("the executor has been shut down")]
    Closed,
    /// The executor has no such role.
    #[error("there is no role named \"{0}\"")]
    UnknownRole(Role),
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
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(f) | Self::Closed(f) | Self::UnknownRole(f) => f,
        }
    }

    /// Whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the executor, or the role, takes nothing any more.
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
