//! How a task is made and which queue it goes to.

use std::future::Future;

use executor_common::sync::Arc;
use executor_common::{
    JoinHandle, Priority, Role, RunOutcome, Runnable, Schedule, SpawnSite, TaskRegistry,
    closure_task, local_future_task,
};

use crate::SmpExecutor;
use crate::context;
use crate::shared::{Remote, Shared};
use crate::shutdown::Phase;

/// Queues a closure on the pool that the calling thread works for; elsewhere on the
/// [global executor](SmpExecutor::global).
///
/// # Examples
///
/// ```
/// let nested = smp_executor::spawn(|| smp_executor::spawn(|| 6 * 7));
/// assert_eq!(nested.join()?.join()?, 42);
/// # Ok::<(), smp_executor::JoinError>(())
/// ```
#[inline]
#[cfg_attr(feature = "tracing", track_caller)]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let _site = spawn_site(None, Priority::Normal).enter();
    context::with_worker(|worker| match worker {
        Some(worker) => {
            let (task, handle) = worker.shared().closure(f);
            worker.push(task);
            handle
        }
        None => SmpExecutor::global().spawn(f),
    })
}

/// As [`spawn`], for a future.
///
/// # Examples
///
/// ```
/// let greeting = smp_executor::spawn_future(async { "hello" });
/// assert_eq!(greeting.join()?, "hello");
/// # Ok::<(), smp_executor::JoinError>(())
/// ```
#[inline]
#[cfg_attr(feature = "tracing", track_caller)]
pub fn spawn_future<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let _site = spawn_site(None, Priority::Normal).enter();
    context::with_worker(|worker| match worker {
        Some(worker) => {
            let (task, handle) = Shared::future(worker.shared_arc(), Route::NORMAL, future);
            worker.push(task);
            handle
        }
        None => SmpExecutor::global().spawn_future(future),
    })
}

/// What a trace tells of a task that is spawned where this is called.
#[inline(always)]
#[cfg_attr(feature = "tracing", track_caller)]
pub(crate) fn spawn_site(label: Option<Role>, priority: Priority) -> SpawnSite {
    SpawnSite::here("smp", label, priority)
}

/// Where a woken future goes: the tag of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route(u32);

impl Route {
    pub(crate) const NORMAL: Self = Self(0);
    const HIGH: Self = Self(1);
    const LOW: Self = Self(2);
    /// From here on: to this worker alone.
    const FIRST_WORKER: u32 = 3;

    pub(crate) fn at(priority: Priority) -> Self {
        match priority {
            Priority::High => Self::HIGH,
            Priority::Normal => Self::NORMAL,
            Priority::Low => Self::LOW,
        }
    }

    pub(crate) fn of(task: &Runnable) -> Self {
        Self(task.tag())
    }

    /// To one worker alone.
    pub(crate) fn to_worker(index: usize) -> Self {
        // There are at most `MAX_WORKERS`.
        Self(Self::FIRST_WORKER + index as u32)
    }

    /// As the tag of a task.
    pub(crate) fn tag(self) -> u32 {
        self.0
    }

    fn worker(self) -> Option<usize> {
        self.0.checked_sub(Self::FIRST_WORKER).map(|index| index as usize)
    }

    fn priority(self) -> Priority {
        match self {
            Self::HIGH => Priority::High,
            Self::LOW => Priority::Low,
            _ => Priority::Normal,
        }
    }
}

impl Shared {
    /// Makes a task that any worker may run.
    #[inline]
    pub(crate) fn closure<F, T>(&self, f: F) -> (Runnable, JoinHandle<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match &self.delays {
            None => closure_task(self.domain, f),
            Some(delays) => closure_task(self.domain, std::sync::Arc::clone(delays).closure(f)),
        }
    }

    /// Makes a task from a future that any worker may poll.
    #[inline]
    pub(crate) fn future<F>(
        shared: &Arc<Self>,
        route: Route,
        future: F,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &shared.delays {
            None => Self::plain_future(shared, route, future),
            Some(delays) => {
                Self::plain_future(shared, route, std::sync::Arc::clone(delays).future(future))
            }
        }
    }

    fn plain_future<F>(
        shared: &Arc<Self>,
        route: Route,
        future: F,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: tasks are run by workers of this pool, in their loop or from `JoinHandle::join`, and each worker keeps the pool alive
        // until its thread has left the domain.
        unsafe { local_future_task(shared.domain, future, shared, route.tag()) }
    }

    /// Queues a new task. A worker's own goes to its own queue, unless it has a priority; anybody else's goes to the inbox, and
    /// is turned away once the pool has been shut down.
    #[inline]
    pub(crate) fn submit(&self, priority: Priority, task: Runnable) {
        context::with_worker_of(self, |worker| match worker {
            Some(worker) if priority == Priority::Normal => worker.push(task),
            None if !self.lifecycle.is_open() => self.cancel(task),
            _ => self.inject(priority, task),
        });
    }

    /// Queues a task for any worker, from any thread.
    pub(crate) fn inject(&self, priority: Priority, task: Runnable) {
        self.inbox.push(priority, task);
        self.sleep.notify();
        // The fence in `notify` stands between the push and this look, `Lifecycle::stop` has one between
        // its mark and the final drain. So either this thread sees the mark, or the drain sees the push.
        if self.lifecycle.phase() == Phase::Stopping {
            self.drain_inbox();
        }
    }

    /// Queues a future that is ready again, where others than the calling worker find it.
    pub(crate) fn send(&self, route: Route, task: Runnable) {
        match route.worker() {
            Some(worker) => self.deliver(worker, task),
            None => self.inject(route.priority(), task),
        }
    }

    /// Cancels what is left in the inbox. The pool is stopping.
    pub(crate) fn drain_inbox(&self) {
        while let Some(task) = self.inbox.take_any() {
            self.cancel(task);
        }
    }

    /// Cancels what is queued on workers that a task holds. The pool is stopping: nobody else would before those tasks end, and
    /// they may wait for just that. Futures that may not leave their worker stay. Returns the workers on which nothing else is
    /// left.
    pub(crate) fn cancel_behind_held(&self) -> Vec<&Remote> {
        let held = self.remotes().iter().filter(|remote| remote.is_held());
        held.filter(|remote| {
            let mail = std::iter::from_fn(|| remote.own.mailbox.take());
            mail.take(remote.own.mailbox.len()).for_each(|task| self.cancel(task));
            let (tasks, are_all) = remote.tasks.take_all();
            tasks.into_iter().for_each(|task| self.cancel(task));
            are_all
        })
        .collect()
    }

    pub(crate) fn cancel(&self, task: Runnable) {
        if let RunOutcome::Cancelled = task.cancel_reporting(self.hooks.on_panic.as_ref()) {
            self.cancelled.add(1);
        }
    }
}

/// Where woken futures go.
impl Schedule for Shared {
    fn schedule(&self, task: Runnable) {
        let route = Route::of(&task);
        context::with_worker_of(self, |worker| match worker {
            Some(worker) if route == Route::NORMAL => worker.push_woken(task),
            _ => self.send(route, task),
        });
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}
