//! Where a worker waits while it has nothing to do.
//!
//! A worker's life is a future. It is pending while the worker sleeps, so that a reactor can poll it: a loop that waits for sockets and
//! timers, and wakes who has waited for them. Then no thread stands between a socket and the worker whose task reads it.
//! Without a reactor the same future sleeps in place, on the worker's [`Parker`].

#[cfg(feature = "async-io")]
mod async_io;
#[cfg(feature = "tokio")]
mod tokio;

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[cfg(feature = "async-io")]
pub use async_io::AsyncIo;

use crate::panic::{caught, contained, discard};
use crate::park::{Parker, Unparker};
use crate::sync::now;
use crate::yield_now::yield_now;

/// A worker lets the reactor look for events at least once in so many turns, as tokio's do.
const TURNS_BETWEEN: u32 = 61;

/// And when its turns have taken so long.
const TIME_BETWEEN: Duration = Duration::from_micros(100);

/// What completes at a deadline.
type Timer = Pin<Box<dyn Future<Output = ()>>>;

/// A loop that waits for sockets and timers, and has time for a worker.
///
/// The features `async-io` and `tokio` bring implementations: `AsyncIo`, and tokio's `Runtime`.
///
/// # Examples
///
/// The sockets of `async-io`, as the feature of that name has it:
///
/// ```
/// use std::pin::Pin;
/// use std::time::Instant;
///
/// use async_io::Timer;
/// use executor_common::{Reactor, WorkerParker};
///
/// struct MyReactor;
///
/// impl Reactor for MyReactor {
///     fn block_on(&self, worker: Pin<&mut dyn Future<Output = ()>>) {
///         async_io::block_on(worker);
///     }
///
///     fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()>>> {
///         Box::pin(async move {
///             Timer::at(deadline).await;
///         })
///     }
/// }
///
/// let parker = WorkerParker::new(Some(std::sync::Arc::new(MyReactor)));
/// parker.run(async { assert!(!parker.park_until(Some(Instant::now())).await) });
/// ```
pub trait Reactor: Send + Sync + 'static {
    /// Polls `worker` on the calling thread until it is done, and waits for events while it is pending.
    ///
    /// A poll runs tasks: if they use the reactor's sockets, it must not hold a lock then which these take. What it runs itself between two polls
    /// keeps the worker from its tasks, and must not wait for them: neither join a task, nor spawn where there may be no room, nor
    /// shut the executor down. If this panics, or returns before the worker is done, the worker goes on without a reactor.
    fn block_on(&self, worker: Pin<&mut dyn Future<Output = ()>>);

    /// Completes at `deadline`. Polled within [`Reactor::block_on`], for tasks that run at a certain time. If it panics, the worker goes on without a
    /// reactor.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// A worker's parker, and the reactor in which it waits, if any.
///
/// For authors of executors: all waiting of a worker's loop goes through this.
///
/// # Examples
///
/// ```
/// use executor_common::WorkerParker;
///
/// let parker = WorkerParker::new(None);
/// let unparker = parker.unparker();
/// let other = std::thread::spawn(move || unparker.unpark());
/// parker.run(async { parker.park().await });
/// # other.join().unwrap();
/// ```
pub struct WorkerParker {
    parker: Parker,
    reactor: Option<Arc<dyn Reactor>>,
    /// The worker is polled by the reactor, and does not sleep in place.
    is_polled: Cell<bool>,
    /// Turns since the reactor had one, and when that was.
    turns: Cell<u32>,
    reactor_turn: Cell<Instant>,
}

impl WorkerParker {
    /// A parker without a token.
    ///
    /// # Examples
    ///
    /// ```
    /// let parker = executor_common::WorkerParker::new(None);
    /// assert!(!parker.unparker().unpark()); // nobody sleeps
    /// ```
    pub fn new(reactor: Option<Arc<dyn Reactor>>) -> Self {
        Self {
            parker: Parker::new(),
            reactor,
            is_polled: Cell::new(false),
            turns: Cell::new(0),
            reactor_turn: Cell::new(now()),
        }
    }

    /// Whether the worker waits in a reactor.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!executor_common::WorkerParker::new(None).has_reactor());
    /// ```
    pub fn has_reactor(&self) -> bool {
        self.reactor.is_some()
    }

    /// The reactor, for a worker that comes in besides.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(executor_common::WorkerParker::new(None).reactor().is_none());
    /// ```
    pub fn reactor(&self) -> Option<Arc<dyn Reactor>> {
        self.reactor.clone()
    }

    /// Another reactor from now on, or none, so that what holds the parker does not keep it alive.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut parker = executor_common::WorkerParker::new(None);
    /// parker.set_reactor(None);
    /// assert!(!parker.has_reactor());
    /// ```
    pub fn set_reactor(&mut self, reactor: Option<Arc<dyn Reactor>>) {
        self.reactor = reactor;
    }

    /// A handle that wakes the worker.
    ///
    /// # Examples
    ///
    /// ```
    /// let parker = executor_common::WorkerParker::new(None);
    /// parker.unparker().unpark();
    /// parker.run(parker.park());
    /// ```
    pub fn unparker(&self) -> Unparker {
        self.parker.unparker()
    }

    /// Runs a worker's life on the calling thread, to its end.
    ///
    /// # Panics
    ///
    /// If `worker` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let parker = executor_common::WorkerParker::new(None);
    /// let tasks_run = parker.run(async { /* finds work, runs it, parks */ 0 });
    /// assert_eq!(tasks_run, 0);
    /// ```
    pub fn run<R>(&self, worker: impl Future<Output = R>) -> R {
        let mut worker = pin!(worker);
        if let Some(reactor) = &self.reactor
            && let Some(output) = self.run_in(&**reactor, worker.as_mut())
        {
            return output;
        }
        let mut context = Context::from_waker(Waker::noop());
        loop {
            // Without a reactor it is pending at most where one has just given up.
            if let Poll::Ready(output) = worker.as_mut().poll(&mut context) {
                return output;
            }
        }
    }

    /// None if the reactor has given up before the worker's end.
    fn run_in<R>(
        &self,
        reactor: &dyn Reactor,
        mut worker: Pin<&mut impl Future<Output = R>>,
    ) -> Option<R> {
        let (mut output, mut is_in_worker) = (None, false);
        let life = poll_fn(|context| {
            is_in_worker = true;
            let polled = worker.as_mut().poll(context);
            is_in_worker = false;
            polled.map(|result| output = Some(result))
        });
        self.is_polled.set(true);
        let outcome = caught(|| reactor.block_on(pin!(life)));
        self.is_polled.set(false);
        // Its waker may be all that keeps the reactor alive.
        self.parker.stop_polling();
        match outcome {
            Err(payload) if is_in_worker => resume_unwind(payload),
            Err(payload) => discard(payload),
            Ok(()) => {}
        }
        output
    }

    /// Sleeps until there is a token, and takes it.
    ///
    /// # Examples
    ///
    /// ```
    /// let parker = executor_common::WorkerParker::new(None);
    /// parker.unparker().unpark();
    /// parker.run(async { parker.park().await });
    /// ```
    pub async fn park(&self) {
        let token = self.park_until(None).await;
        debug_assert!(token, "a park without a deadline ends with a token");
    }

    /// Sleeps until there is a token, or until `deadline`, if there is one. True if it took a token.
    ///
    /// # Cancel safety
    ///
    /// A token that has come meanwhile is there for the next sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let parker = executor_common::WorkerParker::new(None);
    /// parker.run(async { assert!(!parker.park_until(Some(Instant::now())).await) });
    /// ```
    pub async fn park_until(&self, deadline: Option<Instant>) -> bool {
        if let Some(reactor) = &self.reactor
            && self.is_polled.get()
        {
            match caught(|| deadline.map(|deadline| reactor.sleep_until(deadline))) {
                Ok(timer) => {
                    if self.park_polled(timer).await {
                        return true;
                    }
                }
                Err(payload) => self.give_up(payload),
            }
        }
        match deadline {
            Some(deadline) => self.parker.park_until(deadline),
            None => {
                self.parker.park();
                true
            }
        }
    }

    /// Sleeps in the reactor. True if it took a token; false if the time has come, or the reactor has given up.
    async fn park_polled(&self, mut timer: Option<Timer>) -> bool {
        let (polling, mut was_pending) = (Polling(&self.parker), false);
        let has_token = poll_fn(|context| {
            if !self.is_polled.get() {
                return Poll::Ready(false);
            }
            if self.parker.poll_park(context).is_ready() {
                return Poll::Ready(true);
            }
            was_pending = true;
            let time_is_up = timer.as_mut().is_some_and(|timer| {
                let polled = caught(|| timer.as_mut().poll(context).is_ready());
                polled.unwrap_or_else(|payload| {
                    self.give_up(payload);
                    true
                })
            });
            if time_is_up { Poll::Ready(false) } else { Poll::Pending }
        })
        .await;
        contained(|| drop(timer));
        if was_pending {
            self.note_reactor_turn();
        }
        if has_token {
            mem::forget(polling);
        }
        has_token
    }

    /// Foreign code has panicked: from here on the worker sleeps in place.
    fn give_up(&self, payload: Box<dyn Any + Send>) {
        self.is_polled.set(false);
        discard(payload);
    }

    /// One of the worker's turns is over. True if the reactor should have one.
    ///
    /// # Examples
    ///
    /// ```
    /// let parker = executor_common::WorkerParker::new(None);
    /// assert!(!parker.is_reactor_due());
    /// ```
    #[inline]
    pub fn is_reactor_due(&self) -> bool {
        self.is_polled.get() && self.note_turn()
    }

    fn note_turn(&self) -> bool {
        let turns = self.turns.get() + 1;
        self.turns.set(turns);
        turns >= TURNS_BETWEEN || now().duration_since(self.reactor_turn.get()) >= TIME_BETWEEN
    }

    /// Lets the reactor look for events.
    ///
    /// # Examples
    ///
    /// ```
    /// let parker = executor_common::WorkerParker::new(None);
    /// parker.run(async {
    ///     for _task in 0..3 {
    ///         // runs it
    ///         if parker.is_reactor_due() {
    ///             parker.turn_reactor().await;
    ///         }
    ///     }
    /// });
    /// ```
    pub async fn turn_reactor(&self) {
        yield_now().await;
        self.note_reactor_turn();
    }

    fn note_reactor_turn(&self) {
        self.turns.set(0);
        self.reactor_turn.set(now());
    }
}

/// Somebody polls for the parker's owner; at the end, also of a sleep that is cancelled, nobody does.
struct Polling<'a>(&'a Parker);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.stop_polling();
    }
}

impl fmt::Debug for WorkerParker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerParker")
            .field("has_reactor", &self.has_reactor())
            .finish_non_exhaustive()
    }
}
