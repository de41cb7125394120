//! Waiting for room in a full channel.
//!
//! Threads and futures wait in one queue by one protocol (`executor_common::WaitQueue`): register, try once
//! more, sleep. A spawner that got its place while there was more room wakes the next one
//! (`Lane::leave_room`).
//!
//! A worker that blocks is entered in the graph of waits besides (`deadlock.rs`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use executor_common::sync::{Arc, MODEL, hint, now, thread};
use executor_common::{JoinHandle, Parker, Role, SpawnError, Ticket, TrySpawnError};

use crate::awaited::Awaited;
use crate::channel::{Lane, LaneId};
use crate::current;
use crate::queued::Queued;
use crate::role::{RoleState, Terms};
use crate::shared::Shared;

/// How often a blocked worker asks whether its wait has become hopeless.
const RECHECK: Duration = Duration::from_millis(20);

/// Attempts before a spawner lies down, the later ones behind a yield: a role that is busy makes room in less time than
/// it takes to fall asleep, and on a core that spawner and worker share the yield is what lets the worker make it.
const SPINS: u32 = if MODEL { 0 } else { 6 };
const YIELDS: u32 = if MODEL { 0 } else { 8 };

/// Why work was not admitted after a wait.
#[derive(Debug)]
pub(crate) enum Refused<W> {
    /// The time was up.
    Full(W),
    /// The role takes nothing any more.
    Closed(W),
    /// The wait could never end.
    WouldDeadlock(Vec<Role>),
}

impl<W> Refused<W> {
    /// For waits without a deadline, which hand nothing back.
    pub(crate) fn into_spawn_error(self) -> SpawnError {
        match self {
            Self::Full(_) => unreachable!("a wait without a deadline does not run out of time"),
            Self::Closed(_) => SpawnError::Closed,
            Self::WouldDeadlock(cycle) => SpawnError::WouldDeadlock(cycle),
        }
    }
}

/// A place among those who wait for room, given back in any case.
#[derive(Debug)]
struct Place<'a> {
    lane: &'a Lane<Queued>,
    ticket: Ticket,
}

impl Place<'_> {
    fn register(&mut self, waker: &Waker) {
        self.lane.room().register(&mut self.ticket, waker);
    }

    fn admitted(mut self) {
        self.lane.leave_room(&mut self.ticket, true);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lane.leave_room(&mut self.ticket, false);
    }
}

/// A worker's wait in the graph, taken out in any case.
struct WorkerWait<'a> {
    shared: &'a Shared,
    waiter: usize,
    role: &'a RoleState,
    lane: LaneId,
    entered: bool,
}

/// What an attempt under the graph's lock came to.
enum Attempted<H, W> {
    Answer(Result<H, TrySpawnError<W>>),
    Deadlock(Vec<Role>, W),
}

impl WorkerWait<'_> {
    fn attempt<H, W>(
        &mut self,
        attempt: impl FnOnce() -> Result<H, TrySpawnError<W>>,
    ) -> Attempted<H, W> {
        let mut waits = self.shared.waits.lock();
        let answer = attempt();
        let is_full = matches!(answer, Err(TrySpawnError::Full(_)));
        match (is_full, self.entered) {
            (true, false) => waits.enter(self.waiter, Awaited::room(self.role, self.lane)),
            (false, true) => waits.leave(self.waiter),
            _ => {}
        }
        self.entered = is_full;
        let Err(TrySpawnError::Full(work)) = answer else { return Attempted::Answer(answer) };
        match self.shared.cycle(&waits, self.waiter) {
            None => Attempted::Answer(Err(TrySpawnError::Full(work))),
            Some(cycle) => {
                // Under the same lock, or the next one to ask would be told of a cycle that is about to end.
                waits.leave(self.waiter);
                self.entered = false;
                Attempted::Deadlock(self.shared.role_names(&cycle), work)
            }
        }
    }
}

impl Drop for WorkerWait<'_> {
    fn drop(&mut self) {
        if self.entered {
            self.shared.waits.lock().leave(self.waiter);
        }
    }
}

/// Repeats `attempt` until there is room on these terms, blocking the thread in between. It has failed once for want of room.
///
/// A worker that waits with a deadline is no part of a deadlock, and is not entered in the graph.
#[cold]
pub(crate) fn block_for_room<W, H>(
    shared: &Shared,
    role: &RoleState,
    terms: Terms,
    deadline: Option<Instant>,
    mut work: W,
    mut attempt: impl FnMut(W) -> Result<H, TrySpawnError<W>>,
) -> Result<H, Refused<W>> {
    for tries in 1..=SPINS + YIELDS {
        if tries <= SPINS {
            (0..1 << tries).for_each(|_| hint::spin_loop());
        } else {
            thread::yield_now();
        }
        work = match attempt(work) {
            Ok(admitted) => return Ok(admitted),
            Err(TrySpawnError::Full(work)) => work,
            Err(error) => return Err(Refused::Closed(error.into_inner())),
        };
    }
    let waiter = if deadline.is_none() { current::number_on(shared.executor) } else { None };
    let lane = terms.lane;
    let mut worker_wait =
        waiter.map(|waiter| WorkerWait { shared, waiter, role, lane, entered: false });
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut place = Place { lane: role.channel.lane(terms.lane), ticket: Ticket::default() };
    let mut time_is_up = false;
    loop {
        place.register(&waker);
        let attempted = match &mut worker_wait {
            None => Attempted::Answer(attempt(work)),
            Some(wait) => wait.attempt(|| attempt(work)),
        };
        work = match attempted {
            Attempted::Answer(Ok(admitted)) => {
                place.admitted();
                return Ok(admitted);
            }
            Attempted::Answer(Err(TrySpawnError::Full(work))) => work,
            Attempted::Answer(Err(error)) => return Err(Refused::Closed(error.into_inner())),
            Attempted::Deadlock(cycle, work) => {
                drop(place);
                drop(work);
                return Err(Refused::WouldDeadlock(cycle));
            }
        };
        if time_is_up {
            return Err(Refused::Full(work));
        }
        match deadline {
            Some(deadline) => {
                time_is_up = !parker.park_until(deadline) && now() >= deadline;
            }
            None if worker_wait.is_some() => {
                parker.park_timeout(RECHECK);
            }
            None => parker.park(),
        }
    }
}

/// Waits for room in a role's channel, then spawns; see [`RoleHandle::spawn_wait`](crate::RoleHandle::spawn_wait).
///
/// # Cancel safety
///
/// Dropping the future before it is ready drops the closure, which has not run and will not, and lets the next
/// one in line have the room.
///
/// # Examples
///
/// ```
/// use amp_executor::{SpawnWait, block_on};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let wait: SpawnWait<_> = amp.role(IO)?.spawn_wait(|| 6 * 7);
/// let answer = block_on(wait)?; // it has been spawned
/// assert_eq!(answer.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct SpawnWait<F> {
    role: Arc<RoleState>,
    terms: Terms,
    ticket: Ticket,
    /// `None` once the future is ready.
    closure: Option<F>,
}

/// The closure is moved and never pinned.
impl<F> Unpin for SpawnWait<F> {}

impl<F> SpawnWait<F> {
    pub(crate) fn new(role: Arc<RoleState>, terms: Terms, closure: F) -> Self {
        Self { role, terms, ticket: Ticket::default(), closure: Some(closure) }
    }

    fn lane(&self) -> &Lane<Queued> {
        self.role.channel.lane(self.terms.lane)
    }
}

impl<F, T> Future for SpawnWait<F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<JoinHandle<T>, SpawnError>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(closure) = this.closure.take() else {
            panic!("a SpawnWait was polled after it was ready")
        };
        let lane = this.role.channel.lane(this.terms.lane);
        let answer = match this.role.try_closure(this.terms, closure) {
            Err(TrySpawnError::Full(closure)) => {
                lane.room().register(&mut this.ticket, context.waker());
                this.role.try_closure(this.terms, closure)
            }
            answer => answer,
        };
        Poll::Ready(match answer {
            Ok(handle) => {
                lane.leave_room(&mut this.ticket, true);
                Ok(handle)
            }
            Err(TrySpawnError::Full(closure)) => {
                this.closure = Some(closure);
                return Poll::Pending;
            }
            Err(TrySpawnError::Closed(_) | TrySpawnError::UnknownRole(_)) => {
                this.role.refusals.closed.add(1);
                Err(SpawnError::Closed)
            }
        })
    }
}

impl<F> Drop for SpawnWait<F> {
    fn drop(&mut self) {
        let mut ticket = std::mem::take(&mut self.ticket);
        self.lane().leave_room(&mut ticket, false);
    }
}

impl<F> fmt::Debug for SpawnWait<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnWait")
            .field("role", &self.role.role)
            .field("is_ready", &self.closure.is_none())
            .finish()
    }
}
