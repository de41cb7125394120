//! The stall watch: tasks that hold their worker for too long.
//!
//! A worker publishes which task it runs ([`RunningTask`]); one thread per executor, made only if the program sets a
//! limit, looks at all workers four times per limit. A task that is there in each look for as long as the limit has
//! stalled: reported once, with what was *seen*, so that the time is never too long, and too short by a look at most.
//! The worker reads no clock for it.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::time::Duration;

use executor_common::panic::contained;
use executor_common::sync::{Arc, Counter, now, thread};
use executor_common::{Parker, Role, TaskId, Unparker};

use crate::event::{Event, EventHook, report};

mod detector;

use detector::Detector;

/// Looks per limit.
const LOOKS: u32 = 4;
/// Looking more often would cost more than it tells.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// What a worker publishes, for the watch alone: it synchronises nothing.
///
/// The sequence tells two runs of one task apart, such as two polls of a future. A look that falls between the two
/// stores may see a pair that never was; it takes several equal ones to call a stall.
#[derive(Debug, Default)]
pub(crate) struct RunningTask {
    sequence: Counter,
    /// Zero between tasks, which is no task's id.
    task: Counter,
}

/// Two words of a [`RunningTask`], as seen by the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    sequence: u64,
    task: Option<TaskId>,
}

impl RunningTask {
    /// The worker begins to run a closure, or to poll a future. Called by the worker alone.
    #[inline]
    pub(crate) fn begin(&self, task: TaskId) {
        self.sequence.add_owned(1);
        self.task.set(task.as_u64());
    }

    /// The worker is between tasks.
    #[inline]
    pub(crate) fn end(&self) {
        self.task.set(0);
    }

    /// Whether it is this one. What a task runs in its own place is not seen.
    pub(crate) fn is(&self, task: TaskId) -> bool {
        self.task.get() == task.as_u64()
    }

    fn sample(&self) -> Sample {
        Sample { sequence: self.sequence.get(), task: TaskId::from_u64(self.task.get()) }
    }
}

/// The way to what the watch reads and writes of a worker.
pub(crate) trait Observed: Send + 'static {
    /// What the worker publishes.
    fn running(&self) -> &RunningTask;

    /// Where its stalls are counted. The watch alone writes it.
    fn stalls(&self) -> &Counter;
}

/// A worker, to the watch.
#[derive(Debug)]
pub(crate) struct Watched<O> {
    pub(crate) role: Role,
    pub(crate) worker: usize,
    pub(crate) core: usize,
    pub(crate) observed: O,
}

/// The watch's thread. Ends with this value: a drop waits for it, and for a hook that it may be in.
pub(crate) struct StallWatch {
    /// Wakes the thread, which ends then.
    end: Unparker,
    /// What the thread knows itself by.
    identity: Arc<()>,
    /// `None` once nobody waits for it any more.
    thread: Option<thread::JoinHandle<()>>,
}

executor_common::sync::thread_local! {
    /// The identity of the watch whose thread this is.
    static WATCH: Cell<*const ()> = const { Cell::new(std::ptr::null()) };
}

impl StallWatch {
    /// Starts the thread. Stalls are counted whether or not somebody wants to hear of them. `hook` is called on the new
    /// thread.
    ///
    /// # Errors
    ///
    /// The thread cannot be made.
    pub(crate) fn start<O: Observed>(
        limit: Duration,
        workers: Vec<Watched<O>>,
        hook: Option<EventHook>,
    ) -> io::Result<Self> {
        let parker = Parker::new();
        let end = parker.unparker();
        let identity = Arc::new(());
        let own_identity = Arc::clone(&identity);
        let builder = thread::Builder::new().name("amp-stall-watch".to_owned());
        let thread = builder.spawn(move || {
            WATCH.with(|watch| watch.set(Arc::as_ptr(&own_identity)));
            watch(limit, &workers, hook.as_ref(), &parker);
            // What the hook owns is foreign code, and so is what the hook for panics owns, which goes with the roles.
            contained(|| drop(hook));
            contained(|| drop(workers));
        })?;
        Ok(Self { end, identity, thread: Some(thread) })
    }

    /// Tells the thread to end, without waiting for it: for callers that the hook may be waiting for.
    pub(crate) fn let_go(mut self) {
        drop(self.thread.take());
    }

    /// Whether the calling thread is the watch's own, which is in the hook then.
    fn is_this_thread(&self) -> bool {
        WATCH.try_with(Cell::get).is_ok_and(|watch| watch == Arc::as_ptr(&self.identity))
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.end.unpark();
        if let Some(thread) = self.thread.take()
            && !self.is_this_thread()
        {
            let ended = thread.join();
            debug_assert!(ended.is_ok(), "the stall watch panicked");
        }
    }
}

impl fmt::Debug for StallWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallWatch").finish_non_exhaustive()
    }
}

/// Looks until there is a token, which is there for the end alone.
fn watch<O: Observed>(
    limit: Duration,
    workers: &[Watched<O>],
    hook: Option<&EventHook>,
    parker: &Parker,
) {
    let interval = (limit / LOOKS).max(SHORTEST_INTERVAL);
    let mut detectors: Vec<_> = workers.iter().map(|_| Detector::new(limit)).collect();
    while !parker.park_timeout(interval) {
        for (worker, detector) in workers.iter().zip(&mut detectors) {
            let sample = worker.observed.running().sample();
            let Some(stall) = detector.look(now(), sample) else { continue };
            worker.observed.stalls().add_owned(1);
            if stall.is_to_be_reported {
                let &Watched { role, worker, core, .. } = worker;
                let (task, held_for) = (stall.task, stall.held_for);
                report(hook, &Event::Stall { role, worker, core, task, held_for });
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
#[path = "stall_tests.rs"]
mod tests;
