//! Futures that never leave their worker.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use executor_common::{JoinHandle, Priority, SpawnSite, local_future_task};

use crate::current;
use crate::queued::Route;
use crate::role::WorkerState;

/// Spawns a future that is polled and dropped on the calling thread, a worker, and need not be `Send`.
///
/// Whatever wakes it, it runs on this worker, in turns with the worker's other tasks. There is always room for it. A task of this
/// very worker that waits for it in [`JoinHandle::join`] polls it in place if it is ready; if it is not, that is a deadlock:
/// `.await` the handle instead. Where a worker ends, in the hook for that and in the destructors of its values, it is cancelled
/// at once. [`RoleHandle::spawn_local`](crate::RoleHandle::spawn_local) does it from other threads.
///
/// # Panics
///
/// If the calling thread is no worker.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig, spawn_local};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const UI: Role = Role::new("ui");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(UI).cores([core])).build()?;
/// let sum = amp.role(UI)?.spawn_local(|| async {
///     let total = Rc::new(Cell::new(0));
///     for n in 1..=4 {
///         let total = Rc::clone(&total);
///         drop(spawn_local(async move { total.set(total.get() + n) }));
///     }
///     // In turn behind the four.
///     spawn_local(async move { total.get() }).await
/// })?;
/// assert_eq!(sum.join()??, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "tracing", track_caller)]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let Some(worker) = current::worker() else {
        panic!("spawn_local was called on a thread that is no worker")
    };
    let state = &worker.role.workers[worker.place];
    state.local_spawned.add_owned(1);
    let tag = Route::Local(worker.place).tag();
    let (task, handle) = {
        let _site = SpawnSite::here("amp", Some(worker.role.role), Priority::Normal).enter();
        // SAFETY: only this worker takes the task out of its queue of local futures, where it goes now and with each wake-up, and
        // it runs or cancels it there; nobody else is in its own domain. It does not leave before the future has been dropped
        // (`Worker::end_local_futures`), and keeps its role alive until then.
        unsafe { local_future_task(state.domain, Alive::new(future), &worker.role, tag) }
    };
    if let Err(queued) = worker.role.channel.push_local(worker.place, worker.role.clock.queue(task))
    {
        // The worker is leaving; nobody would run it.
        state.counters.count(&queued.task.cancel());
    }
    handle
}

/// Counts the future until it is dropped.
struct Alive<F>(F);

impl<F> Alive<F> {
    /// Called on the worker that the future is to stay on.
    fn new(future: F) -> Self {
        with_own_state(|state| state.local_alive.add_owned(1));
        Self(future)
    }
}

fn with_own_state(f: impl FnOnce(&WorkerState)) {
    let Some(worker) = current::worker() else {
        unreachable!("local futures are made and dropped on a worker")
    };
    f(&worker.role.workers[worker.place]);
}

impl<F: Future> Future for Alive<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the field is pinned with the whole; it is not moved, and nothing else hands out a reference to it.
        unsafe { self.map_unchecked_mut(|alive| &mut alive.0) }.poll(context)
    }
}

impl<F> Drop for Alive<F> {
    fn drop(&mut self) {
        with_own_state(|state| state.local_alive.set(state.local_alive.get() - 1));
    }
}

/// A future that is made at its first poll. Before that it is as `Send` as what makes it; from then on it stays where it is.
pub(crate) struct MadeThere<M, F>(Stage<M, F>);

enum Stage<M, F> {
    /// Not pinned: it is moved out to be called.
    Make(M),
    /// Pinned with the whole: never moved, and dropped in its place.
    Made(Alive<F>),
    /// What makes the future has panicked.
    Gone,
}

impl<M, F> MadeThere<M, F> {
    pub(crate) fn new(make: M) -> Self {
        Self(Stage::Make(make))
    }
}

impl<M, F> Future for MadeThere<M, F>
where
    M: FnOnce() -> F,
    F: Future,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: a future that has been made is not moved below; what makes it is not pinned.
        let stage = unsafe { &mut self.get_unchecked_mut().0 };
        if let Stage::Make(_) = stage
            && let Stage::Make(make) = mem::replace(stage, Stage::Gone)
        {
            *stage = Stage::Made(Alive::new(make()));
        }
        let Stage::Made(future) = stage else { unreachable!("a task that panicked is not polled") };
        // SAFETY: it is pinned with the whole (`Stage::Made`).
        unsafe { Pin::new_unchecked(future) }.poll(context)
    }
}
