//! What the user wants to be told, and what is measured only if he asks for it.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use executor_common::panic::contained;
use executor_common::{DelayHistogram, DelayMetrics, PanicHook, TaskId};

use crate::context;

/// Called on a worker's thread with the worker's index. The standard library's `Arc`, as for `PanicHook`: loom's cannot
/// hold a `dyn`, and nothing is published through its count.
pub(crate) type ThreadHook = std::sync::Arc<dyn Fn(usize) + Send + Sync>;

/// Called on a worker's thread with the task that it runs.
pub(crate) type TaskHook = std::sync::Arc<dyn Fn(TaskId) + Send + Sync>;

/// What the user wants to be called for.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_panic: Option<PanicHook>,
    pub(crate) on_thread_start: Option<ThreadHook>,
    pub(crate) on_thread_stop: Option<ThreadHook>,
    pub(crate) on_park: Option<ThreadHook>,
    pub(crate) on_unpark: Option<ThreadHook>,
    pub(crate) on_task_start: Option<TaskHook>,
    pub(crate) on_task_end: Option<TaskHook>,
}

/// Calls a hook, if there is one. It is foreign code: its panic must not end the worker.
#[inline]
pub(crate) fn call<A>(hook: Option<&std::sync::Arc<dyn Fn(A) + Send + Sync>>, argument: A) {
    if let Some(hook) = hook {
        contained(|| hook(argument));
    }
}

/// How long tasks wait between their spawn and their start.
pub(crate) struct Delays {
    /// By worker, so that recording meets nobody but a snapshot; the last one is for threads that are no workers.
    workers: Box<[DelayHistogram]>,
}

impl Delays {
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers: (0..=workers).map(|_| DelayHistogram::new()).collect() }
    }

    fn record(&self, delay: Duration) {
        let last = self.workers.len() - 1;
        let place = context::current_worker().map_or(last, |index| index.min(last));
        self.workers[place].record(delay);
    }

    /// A task that is spawned now.
    pub(crate) fn closure<T>(
        self: std::sync::Arc<Self>,
        f: impl FnOnce() -> T,
    ) -> impl FnOnce() -> T {
        let spawned = Instant::now();
        move || {
            self.record(spawned.elapsed());
            f()
        }
    }

    /// A future that is spawned now.
    pub(crate) fn future<F: Future>(
        self: std::sync::Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> {
        let spawned = Instant::now();
        async move {
            self.record(spawned.elapsed());
            future.await
        }
    }

    pub(crate) fn snapshot(&self) -> DelayMetrics {
        DelayHistogram::merged(&self.workers)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_panic", &self.on_panic.is_some())
            .field("on_thread_start", &self.on_thread_start.is_some())
            .field("on_thread_stop", &self.on_thread_stop.is_some())
            .field("on_park", &self.on_park.is_some())
            .field("on_unpark", &self.on_unpark.is_some())
            .field("on_task_start", &self.on_task_start.is_some())
            .field("on_task_end", &self.on_task_end.is_some())
            .finish()
    }
}
