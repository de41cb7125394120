//! A worker's life: find, run, lie down.

mod search;

pub(crate) use search::pause;

use std::cell::Cell;

use executor_common::panic::contained;
use executor_common::sync::Arc;
use executor_common::sync::atomic::{Ordering, fence};
use executor_common::{Parker, Priority, RunOutcome, Runnable, WorkerCounters, enter_domain};

use crate::context;
use crate::fork::{Forks, JobRef};
use crate::run_queue::RunQueue;
use crate::shared::{Remote, Shared};
use crate::shutdown::Phase;
use crate::sleep::{Searching, Woken};

/// After so many of its own tasks a worker looks into the injector first, so that a task which respawns
/// itself for ever does not starve those from outside. A prime, so that it does not beat with the program's
/// own periods.
const INJECTOR_INTERVAL: u32 = 61;

/// So rarely a task of low priority goes first, so that it does not wait for ever beside a pool that is never idle.
const LOW_INTERVAL: u32 = 509;

/// Each so many tasks, those that overtake (high priority, and what is meant for this worker) let another one go first.
const OVERTAKING_INTERVAL: u32 = 8;

/// The state of one worker, on its own thread.
pub(crate) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    tasks: RunQueue,
    pub(crate) forks: Forks,
    parker: Parker,
    tick: Cell<u32>,
    random: Cell<u32>,
}

/// Something to run.
enum Found {
    Task(Runnable),
    Job(JobRef),
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        tasks: RunQueue,
        forks: Forks,
        parker: Parker,
    ) -> Self {
        let seed = (index as u32 + 1).wrapping_mul(0x9E37_79B9) | 1;
        Self { index, shared, tasks, forks, parker, tick: Cell::new(0), random: Cell::new(seed) }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What others reach of this worker.
    pub(crate) fn remote(&self) -> &Remote {
        &self.shared.remotes[self.index]
    }

    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.remote().counters
    }

    /// Queues a new task on this worker.
    #[inline]
    pub(crate) fn push(&self, task: Runnable) {
        self.tasks.push(&self.remote().tasks, &self.shared.sleep, task);
    }

    /// Queues a future that a task of this worker has woken.
    #[inline]
    pub(crate) fn push_woken(&self, task: Runnable) {
        self.tasks.push_woken(&self.remote().tasks, &self.shared.sleep, task);
    }

    /// The thread's main function.
    pub(crate) fn run(self) {
        // Last of all, and also if this crate has a bug that panics: a shutdown waits for it.
        let _leave = Leave(Arc::clone(&self.shared));
        enter_domain(self.shared.domain, self.shared.hooks.on_panic.clone());
        context::enter(&self, || {
            call_hook(self.shared.hooks.on_thread_start.as_ref(), self.index);
            self.work();
            self.cancel_left_over();
            call_hook(self.shared.hooks.on_thread_stop.as_ref(), self.index);
            // What the hook has spawned.
            self.cancel_left_over();
        });
    }

    fn work(&self) {
        let mut searching = None;
        while self.shared.lifecycle.phase() != Phase::Stopping {
            searching = self.turn(searching);
        }
        if let Some(evidence) = searching {
            self.shared.sleep.stop_searching(evidence, || false);
        }
    }

    /// Runs one task, or lies down once. Takes and returns the evidence that this worker is counted as
    /// searching.
    pub(crate) fn turn(&self, searching: Option<Searching>) -> Option<Searching> {
        if searching.is_none()
            && let Some(task) = self.next_own()
        {
            self.execute(Found::Task(task));
            return None;
        }
        let Some(evidence) = searching.or_else(|| self.shared.sleep.start_searching()) else {
            // What nobody is in a hurry for is nobody's in particular either.
            let Some(task) = self.shared.inbox.take(Priority::Low) else {
                return self.sleep(None);
            };
            self.execute(Found::Task(task));
            return None;
        };
        let Some(found) = self.search() else {
            return self.sleep(Some(evidence));
        };
        self.shared.sleep.stop_searching(evidence, || self.shared.last_look(self.index));
        self.execute(found);
        None
    }

    /// The next task that this worker may take without searching: out of its own queues or out of the inbox.
    ///
    /// The inbox is everybody's. Only stealing from other workers is limited to searchers: a woken worker counts
    /// as one for the 40 us that it needs to get going, and those who run must not lie down beside a full inbox
    /// meanwhile.
    fn next_own(&self) -> Option<Runnable> {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        let overtakes = !tick.is_multiple_of(OVERTAKING_INTERVAL);
        if overtakes && let Some(task) = self.next_overtaking() {
            return Some(task);
        }
        if tick.is_multiple_of(INJECTOR_INTERVAL)
            && let Some(task) = self.shared.inbox.take(Priority::Normal)
        {
            return Some(task);
        }
        if tick.is_multiple_of(LOW_INTERVAL)
            && let Some(task) = self.shared.inbox.take(Priority::Low)
        {
            return Some(task);
        }
        self.tasks
            .pop(&self.remote().tasks, &self.shared.sleep)
            .or_else(|| self.next_batch())
            .or_else(|| if overtakes { None } else { self.next_overtaking() })
    }

    /// What only this worker may run, and what is urgent.
    #[inline]
    fn next_overtaking(&self) -> Option<Runnable> {
        self.remote().mailbox.take().or_else(|| self.shared.inbox.take(Priority::High))
    }

    /// A batch out of the inbox, by a worker that is not counted as searching. What goes into its deque is a push
    /// like any other: on its way it was in neither queue, so that a worker that lay down meanwhile has seen it in neither.
    fn next_batch(&self) -> Option<Runnable> {
        let task = self.shared.inbox.take_batch(self.tasks.shared())?;
        if self.tasks.shared().len() > 0 {
            self.shared.sleep.notify();
        }
        Some(task)
    }

    fn execute(&self, found: Found) {
        let remote = self.remote();
        remote.counters.begin_busy();
        remote.held.set(1);
        match found {
            Found::Task(task) => {
                let outcome = task.run();
                self.counters().count(&outcome);
                if let RunOutcome::Yielded(task) = outcome {
                    // Behind what is in the deque, and anybody may take it from there.
                    self.push(task);
                }
            }
            Found::Job(job) => self.forks.execute_stolen(self, job),
        }
        remote.held.set(0);
    }

    /// Lies down until there is something to do. Returns the evidence if a waker counted this worker as
    /// searching.
    fn sleep(&self, searching: Option<Searching>) -> Option<Searching> {
        let counters = self.counters();
        counters.end_busy();
        counters.parks.add_owned(1);
        let woken = self
            .shared
            .sleep
            .fall_asleep(self.index, &self.parker, searching, |others| self.is_work_left(others));
        counters.wakes.add_owned(1);
        match woken {
            Woken::ToSearch(evidence) => Some(evidence),
            Woken::ToLook => None,
        }
    }

    /// The pool stops: nobody runs what is still on this worker's deque.
    fn cancel_left_over(&self) {
        self.counters().end_busy();
        // Ordering: between having seen the mark and the last look into the box; pairs with the fence in
        // `Shared::mail`.
        fence(Ordering::SeqCst);
        let mailbox = &self.shared.remotes[self.index].mailbox;
        let own = &self.remote().tasks;
        while let Some(task) = mailbox.take().or_else(|| self.tasks.pop_unasked(own)) {
            self.counters().count(&task.cancel());
        }
    }
}

/// A worker's thread has nothing more to do with the pool.
struct Leave(Arc<Shared>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.lifecycle.leave(1);
    }
}

fn call_hook(hook: Option<&crate::shared::ThreadHook>, index: usize) {
    if let Some(hook) = hook {
        // Foreign code: its panic must not end the worker.
        contained(|| hook(index));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use executor_common::closure_task;

    use crate::builder::assemble;
    use crate::context;
    use crate::shared::Hooks;

    #[test]
    fn a_worker_takes_from_the_injector_while_another_counts_as_searching() {
        let (shared, workers) = assemble(2, 64, Hooks::default());
        // Another worker has just been woken, and is not on its feet yet.
        let woken = shared.sleep.start_searching().expect("nobody else searches");
        let (task, handle) = closure_task(shared.domain, || 7);
        shared.submit(task);
        assert!(workers[0].turn(None).is_none());
        assert!(handle.is_finished(), "the worker had to run the task in this turn");
        shared.sleep.stop_searching(woken, || false);
    }

    #[test]
    fn forks_beyond_the_room_for_them_run_serially() {
        fn fib(n: u64) -> u64 {
            if n < 2 {
                return n;
            }
            let (a, b) = crate::join(|| fib(n - 1), || fib(n - 2));
            a + b
        }
        for capacity in 0..4 {
            let (_shared, workers) = assemble(1, capacity, Hooks::default());
            context::enter(&workers[0], || assert_eq!(fib(15), 610));
        }
    }
}
