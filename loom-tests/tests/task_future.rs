//! A future's task: wake-ups against polls, against abort, and who frees the cell.

#![cfg(loom)]

use std::future::{Future, poll_fn};
use std::sync::Arc as Untracked;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use executor_common::sync::atomic::{AtomicBool, Ordering};
use executor_common::sync::{Arc, Mutex, UnsafeCell, thread};
use executor_common::{
    DomainId, JoinHandle, RunOutcome, Runnable, Schedule, TaskRegistry, enter_domain,
};
use executor_common::{expiring_future_task, future_task, yield_now};
use loom_tests::{Plain, Queue, Witness, check};

/// What a future waits for: a flag, and the waker that it leaves on its first poll.
///
/// Nothing here synchronises but the flag, so that a wake-up alone has to carry it to the next poll.
struct Signal {
    set: AtomicBool,
    waker: Untracked<std::sync::Mutex<Option<Waker>>>,
}

impl Signal {
    fn new() -> Untracked<Self> {
        let waker = Untracked::new(std::sync::Mutex::new(None));
        Untracked::new(Self { set: AtomicBool::new(false), waker })
    }

    /// A future that ends when the flag is set, counts its polls, and drops a witness at its end.
    fn wait(self: &Untracked<Self>, polls: &Plain, witness: Witness) -> impl Future + Send + use<> {
        let (signal, polls) = (Untracked::clone(self), polls.clone());
        poll_fn(move |context: &mut Context<'_>| {
            let _ = &witness;
            polls.increment();
            // Relaxed, so that a wake-up must bring the flag with it.
            if signal.set.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            signal.waker.lock().unwrap().get_or_insert_with(|| context.waker().clone());
            Poll::Pending
        })
    }

    /// The waker that the first poll has left.
    fn waker(&self) -> Waker {
        self.waker.lock().unwrap().take().expect("the first poll is over")
    }
}

/// A suspended task with its signal's waker taken out.
struct Suspended {
    queue: Arc<Queue>,
    signal: Untracked<Signal>,
    waker: Waker,
    handle: JoinHandle<()>,
    polls: Plain,
    dropped: Plain,
}

impl Suspended {
    fn new(domain: DomainId) -> Self {
        let queue = Queue::new();
        let signal = Signal::new();
        let polls = Plain::new();
        let (witness, dropped) = Witness::new();
        let wait = signal.wait(&polls, witness);
        let future = async move { drop(wait.await) };
        // SAFETY: the queue lives until nobody runs the task any more.
        let (runnable, handle) = unsafe { future_task(domain, future, &queue) };
        queue.entries.run(runnable);
        let waker = signal.waker();
        Self { queue, signal, waker, handle, polls, dropped }
    }
}

#[test]
fn a_wake_up_brings_what_was_written_before_it() {
    check("future: wake by reference while notified", || {
        let task = Suspended::new(DomainId::unique());
        let (waker, other) = (task.waker.clone(), task.waker);
        let signal = Untracked::clone(&task.signal);
        let setter = thread::spawn(move || {
            signal.set.store(true, Ordering::Relaxed);
            waker.wake_by_ref();
        });
        // Somebody else wakes for no reason, and the task is polled before the flag is visible or after.
        other.wake();
        task.queue.entries.run_all();
        setter.join().unwrap();
        task.queue.entries.run_all();
        assert!(task.handle.is_finished(), "a wake-up was lost");
        assert_eq!(task.dropped.get(), 1);
        assert!(matches!(task.polls.get(), 2..=3));
    });
}

#[test]
fn two_wakers_and_two_runners() {
    check("future: two wakers, two runners", || {
        let task = Suspended::new(DomainId::unique());
        let (by_value, by_ref) = (task.waker.clone(), task.waker);
        let (first, second) = (Untracked::clone(&task.signal), Arc::clone(&task.queue));
        let setter = thread::spawn(move || {
            first.set.store(true, Ordering::Relaxed);
            by_value.wake();
            second.entries.run_all();
        });
        by_ref.wake_by_ref();
        task.queue.entries.run_all();
        setter.join().unwrap();
        task.queue.entries.run_all();
        assert!(task.handle.is_finished(), "a wake-up was lost");
        assert!(matches!(task.polls.get(), 2..=3), "as many polls as wake-ups allow");
        drop(by_ref);
        drop(task.handle);
        assert_eq!(task.dropped.get(), 1);
    });
}

#[test]
fn woken_during_its_first_poll() {
    check("future: woken during the poll", || {
        let queue = Queue::new();
        let slot: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
        let polls = Plain::new();
        let (seen, counted) = (Arc::clone(&slot), polls.clone());
        let future = poll_fn(move |context: &mut Context<'_>| {
            counted.increment();
            let mut slot = seen.lock();
            if slot.0 {
                return Poll::Ready(());
            }
            slot.1 = Some(context.waker().clone());
            Poll::Pending
        });
        // SAFETY: the queue lives until nobody runs the task any more.
        let (runnable, handle) = unsafe { future_task(DomainId::unique(), future, &queue) };
        let runner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.entries.run(runnable))
        };
        let waker = {
            let mut slot = slot.lock();
            slot.0 = true;
            slot.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        runner.join().unwrap();
        queue.entries.run_all();
        assert!(handle.is_finished(), "a wake-up was lost");
        assert!(matches!(polls.get(), 1..=2));
    });
}

#[test]
fn a_yielding_future_is_claimed_while_it_is_queued() {
    check("future: claim, run, yield", || {
        let domain = DomainId::unique();
        let queue = Queue::new();
        let polls = Plain::new();
        let counted = polls.clone();
        let future = async move {
            counted.increment();
            yield_now().await;
            counted.increment();
        };
        // SAFETY: the queue lives until nobody runs the task any more.
        let (runnable, handle) = unsafe { future_task(domain, future, &queue) };
        let runner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.entries.run(runnable);
                queue.entries.run_all();
            })
        };
        enter_domain(domain, None);
        handle.join().unwrap();
        assert_eq!(polls.get(), 2);
        runner.join().unwrap();
    });
}

#[test]
fn abort_against_wake() {
    check("future: abort, wake", || {
        let task = Suspended::new(DomainId::unique());
        let (waker, signal) = (task.waker, Untracked::clone(&task.signal));
        let aborter = task.handle.abort_handle();
        let setter = thread::spawn(move || {
            signal.set.store(true, Ordering::Relaxed);
            waker.wake();
        });
        let aborting = thread::spawn(move || aborter.abort());
        task.queue.entries.run_all();
        setter.join().unwrap();
        aborting.join().unwrap();
        task.queue.entries.run_all();
        assert!(task.handle.is_finished(), "both the wake-up and the abort were lost");
        assert_eq!(task.dropped.get(), 1);
        assert_eq!(task.queue.registry.len(), 0);
        let polls = task.polls.get();
        match task.handle.join() {
            Ok(()) => assert_eq!(polls, 2),
            Err(error) => assert!(error.is_cancelled() && polls == 1),
        }
    });
}

#[test]
fn abort_during_a_poll() {
    check("future: abort during the poll", || {
        let queue = Queue::new();
        let (witness, dropped) = Witness::new();
        let future = async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        };
        // SAFETY: the queue lives until nobody runs the task any more.
        let (runnable, handle) = unsafe { future_task(DomainId::unique(), future, &queue) };
        let aborter = handle.abort_handle();
        let runner = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.entries.run(runnable))
        };
        aborter.abort();
        runner.join().unwrap();
        queue.entries.run_all();
        assert_eq!(dropped.get(), 1, "the abort was lost");
        assert!(handle.join().unwrap_err().is_cancelled());
    });
}

/// A scheduler that notices when it is freed under its callers' feet.
struct Probed {
    /// Read while the scheduler is in use, written when it is freed.
    alive: UnsafeCell<usize>,
    /// Untracked, so that no count but those of the tasks orders its end.
    queue: Untracked<Queue>,
}

// SAFETY: that an access to `alive` needs an edge is what the model checks.
unsafe impl Sync for Probed {}

impl Schedule for Probed {
    fn schedule(&self, task: Runnable) {
        self.queue.schedule(task);
        self.alive.with(|_| ());
    }

    fn registry(&self) -> &TaskRegistry {
        self.queue.registry()
    }
}

impl Drop for Probed {
    fn drop(&mut self) {
        self.alive.with_mut(|_| ());
    }
}

/// A task that does something with its waker in its first poll and ends with its second. The scheduler is the runner's
/// alone.
struct Probe {
    queue: Untracked<Queue>,
    scheduler: Arc<Probed>,
    runnable: Runnable,
    handle: JoinHandle<()>,
    polls: Plain,
    dropped: Plain,
}

impl Probe {
    fn new(first_poll: impl FnOnce(Waker) + Send + 'static) -> Self {
        let queue = Untracked::new(Queue {
            entries: loom_tests::Entries::new(),
            registry: TaskRegistry::new(1),
        });
        let scheduler =
            Arc::new(Probed { alive: UnsafeCell::new(0), queue: Untracked::clone(&queue) });
        let (polls, (witness, dropped)) = (Plain::new(), Witness::new());
        let counted = polls.clone();
        let mut first_poll = Some(first_poll);
        let future = poll_fn(move |context: &mut Context<'_>| {
            let _ = &witness;
            counted.increment();
            match first_poll.take() {
                Some(first_poll) => {
                    first_poll(context.waker().clone());
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }
        });
        // SAFETY: whoever runs the task first has the scheduler with it; after the first suspension the task has a
        // share.
        let (runnable, handle) = unsafe { future_task(DomainId::unique(), future, &scheduler) };
        Self { queue, scheduler, runnable, handle, polls, dropped }
    }
}

/// Runs the task until it is suspended, by a thread that gives up its scheduler afterwards.
fn run_once(scheduler: Arc<Probed>, runnable: Runnable) {
    let mut turn = runnable;
    while let RunOutcome::Yielded(again) = turn.run() {
        turn = again;
    }
    drop(scheduler);
}

/// A place for something that the first poll leaves, which orders nothing.
fn slot<T>() -> (Untracked<std::sync::Mutex<Option<T>>>, Untracked<std::sync::Mutex<Option<T>>>) {
    let slot = Untracked::new(std::sync::Mutex::new(None));
    (Untracked::clone(&slot), slot)
}

#[test]
fn the_last_waker_frees_the_cell() {
    check("future: who frees the cell", || {
        let (left, waker) = slot();
        let Probe { queue, scheduler, runnable, handle, polls, dropped } =
            Probe::new(move |waker| *left.lock().unwrap() = Some(waker));
        run_once(scheduler, runnable);
        drop(handle);
        let waker: Waker = waker.lock().unwrap().take().unwrap();
        let copy = waker.clone();
        let waking = thread::spawn(move || waker.wake());
        let waking_too = thread::spawn(move || copy.wake_by_ref());
        queue.entries.run_all();
        waking.join().unwrap();
        waking_too.join().unwrap();
        queue.entries.run_all();
        assert_eq!(dropped.get(), 1);
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn a_wake_up_against_the_first_suspension() {
    check("future: wake, first suspension", || {
        let (left, waking) = slot();
        let Probe { queue, scheduler, runnable, handle, polls, dropped } =
            Probe::new(move |waker| {
                *left.lock().unwrap() = Some(thread::spawn(move || waker.wake()));
            });
        run_once(scheduler, runnable);
        let waking = waking.lock().unwrap().take().unwrap();
        waking.join().unwrap();
        queue.entries.run_all();
        assert!(handle.is_finished(), "the wake-up was lost");
        assert!(queue.registry.is_empty());
        assert_eq!((polls.get(), dropped.get()), (2, 1));
    });
}

#[test]
fn a_wake_up_against_the_first_suspension_against_close() {
    check("future: wake, first suspension, close", || {
        let (left, waking) = slot();
        let Probe { queue, scheduler, runnable, handle, polls, dropped } =
            Probe::new(move |waker| {
                *left.lock().unwrap() = Some(thread::spawn(move || waker.wake()));
            });
        let closing = {
            let queue = Untracked::clone(&queue);
            thread::spawn(move || queue.registry.close())
        };
        run_once(scheduler, runnable);
        let waking = waking.lock().unwrap().take().unwrap();
        waking.join().unwrap();
        closing.join().unwrap();
        queue.entries.run_all();
        assert!(handle.is_finished(), "neither the wake-up nor the close found it");
        assert!(queue.registry.is_empty());
        assert_eq!(dropped.get(), 1);
        match handle.join() {
            Ok(()) => assert_eq!(polls.get(), 2),
            Err(error) => assert!(error.is_cancelled() && polls.get() == 1),
        }
    });
}

#[test]
fn an_abort_against_the_first_suspension() {
    check("future: abort, first suspension", || {
        let Probe { queue, scheduler, runnable, handle, polls, dropped } = Probe::new(drop);
        let aborter = handle.abort_handle();
        let aborting = thread::spawn(move || aborter.abort());
        run_once(scheduler, runnable);
        aborting.join().unwrap();
        queue.entries.run_all();
        assert!(matches!(polls.get(), 0..=1));
        assert!(queue.registry.is_empty());
        assert_eq!(dropped.get(), 1, "the abort was lost");
        assert!(handle.join().unwrap_err().is_cancelled());
    });
}

/// A future's task that has expired whenever its turn comes, with the counts of its polls and of its end.
fn expired_task(queue: &Arc<Queue>, domain: DomainId) -> (Runnable, JoinHandle<()>, Plain, Plain) {
    let (polls, (witness, dropped)) = (Plain::new(), Witness::new());
    let counted = polls.clone();
    let future = async move {
        let _witness = witness;
        counted.increment();
    };
    // SAFETY: the queue lives until nobody runs the task any more; the future is `Send`.
    let (runnable, handle) =
        unsafe { expiring_future_task(domain, Instant::now(), future, queue, 0) };
    (runnable, handle, polls, dropped)
}

#[test]
fn expiry_against_abort_against_detach() {
    check("future: expires, abort, detach", || {
        let queue = Queue::new();
        let (runnable, handle, polls, dropped) = expired_task(&queue, DomainId::unique());
        let aborter = handle.abort_handle();
        let runner = thread::spawn(move || runnable.run());
        let aborting = thread::spawn(move || aborter.abort());
        drop(handle);
        let outcome = runner.join().unwrap();
        aborting.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Expired | RunOutcome::Cancelled), "{outcome:?}");
        assert_eq!((polls.get(), dropped.get()), (0, 1));
    });
}

#[test]
fn expiry_against_a_claim_by_the_joining_thread() {
    check("future: expires, claim, run", || {
        let domain = DomainId::unique();
        let queue = Queue::new();
        let (runnable, handle, polls, dropped) = expired_task(&queue, domain);
        let runner = thread::spawn(move || runnable.run());
        enter_domain(domain, None);
        assert!(handle.join().unwrap_err().is_expired());
        assert_eq!((polls.get(), dropped.get()), (0, 1), "it is gone before its handle says so");
        let outcome = runner.join().unwrap();
        assert!(matches!(outcome, RunOutcome::Expired | RunOutcome::StaleFuture), "{outcome:?}");
    });
}
