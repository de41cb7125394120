//! Tasks of one certain worker: closures for it, and futures that never leave it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use executor_common::sync::atomic::{Ordering, fence};
use executor_common::sync::{Counter, thread};
use executor_common::{
    DomainId, JoinHandle, Priority, RunOutcome, Runnable, closure_task, local_future_task,
};

use crate::context;
use crate::mailbox::Mailbox;
use crate::shared::Shared;
use crate::shutdown::Phase;
use crate::spawn::Route;
use crate::spawn::spawn_site;
use crate::worker::Worker;

/// What a worker has of its own.
pub(crate) struct Own {
    /// Of tasks that only this worker runs: it may run them in place where it waits for them.
    pub(crate) domain: DomainId,
    /// Closures for this worker.
    pub(crate) mailbox: Mailbox,
    /// Futures of this worker that are ready. Nobody else ever takes one out, not even to drop it.
    pub(crate) ready: Mailbox,
    /// Futures of this worker that are not done. Written by the worker alone.
    live: Counter,
}

impl Own {
    pub(crate) fn new() -> Self {
        Self {
            domain: DomainId::unique(),
            mailbox: Mailbox::new(),
            ready: Mailbox::new(),
            live: Counter::new(),
        }
    }

    /// The next task.
    #[inline]
    pub(crate) fn take(&self) -> Option<Runnable> {
        self.mailbox.take().or_else(|| self.ready.take())
    }

    pub(crate) fn len(&self) -> usize {
        self.mailbox.len() + self.ready.len()
    }

    /// Drops the entries that handles have left behind when they ran their futures in place. There are no live futures.
    pub(crate) fn forget_stale(&self) {
        while let Some(task) = self.ready.take() {
            let stale = task.run();
            debug_assert!(matches!(stale, RunOutcome::StaleFuture), "{stale:?}");
        }
    }

    /// Whether there is no task now.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is nothing to come either. Ready entries without live futures are stale.
    pub(crate) fn is_drained(&self) -> bool {
        self.mailbox.is_empty() && !self.has_live_futures()
    }

    /// Whether a future may become ready later.
    pub(crate) fn has_live_futures(&self) -> bool {
        self.live.get() > 0
    }
}

/// Spawns a future that is polled and dropped on the calling thread, a worker, and need not be `Send`.
///
/// Whatever wakes it, it runs on this worker, in turn with the worker's other tasks. A task of this very worker that
/// waits for it in [`JoinHandle::join`] polls it in place if it is ready; if it is not, that is a deadlock: `.await` the
/// handle instead.
///
/// In a hook of a compensating thread that ends it is cancelled at once.
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
///
/// let executor = smp_executor::SmpExecutor::builder().workers(2).build()?;
/// let sum = executor.spawn_future(async {
///     let sum = smp_executor::spawn(|| {
///         let total = Rc::new(Cell::new(0));
///         for n in 1..=4 {
///             let total = Rc::clone(&total);
///             drop(smp_executor::spawn_local(async move { total.set(total.get() + n) }));
///         }
///         // In turn behind the four.
///         smp_executor::spawn_local(async move { total.get() })
///     });
///     sum.await.unwrap().await.unwrap()
/// });
/// assert_eq!(sum.join()?, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "tracing", track_caller)]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// Counts the future until it is dropped.
    struct Live<F>(F);

    impl<F: Future> Future for Live<F> {
        type Output = F::Output;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
            // SAFETY: the field is pinned with the whole; it is not moved, and nothing else hands out a reference to it.
            unsafe { self.map_unchecked_mut(|live| &mut live.0) }.poll(context)
        }
    }

    impl<F> Drop for Live<F> {
        fn drop(&mut self) {
            context::with_worker(|worker| {
                let Some(worker) = worker else { unreachable!("it is dropped where it was made") };
                let live = &worker.remote().own.live;
                live.set(live.get() - 1);
            });
        }
    }

    let _site = spawn_site(None, Priority::Normal).enter();
    context::with_worker(|worker| {
        let Some(worker) = worker else {
            panic!("spawn_local was called on a thread that is no worker")
        };
        let own = &worker.remote().own;
        own.live.add_owned(1);
        let route = Route::to_worker(worker.index());
        // SAFETY: only this worker takes the task out of `ready`, where it goes now and with each wake-up, and it runs or
        // cancels it there. It does not leave before the future has been dropped (`Worker::end_local_futures`). It keeps the pool alive.
        let (task, handle) = unsafe {
            local_future_task(own.domain, Live(future), worker.shared_arc(), route.tag())
        };
        if worker.is_dismissed() {
            // Nobody would run it; it is cancelled here.
            drop(task);
        } else {
            own.ready.put(task);
        }
        handle
    })
}

impl Shared {
    /// Queues a closure that only `worker` runs.
    pub(crate) fn spawn_on<F, T>(&self, worker: usize, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        assert!(worker < self.core_workers, "there is no worker {worker}");
        let (task, handle) = closure_task(self.remote(worker).own.domain, f);
        self.mail(worker, task);
        handle
    }

    /// Leaves a task that only `worker` may run.
    pub(crate) fn mail(&self, worker: usize, task: Runnable) {
        let mailbox = &self.remote(worker).own.mailbox;
        mailbox.put(task);
        self.sleep.call(worker);
        // Ordering: pairs with the fence in `Worker::cancel_left_over`. Without it this thread could miss the
        // mark while the worker that leaves misses the mail, and the mail's handle would wait for ever.
        fence(Ordering::SeqCst);
        if self.lifecycle.phase() == Phase::Stopping {
            while let Some(task) = mailbox.take() {
                self.cancel(task);
            }
        }
    }

    /// A future of `worker` has been woken, from whatever thread.
    pub(crate) fn deliver(&self, worker: usize, task: Runnable) {
        self.remote(worker).own.ready.put(task);
        let is_here = context::with_worker_of(self, |current| {
            current.is_some_and(|current| current.index() == worker)
        });
        if !is_here {
            self.sleep.call(worker);
            // Ordering: pairs with the fences in `Worker::cancel_left_over` and in `Lifecycle::stop`. Without it this thread could
            // miss the mark while the worker that leaves misses the entry.
            fence(Ordering::SeqCst);
            if self.lifecycle.phase() == Phase::Stopping {
                self.remote(worker).own.ready.forget_void();
            }
        }
    }

    /// The pool stops. Where a handle runs a future in place that has just been woken, the entry may come after the future's end, and
    /// even after its worker's: the entry has the future's cell, the cell has the pool, and the pool would have the entry for ever.
    ///
    /// A worker that has not left forgets what comes later; beside one that has, whoever delivers sees the mark.
    pub(crate) fn forget_late_wake_ups(&self) {
        self.remotes().iter().for_each(|remote| remote.own.ready.forget_void());
    }
}

impl Worker {
    /// The pool stops: drops all futures of this worker. Those that wait are woken for it by the close of the registry, which has
    /// begun or is about to.
    pub(crate) fn end_local_futures(&self) {
        let own = &self.remote().own;
        while own.has_live_futures() {
            match own.ready.take() {
                Some(task) => self.cancel_own(task),
                None => thread::yield_now(),
            }
        }
        own.forget_stale();
    }
}
