//! The same closure once on every worker.

use std::panic::resume_unwind;

use executor_common::panic::{AbortOnUnwind, discard};
use executor_common::{DomainId, Priority, scoped_closure_task};

use crate::SmpExecutor;
use crate::context;
use crate::shared::Shared;
use crate::spawn::spawn_site;

impl SmpExecutor {
    /// Runs `f` once on every worker, with the worker's index, and returns the results in that order: to set up
    /// or to collect what a thread keeps to itself.
    ///
    /// Each worker does it between two tasks. After the shutdown there is no worker, and the result is empty.
    ///
    /// # Panics
    ///
    /// With the first panic of `f`, after all have ended. Also if the calling thread is one of the pool's
    /// workers: two that broadcast at once would wait for each other.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = smp_executor::SmpExecutor::builder().workers(3).build()?;
    /// assert_eq!(executor.broadcast(|index| index * 10), [0, 10, 20]);
    /// # Ok::<(), smp_executor::BuildError>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn broadcast<F, R>(&self, f: F) -> Vec<R>
    where
        F: Fn(usize) -> R + Sync,
        R: Send,
    {
        self.shared().broadcast(f)
    }
}

impl Shared {
    /// See [`SmpExecutor::broadcast`].
    #[cfg_attr(feature = "tracing", track_caller)]
    pub(crate) fn broadcast<F, R>(&self, f: F) -> Vec<R>
    where
        F: Fn(usize) -> R + Sync,
        R: Send,
    {
        let is_own = context::is_thread_of(self);
        assert!(!is_own, "broadcast was called on one of the pool's own workers");
        // From the first task until all are done this frame must not be left.
        let guard = AbortOnUnwind::new();
        let site = spawn_site(None, Priority::Normal);
        let handles: Vec<_> = (0..self.core_workers)
            .map(|index| {
                let f = &f;
                let _site = site.enter();
                // A domain of its own: nobody but that worker may run it.
                // SAFETY: `f` and the results outlive the handles, which are joined below.
                let (task, handle) =
                    unsafe { scoped_closure_task(DomainId::unique(), move || f(index)) };
                self.mail(index, task);
                handle
            })
            .collect();
        let mut results = Vec::with_capacity(handles.len());
        let mut panic = None;
        for handle in handles {
            match handle.join() {
                Ok(result) => results.push(result),
                Err(error) => match (error.try_into_panic(), &panic) {
                    (Ok(payload), None) => panic = Some(payload),
                    (Ok(payload), Some(_)) => discard(payload),
                    // The pool has ended.
                    (Err(_), _) => {}
                },
            }
        }
        guard.disarm();
        match panic {
            None => results,
            Some(payload) => resume_unwind(payload),
        }
    }
}
