//! [`hyper::rt::Executor`].

use std::future::Future;

use executor_common::SpawnError;
use hyper::rt::Executor;

use super::LocalSpawner;
use crate::{RoleHandle, spawn_local};

/// With the feature `hyper`, where hyper wants an executor: for HTTP/2 and for its clients. What it spawns runs in the role. As
/// [`RoleHandle::spawn_future`], which waits for room; once the role has been closed the future is dropped.
///
/// # Panics
///
/// `execute` cannot say that it did not take a future. Where waiting for room would never end
/// ([`SpawnError::WouldDeadlock`]: a role's only worker spawns on its own full role), it panics rather than losing one silently. A
/// role that serves connections should have room for all that are open at once.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use hyper::rt::Executor;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
///
/// let (sender, receiver) = mpsc::channel();
/// amp.role(IO)?.execute(async move { sender.send(42).unwrap() });
/// assert_eq!(receiver.recv()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<F> Executor<F> for RoleHandle
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        match self.spawn_future(future) {
            Ok(handle) => drop(handle),
            Err(SpawnError::Closed) => {}
            Err(error) => panic!("hyper's future was not taken: {error}"),
        }
    }
}

/// With the feature `hyper`, for connections whose futures are not `Send`. As [`spawn_local`], for which there is always room; where
/// the worker has ended the future is dropped.
impl<F> Executor<F> for LocalSpawner
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        if Self::is_on_worker() {
            drop(spawn_local(future));
        }
    }
}
