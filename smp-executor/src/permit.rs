//! How a task carries its place among the queued ones, in a pool with a limit.

use std::future::Future;

use executor_common::sync::Arc;
use executor_common::{JoinHandle, Priority, SpawnError};

use crate::admission::{Admission, Closed};
use crate::context;
use crate::shared::Shared;
use crate::spawn::Route;

/// One place among the queued tasks. It is given back when the task starts, or is dropped unrun.
pub(crate) struct Permit(Arc<Admission>);

/// Why there is no permit now.
pub(crate) enum NoPermit {
    Full,
    Closed,
}

impl Permit {
    fn closure<T>(self, f: impl FnOnce() -> T) -> impl FnOnce() -> T {
        move || {
            drop(self);
            f()
        }
    }

    async fn future<F: Future>(self, future: F) -> F::Output {
        drop(self);
        future.await
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

impl Shared {
    /// What the calling thread's spawns have to pass. Nothing without a limit, and nothing for a worker of this pool: waiting for
    /// room it could wait for itself.
    #[inline]
    fn gate(&self) -> Option<&Arc<Admission>> {
        let admission = self.admission.as_ref()?;
        (!context::is_thread_of(self)).then_some(admission)
    }

    /// A permit, if there is room now.
    pub(crate) fn try_permit(&self) -> Result<Option<Permit>, NoPermit> {
        match self.gate() {
            None => Ok(None),
            Some(gate) if gate.try_admit() => Ok(Some(Permit(Arc::clone(gate)))),
            Some(gate) if gate.is_closed() => Err(NoPermit::Closed),
            Some(_) => Err(NoPermit::Full),
        }
    }

    /// A permit, after a wait for room. None also at the end of the pool, which turns the task away.
    #[inline]
    pub(crate) fn wait_for_permit(&self) -> Option<Permit> {
        let gate = self.gate()?;
        match gate.admit() {
            Ok(()) => Some(Permit(Arc::clone(gate))),
            Err(Closed) => None,
        }
    }

    /// As [`wait_for_permit`](Self::wait_for_permit), for a future.
    pub(crate) async fn permit(&self) -> Result<Option<Permit>, SpawnError> {
        // Where it is first polled decides, since that is who waits.
        let Some(gate) = self.gate() else { return Ok(None) };
        match gate.admitted().await {
            Ok(()) => Ok(Some(Permit(Arc::clone(gate)))),
            Err(Closed) => Err(SpawnError::Closed),
        }
    }

    /// Queues a closure that has passed.
    #[inline]
    pub(crate) fn queue_closure<F, T>(
        &self,
        permit: Option<Permit>,
        priority: Priority,
        f: F,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (task, handle) = match permit {
            None => self.closure(f),
            Some(permit) => self.closure(permit.closure(f)),
        };
        self.submit(priority, task);
        handle
    }

    /// Queues a future that has passed.
    #[inline]
    pub(crate) fn queue_future<F>(
        shared: &Arc<Self>,
        permit: Option<Permit>,
        priority: Priority,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let route = Route::at(priority);
        let (task, handle) = match permit {
            None => Self::future(shared, route, future),
            Some(permit) => Self::future(shared, route, permit.future(future)),
        };
        shared.submit(priority, task);
        handle
    }
}
