//! [`hyper::rt::Executor`].

use std::future::Future;

use hyper::rt::Executor;

use super::LocalSpawner;
use crate::{SmpExecutor, SmpHandle, current_worker, spawn_local};

/// With the feature `hyper`, where hyper wants an executor: for HTTP/2 and for its clients. As [`SmpHandle::spawn_future`]; after the
/// shutdown the future is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use hyper::rt::Executor;
///
/// let executor = smp_executor::SmpExecutor::builder().workers(1).build()?;
/// let (sender, receiver) = mpsc::channel();
/// executor.handle().execute(async move { sender.send(42).unwrap() });
/// assert_eq!(receiver.recv()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<F> Executor<F> for SmpHandle
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.spawn_future(future));
    }
}

/// As for [`SmpHandle`].
impl<F> Executor<F> for SmpExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.spawn_future(future));
    }
}

/// With the feature `hyper`, for connections whose futures are not `Send`. As [`spawn_local`]; where the worker has ended the future
/// is dropped.
impl<F> Executor<F> for LocalSpawner
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        if current_worker().is_some() {
            drop(spawn_local(future));
        }
    }
}
