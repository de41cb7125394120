//! Which worker the calling thread is.

use std::cell::Cell;
use std::ptr;

use crate::shared::Shared;
use crate::sleep::Sleep;
use crate::worker::Worker;

executor_common::sync::thread_local! {
    /// Invariant: null, or the address of the worker that runs on this thread, which outlives its entry.
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
    static RESTING: Cell<Option<Resting>> = const { Cell::new(None) };
}

/// Calls `f` with the calling thread's worker, of whatever pool.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: by the invariant of `CURRENT` the pointer is null or valid until `f` returns, since the
    // worker leaves on this very thread; it is only ever borrowed shared.
    f(unsafe { current.as_ref() })
}

/// Calls `f` with the calling thread's worker if it belongs to `shared`.
#[inline]
pub(crate) fn with_worker_of<R>(shared: &Shared, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    with_worker(|worker| f(worker.filter(|worker| ptr::eq(worker.shared(), shared))))
}

/// Whose worker the calling thread is whenever its reactor lets it: the address of a pool, for comparison only, and an index.
#[derive(Clone, Copy)]
struct Resting {
    pool: *const Sleep,
    index: usize,
}

/// Says which worker lives on the calling thread, if any, while a reactor has the thread.
pub(crate) fn rest(worker: Option<&Worker>) {
    let resting = worker.map(|worker| {
        let pool = ptr::from_ref(&worker.shared().sleep);
        Resting { pool, index: worker.index() }
    });
    RESTING.with(|current| current.set(resting));
}

/// The worker of this pool that rests on the calling thread.
pub(crate) fn resting_worker(pool: &Sleep) -> Option<usize> {
    let resting = RESTING.try_with(Cell::get).ok().flatten();
    resting.filter(|resting| ptr::eq(resting.pool, pool)).map(|resting| resting.index)
}

/// Whether the calling thread is one of the pool's, which must not wait for the pool: in a task, or in what its reactor runs.
pub(crate) fn is_thread_of(shared: &Shared) -> bool {
    with_worker_of(shared, |worker| worker.is_some()) || resting_worker(&shared.sleep).is_some()
}

/// Makes `worker` the calling thread's worker while `f` runs.
pub(crate) fn enter<R>(worker: &Worker, f: impl FnOnce() -> R) -> R {
    /// Also while unwinding the entry must not outlive the worker.
    struct Leave<'a>(&'a Worker);

    impl Drop for Leave<'_> {
        fn drop(&mut self) {
            self.0.remote().private.detach();
            CURRENT.with(|current| current.set(ptr::null()));
        }
    }

    CURRENT.with(|current| current.set(worker));
    // One that comes and goes with each turn of its reactor asks when it forks: to be quiet until then would cost the next worker that lies
    // down a heavy fence.
    let is_anyone_idle =
        || worker.parker.has_reactor() || worker.shared().sleep.demand().takers() > 0;
    worker.remote().private.attach(is_anyone_idle);
    let _leave = Leave(worker);
    f()
}

/// The index of the worker that the calling thread is; `None` outside of SMP executors.
///
/// Indices from [`SmpExecutor::workers`](crate::SmpExecutor::workers) on are those of threads that stand in for workers that block; there are at
/// most [`max_compensating_threads`](crate::SmpBuilder::max_compensating_threads) of them.
///
/// # Examples
///
/// ```
/// use smp_executor::{SmpExecutor, current_worker};
///
/// let executor = SmpExecutor::builder().workers(2).build()?;
/// assert_eq!(current_worker(), None);
/// assert!(executor.spawn(current_worker).join()?.is_some_and(|index| index < 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn current_worker() -> Option<usize> {
    with_worker(|worker| worker.map(Worker::index))
}
