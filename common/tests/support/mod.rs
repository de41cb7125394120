//! What the tests share.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Waker};
use std::time::Duration;
use std::{future::Future, pin::Pin, task::Poll, thread};

use executor_common::sync::{Arc, Counter};
use executor_common::{
    DomainId, JoinHandle, PanicHook, Runnable, Schedule, TaskPanic, TaskRegistry, enter_domain,
    future_task,
};

/// How long a test may take before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test on a thread of its own, and fails when it hangs.
pub(crate) fn watched(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        // The receiver is gone only if the limit has struck.
        let _ = done.send(());
    });
    match ended.recv_timeout(LIMIT) {
        Err(RecvTimeoutError::Timeout) => panic!("not finished after {LIMIT:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            if let Err(payload) = thread.join() {
                resume_unwind(payload);
            }
        }
    }
}

/// Counts its drops.
#[derive(Debug)]
pub(crate) struct CountsDrop(pub(crate) Arc<Counter>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

impl CountsDrop {
    pub(crate) fn new() -> (Self, Arc<Counter>) {
        let drops = Arc::new(Counter::new());
        (Self(Arc::clone(&drops)), drops)
    }
}

/// Panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Bomb(pub(crate) &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::panic_any(self.0);
    }
}

/// A scheduler whose tasks the test runs itself.
pub(crate) struct Queue {
    ready: mpsc::Sender<Runnable>,
    registry: TaskRegistry,
}

impl Queue {
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Runnable>) {
        let (ready, tasks) = mpsc::channel();
        (Arc::new(Self { ready, registry: TaskRegistry::new(2) }), tasks)
    }
}

impl Schedule for Queue {
    fn schedule(&self, task: Runnable) {
        // Where nobody receives any more, the task comes back in the error and is cancelled.
        let _ = self.ready.send(task);
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

/// A future's task. The test keeps `scheduler` until nobody runs the task any more.
pub(crate) fn future_on<F, S>(
    scheduler: &Arc<S>,
    domain: DomainId,
    future: F,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    // SAFETY: the tests do as the line above says.
    unsafe { future_task(domain, future, scheduler) }
}

/// The panics that no handle took, as text.
#[derive(Default)]
pub(crate) struct Reports {
    count: Counter,
}

impl Reports {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }

    pub(crate) fn hook(self: &Arc<Self>) -> PanicHook {
        let reports = Arc::clone(self);
        Arc::new(move |panic: TaskPanic| {
            assert!(panic.to_string().contains(panic.message()));
            reports.count.add(1);
        })
    }

    /// Runs `f` on a thread of a new domain whose unclaimed panics come here.
    pub(crate) fn on_worker<R: Send>(self: &Arc<Self>, f: impl FnOnce() -> R + Send) -> R {
        on_worker(DomainId::unique(), Some(self.hook()), f)
    }
}

/// Runs `f` on a new thread of `domain`.
pub(crate) fn on_worker<R: Send>(
    domain: DomainId,
    hook: Option<PanicHook>,
    f: impl FnOnce() -> R + Send,
) -> R {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            enter_domain(domain, hook);
            f()
        });
        worker.join().unwrap_or_else(|payload| resume_unwind(payload))
    })
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<T>(handle: &mut JoinHandle<T>) -> Poll<<JoinHandle<T> as Future>::Output> {
    Pin::new(handle).poll(&mut Context::from_waker(Waker::noop()))
}
