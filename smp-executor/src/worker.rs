//! A worker's life: find, run, lie down.

mod next;
mod patience;
mod rest;
mod search;

use next::MAX_INBOX_INTERVAL;
use patience::Patience;
pub(crate) use search::pause;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::ptr::NonNull;
use std::time::Instant;

use executor_common::sync::atomic::{Ordering, fence};
use executor_common::sync::{Arc, now};
use executor_common::{
    DomainId, Priority, RunOutcome, Runnable, WorkerCounters, WorkerParker, enter_domain,
    enter_own_domain, set_blocker, set_in_place_counter,
};

use crate::context;
use crate::fork::{Forks, JobRef};
use crate::observe;
use crate::run_queue::RunQueue;
use crate::shared::{Remote, Shared};
use crate::shutdown::Phase;
use crate::sleep::Searching;
use crate::spares;
use crate::spawn::Route;

/// What a worker owns, before it has a thread and after.
pub(crate) struct Seat {
    pub(crate) index: usize,
    pub(crate) tasks: RunQueue,
    pub(crate) forks: Forks,
    pub(crate) parker: WorkerParker,
}

/// The state of one worker, on its own thread.
pub(crate) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    remote: RemoteRef,
    pub(crate) tasks: RunQueue,
    pub(crate) forks: Forks,
    pub(crate) parker: WorkerParker,
    tick: Cell<u32>,
    /// When, and at which tick, this worker has looked into the inbox out of turn.
    last_inbox_look: Cell<Instant>,
    last_inbox_tick: Cell<u32>,
    inbox_interval: Cell<u32>,
    patience: Patience,
    random: Cell<u32>,
    /// A spare that is not needed any more.
    dismissed: Cell<bool>,
}

/// What others reach of a worker: part of the `Shared` that the worker keeps alive, and valid as long.
struct RemoteRef(NonNull<Remote>);

// SAFETY: the pointer is used as a shared reference, to what is shared between threads anyway.
unsafe impl Send for RemoteRef {}

/// Why a worker runs no tasks for a while.
enum Pause {
    /// The reactor is to look for events.
    Reactor,
    /// There is nothing to do. With the evidence if it is counted as searching.
    Sleep(Option<Searching>),
    /// It is a spare, and one is surplus.
    Retire,
}

/// Something to run.
enum Found {
    Task(Runnable),
    Job(JobRef),
}

impl Worker {
    pub(crate) fn new(seat: Seat, shared: Arc<Shared>) -> Self {
        let Seat { index, tasks, forks, parker } = seat;
        let seed = (index as u32 + 1).wrapping_mul(0x9E37_79B9) | 1;
        let remote = RemoteRef(NonNull::from(shared.remote(index)));
        let has_reactor = parker.has_reactor();
        Self {
            index,
            shared,
            remote,
            tasks,
            forks,
            parker,
            tick: Cell::new(0),
            last_inbox_look: Cell::new(now()),
            last_inbox_tick: Cell::new(0),
            inbox_interval: Cell::new(MAX_INBOX_INTERVAL),
            patience: Patience::new(has_reactor),
            random: Cell::new(seed),
            dismissed: Cell::new(false),
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn shared_arc(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What others reach of this worker.
    pub(crate) fn remote(&self) -> &Remote {
        // SAFETY: `shared` is alive (see `RemoteRef`); only ever borrowed shared.
        unsafe { self.remote.0.as_ref() }
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
        self.work_for_life();
        if self.index >= self.shared.core_workers {
            let Self { index, shared, tasks, forks, mut parker, .. } = self;
            parker.set_reactor(None);
            shared.spares.leave(&shared, Seat { index, tasks, forks, parker });
        }
    }

    fn work_for_life(&self) {
        let mut life = pin!(self.live());
        // Between two polls the thread is a reactor's, and whatever runs on it then is none of the pool's.
        self.parker.run(poll_fn(|context| {
            let polled = self.as_worker(|| life.as_mut().poll(context));
            context::rest(polled.is_pending().then_some(self));
            polled
        }));
    }

    /// Makes the calling thread this worker while `f` runs.
    fn as_worker<R>(&self, f: impl FnOnce() -> R) -> R {
        /// Also while unwinding.
        struct Leave;

        impl Drop for Leave {
            fn drop(&mut self) {
                set_blocker(None);
                set_in_place_counter(None);
                // What the thread's own destructors join they must not run in place: the pool may be gone by then.
                enter_domain(DomainId::NONE, None);
                enter_own_domain(DomainId::NONE);
            }
        }

        enter_domain(self.shared.domain, self.shared.hooks.on_panic.clone());
        enter_own_domain(self.remote().own.domain);
        set_blocker(Some(spares::BLOCKER));
        set_in_place_counter(Some(count_in_place));
        let _leave = Leave;
        context::enter(self, f)
    }

    async fn live(&self) {
        observe::call(self.shared.hooks.on_thread_start.as_ref(), self.index);
        self.work().await;
        self.empty_queues();
        observe::call(self.shared.hooks.on_thread_stop.as_ref(), self.index);
        // What the hook has spawned.
        self.empty_queues();
    }

    /// Leaves nothing behind that nobody would come for.
    fn empty_queues(&self) {
        if self.is_dismissed() {
            self.remote().own.forget_stale();
            while let Some(task) = self.next_left_over() {
                self.shared.inject(Priority::Normal, task);
            }
        } else {
            self.cancel_left_over();
        }
    }

    async fn work(&self) {
        let mut searching = None;
        while let Some(pause) = self.run_turns(&mut searching) {
            searching = self.pause(pause).await;
        }
        if let Some(evidence) = searching {
            self.shared.sleep.stop_searching(evidence, || false);
        }
    }

    /// Runs tasks for as long as that needs no pause. None at the worker's end.
    fn run_turns(&self, searching: &mut Option<Searching>) -> Option<Pause> {
        while self.shared.lifecycle.phase() != Phase::Stopping && !self.dismissed.get() {
            if let Some(pause) = self.turn(searching.take()) {
                return Some(pause);
            }
            if self.parker.is_reactor_due() {
                return Some(Pause::Reactor);
            }
        }
        None
    }

    /// Returns the evidence that this worker is counted as searching afterwards.
    async fn pause(&self, pause: Pause) -> Option<Searching> {
        match pause {
            Pause::Reactor => {
                self.parker.turn_reactor().await;
                None
            }
            Pause::Sleep(searching) => self.sleep(searching).await,
            Pause::Retire => self.retire().await,
        }
    }

    /// Runs one task, or lies down once. Takes and returns the evidence that this worker is counted as
    /// searching.
    #[cfg(loom)]
    pub(crate) async fn take_turn(&self, searching: Option<Searching>) -> Option<Searching> {
        self.pause(self.turn(searching)?).await
    }

    /// Runs one task. If there is none, says why the worker is to pause.
    #[inline]
    fn turn(&self, searching: Option<Searching>) -> Option<Pause> {
        if searching.is_none() && self.shared.sleep.is_surplus(self.index) && !self.is_bound() {
            return Some(Pause::Retire);
        }
        if searching.is_none()
            && let Some(task) = self.next_own()
        {
            self.run_task(task);
            return None;
        }
        let was_searching = searching.is_some();
        let Some(evidence) = searching.or_else(|| self.shared.sleep.start_searching()) else {
            // What nobody is in a hurry for is nobody's in particular either.
            let Some(task) = self.shared.inbox.take(Priority::Low) else {
                return Some(Pause::Sleep(None));
            };
            self.run_task(task);
            return None;
        };
        let Some(found) = self.search() else {
            if was_searching {
                self.counters().useless_wakes.add_owned(1);
            }
            return Some(Pause::Sleep(Some(evidence)));
        };
        self.shared.sleep.stop_searching(evidence, || self.shared.last_look(self.index));
        self.run_found(found);
        None
    }

    #[inline(always)]
    fn run_task(&self, task: Runnable) {
        let outcome = self.while_held(|| {
            if self.shared.observes_tasks { self.run_observed(task) } else { task.run() }
        });
        self.counters().count(&outcome);
        match outcome {
            RunOutcome::Yielded(task) => self.requeue(task),
            // What a handle has run in place leaves its entry behind. That is no turn: otherwise such entries would pile up
            // beside an inbox that is never empty.
            RunOutcome::Stale | RunOutcome::StaleFuture => {
                self.tick.set(self.tick.get().wrapping_sub(1));
            }
            _ => {}
        }
    }

    fn run_found(&self, found: Found) {
        match found {
            Found::Task(task) => self.run_task(task),
            Found::Job(job) => self.while_held(|| self.forks.execute_stolen(self, job)),
        }
    }

    /// A task that runs is counted when it does not hold the worker any more, so that a shutdown counts none twice.
    #[inline(always)]
    fn while_held<R>(&self, run: impl FnOnce() -> R) -> R {
        let remote = self.remote();
        remote.counters.begin_busy();
        remote.held.set(1);
        let result = run();
        remote.held.set(0);
        result
    }

    /// A future has yielded: it goes behind the others.
    fn requeue(&self, task: Runnable) {
        match Route::of(&task) {
            Route::NORMAL => {
                self.tasks.push_yielded(&self.remote().tasks, &self.shared.sleep, task);
            }
            route => self.shared.send(route, task),
        }
    }

    /// Runs a task for those who want to know when it starts, when it ends, or how long it takes.
    #[cold]
    fn run_observed(&self, task: Runnable) -> RunOutcome {
        let Shared { hooks, delays, .. } = &*self.shared;
        let id = task.id();
        observe::call(hooks.on_task_start.as_ref(), id);
        let begin = delays.is_some().then(Instant::now);
        let outcome = task.run();
        if let Some(begin) = begin {
            let longest_ns = &self.counters().longest_task_ns;
            longest_ns.set(longest_ns.get().max(begin.elapsed().as_nanos() as u64));
        }
        observe::call(hooks.on_task_end.as_ref(), id);
        outcome
    }

    /// Anything out of this worker's own queue.
    pub(crate) fn next_left_over(&self) -> Option<Runnable> {
        let remote = &self.remote().tasks;
        self.tasks.pop_unasked(remote).or_else(|| self.tasks.pop_yielded(remote))
    }

    /// Whether this worker's thread ends while the pool goes on.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.dismissed.get()
    }

    /// The pool stops: nobody runs what is still on this worker's deque.
    pub(crate) fn cancel_left_over(&self) {
        self.counters().end_busy();
        // Ordering: between having seen the mark and the last look into the box; pairs with the fence in
        // `Shared::mail`.
        fence(Ordering::SeqCst);
        let Remote { own, tasks, .. } = self.remote();
        // Destructors may spawn.
        while own.has_live_futures() || !own.is_empty() || !tasks.is_empty() {
            while let Some(task) = own.mailbox.take().or_else(|| self.next_left_over()) {
                self.cancel_own(task);
            }
            self.end_local_futures();
        }
    }

    /// Cancels a task of this worker. Its destructor may take as long as a task.
    pub(crate) fn cancel_own(&self, task: Runnable) {
        let outcome = self.while_held(|| task.cancel());
        self.counters().count(&outcome);
        self.counters().end_busy();
    }
}

/// A handle has run a future's turn on the calling thread.
fn count_in_place(outcome: &RunOutcome) {
    context::with_worker(|worker| {
        if let Some(worker) = worker {
            worker.counters().count(outcome);
        }
    });
}

/// A worker's thread has nothing more to do with the pool.
struct Leave(Arc<Shared>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.lifecycle.leave(1);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use executor_common::{Priority, closure_task};

    use crate::assemble::{Plan, assemble};
    use crate::context;

    #[test]
    fn a_worker_takes_from_the_injector_while_another_counts_as_searching() {
        let (shared, workers) = assemble(2, Plan { forks_each: 64, ..Plan::default() }).unwrap();
        // Another worker has just been woken, and is not on its feet yet.
        let woken = shared.sleep.start_searching().expect("nobody else searches");
        let (task, handle) = closure_task(shared.domain, || 7);
        shared.submit(Priority::Normal, task);
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
            let (_shared, workers) =
                assemble(1, Plan { forks_each: capacity, ..Plan::default() }).unwrap();
            context::enter(&workers[0], || assert_eq!(fib(15), 610));
        }
    }
}
