//! A worker's life: find, run, lie down.

use std::cell::Cell;

use executor_common::panic::contained;
use executor_common::sync::atomic::{Ordering, fence};
use executor_common::sync::{Arc, LOOM, asymmetric, hint, thread};
use executor_common::{Parker, RunOutcome, Runnable, WorkerCounters, enter_domain};

use crate::context;
use crate::fork::{Forks, JobRef};
use crate::queue::Local;
use crate::shared::{Remote, Shared};
use crate::shutdown::Phase;
use crate::sleep::{Others, Searching, Woken};

/// After so many of its own tasks a worker looks into the injector first, so that a task which respawns
/// itself for ever does not starve those from outside. A prime, so that it does not beat with the program's
/// own periods.
const INJECTOR_INTERVAL: u32 = 61;

/// How often a searcher goes over all queues before it lies down. Waking a halted core takes the waker about
/// 10 us and the task about 40; a search of about that length pays for itself if work comes meanwhile.
const SEARCH_ROUNDS: u32 = if LOOM { 1 } else { 40 };

/// Of those, how many only pause in between; the others give the core to whoever wants it. At their turn, and in the last
/// round, it takes forked jobs from workers that have not heard the question: those do something long.
const SPIN_ROUNDS: u32 = if LOOM { 0 } else { 32 };
/// About 200 ns: whoever waits longer between two looks finds a small job when it is almost done.
const SPINS_PER_ROUND: u32 = 8;

/// The state of one worker, on its own thread.
pub(crate) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    tasks: Local<Runnable>,
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
        tasks: Local<Runnable>,
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

    /// Queues a task on this worker's own deque.
    pub(crate) fn push(&self, task: Runnable) {
        self.tasks.push(task);
        self.shared.sleep.notify();
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
            return self.sleep(None);
        };
        let Some(found) = self.search() else {
            return self.sleep(Some(evidence));
        };
        self.shared.sleep.stop_searching(evidence, || self.shared.is_work_visible());
        self.execute(found);
        None
    }

    /// The next task that this worker may take without searching: out of its own queues or out of the injector.
    ///
    /// The injector is everybody's. Only stealing from other workers is limited to searchers: a woken worker counts
    /// as one for the 40 us that it needs to get going, and those who run must not lie down beside a full injector
    /// meanwhile.
    fn next_own(&self) -> Option<Runnable> {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        let mailbox = &self.shared.remotes[self.index].mailbox;
        if let Some(task) = mailbox.take() {
            return Some(task);
        }
        if tick.is_multiple_of(INJECTOR_INTERVAL)
            && let Some(task) = self.shared.injector.steal()
        {
            return Some(task);
        }
        self.tasks.pop().or_else(|| self.next_batch())
    }

    /// A batch out of the injector, by a worker that is not counted as searching. What goes into the own deque is a push
    /// like any other: who looked while it was on its way has not seen it.
    fn next_batch(&self) -> Option<Runnable> {
        let task = self.shared.injector.steal_batch(&self.tasks)?;
        if self.tasks.len() > 0 {
            self.shared.sleep.notify();
        }
        Some(task)
    }

    fn execute(&self, found: Found) {
        let remote = &self.shared.remotes[self.index];
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

    /// Goes over everybody's queues until something is found or the search has lasted long enough.
    fn search(&self) -> Option<Found> {
        self.counters().end_busy();
        for round in 0..SEARCH_ROUNDS {
            if round > 0 {
                pause(round <= SPIN_ROUNDS);
            }
            if let Some(found) = self.sweep() {
                return Some(found);
            }
            if (round == SPIN_ROUNDS || round == SEARCH_ROUNDS - 1)
                && let Some(job) = self.seize()
            {
                return Some(Found::Job(job));
            }
            if self.shared.lifecycle.phase() == Phase::Stopping {
                return None;
            }
        }
        None
    }

    fn sweep(&self) -> Option<Found> {
        let remotes = &self.shared.remotes;
        if let Some(task) = remotes[self.index].mailbox.take() {
            return Some(Found::Task(task));
        }
        if let Some(task) = self.shared.injector.steal_batch(&self.tasks) {
            return Some(Found::Task(task));
        }
        if let Some(job) = self.shared.returned.take_any() {
            return Some(Found::Job(job));
        }
        let counters = self.counters();
        let start = self.next_random() as usize % remotes.len();
        for offset in 0..remotes.len() {
            let victim = (start + offset) % remotes.len();
            if victim == self.index {
                continue;
            }
            let remote = &remotes[victim];
            if !remote.jobs.is_empty() {
                counters.steal_attempts.add_owned(1);
                if let Some(job) = remote.jobs.steal() {
                    counters.steals.add_owned(1);
                    return Some(Found::Job(job));
                }
            }
            if !remote.tasks.is_empty() {
                counters.steal_attempts.add_owned(1);
                if let Some(task) = remote.tasks.steal_half(&self.tasks) {
                    counters.steals.add_owned(1);
                    return Some(Found::Task(task));
                }
            }
            // Nothing that this worker shares: it may have forked more.
            remote.private.ask();
        }
        None
    }

    /// Takes a forked job from somebody who has not heard the question.
    fn seize(&self) -> Option<JobRef> {
        let workers = self.shared.remotes.len();
        let start = self.next_random() as usize % workers;
        let job =
            (0..workers).find_map(|offset| self.shared.seize_from((start + offset) % workers))?;
        self.counters().steals.add_owned(1);
        Some(job)
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

    /// The look before the sleep.
    fn is_work_left(&self, others: Others) -> bool {
        if self.shared.lifecycle.phase() == Phase::Stopping
            || !self.shared.remotes[self.index].mailbox.is_empty()
        {
            return true;
        }
        // From now on whoever forks shares the job at once. The fence pairs with the light one in a fork: what has
        // been forked without a sign of this is seen below.
        let mut unfenced = false;
        for (other, remote) in self.shared.remotes.iter().enumerate() {
            unfenced |= other != self.index && remote.private.ask_before_sleep();
        }
        if unfenced {
            asymmetric::heavy();
        }
        // While somebody searches, what is in other workers' deques is for that one to find: it will take it, or
        // wake somebody for it, or look here in its turn. Who has ended the search by now may have looked before the
        // question above was asked, and have missed a private job.
        let is_left_to_others = others.searching && self.shared.sleep.is_anyone_searching();
        if !self.shared.injector.is_empty() || (!is_left_to_others && self.shared.is_work_visible())
        {
            return true;
        }
        // The last one to lie down beside empty queues ends a pool that is being drained.
        let drained = others.all_asleep
            && !others.searching
            && self.shared.lifecycle.phase() == Phase::Draining
            && self.shared.registry.is_empty()
            && self.shared.remotes.iter().all(|remote| remote.mailbox.is_empty())
            && self.shared.sleep.asleep() == self.shared.remotes.len();
        if drained {
            self.shared.stop();
        }
        drained
    }

    /// The pool stops: nobody runs what is still on this worker's deque.
    fn cancel_left_over(&self) {
        self.counters().end_busy();
        // Ordering: between having seen the mark and the last look into the box; pairs with the fence in
        // `Shared::mail`.
        fence(Ordering::SeqCst);
        let mailbox = &self.shared.remotes[self.index].mailbox;
        while let Some(task) = mailbox.take().or_else(|| self.tasks.pop()) {
            self.counters().count(&task.cancel());
        }
    }

    /// Marsaglia's xorshift32: cheap, and good enough to spread thieves over victims.
    fn next_random(&self) -> u32 {
        if LOOM {
            // A model explores the schedules; it does not need another dimension.
            return 0;
        }
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }
}

/// Lets time pass between two looks. A model takes no such pause: after one loom shows a thread nothing
/// that it has seen before, which hides the stale reads that a missing fence allows.
pub(crate) fn pause(spin: bool) {
    if spin {
        for _ in 0..SPINS_PER_ROUND {
            hint::spin_loop();
        }
    } else {
        thread::yield_now();
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
