//! Waiting for room in a full channel.
//!
//! Threads and futures wait in one queue by one protocol (`executor_common::WaitQueue`): register, try once
//! more, sleep. A spawner that got its place while there was more room wakes the next one
//! (`Channel::leave_room`).
//!
//! A worker that blocks is entered in the graph of waits besides (`deadlock.rs`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use executor_common::sync::Arc;
use executor_common::{JoinHandle, Parker, Role, Runnable, SpawnError, Ticket, TrySpawnError};

use crate::channel::Channel;
use crate::current;
use crate::role::RoleState;
use crate::shared::Shared;

/// How often a blocked worker asks whether its wait has become hopeless.
const RECHECK: Duration = Duration::from_millis(20);

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
    channel: &'a Channel<Runnable>,
    ticket: Ticket,
}

impl<'a> Place<'a> {
    fn new(role: &'a RoleState) -> Self {
        Self { channel: &role.channel, ticket: Ticket::default() }
    }

    fn register(&mut self, waker: &Waker) {
        self.channel.room().register(&mut self.ticket, waker);
    }

    fn admitted(mut self) {
        self.channel.leave_room(&mut self.ticket, true);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.channel.leave_room(&mut self.ticket, false);
    }
}

/// A worker's wait in the graph, taken out in any case.
struct WorkerWait<'a> {
    shared: &'a Shared,
    waiter: usize,
    target: usize,
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
            (true, false) => waits.enter(self.waiter, self.target),
            (false, true) => waits.leave(self.waiter, self.target),
            _ => {}
        }
        self.entered = is_full;
        let Err(TrySpawnError::Full(work)) = answer else { return Attempted::Answer(answer) };
        let roles = &self.shared.roles;
        match waits.cycle(self.waiter, self.target, |role| roles[role].has_room()) {
            None => Attempted::Answer(Err(TrySpawnError::Full(work))),
            Some(cycle) => {
                let cycle = cycle.into_iter().map(|index| roles[index].role).collect();
                Attempted::Deadlock(cycle, work)
            }
        }
    }
}

impl Drop for WorkerWait<'_> {
    fn drop(&mut self) {
        if self.entered {
            self.shared.waits.lock().leave(self.waiter, self.target);
        }
    }
}

/// Repeats `attempt` until there is room, blocking the thread in between.
///
/// A worker that waits with a deadline is no part of a deadlock, and is not entered in the graph.
pub(crate) fn block_for_room<W, H>(
    shared: &Shared,
    role: &RoleState,
    deadline: Option<Instant>,
    work: W,
    mut attempt: impl FnMut(W) -> Result<H, TrySpawnError<W>>,
) -> Result<H, Refused<W>> {
    let mut work = match attempt(work) {
        Ok(admitted) => return Ok(admitted),
        Err(TrySpawnError::Full(work)) => work,
        Err(error) => return Err(Refused::Closed(error.into_inner())),
    };
    let waiter = if deadline.is_none() { current::role_on(shared.executor) } else { None };
    let mut worker_wait =
        waiter.map(|waiter| WorkerWait { shared, waiter, target: role.index, entered: false });
    let parker = Parker::new();
    let waker = Waker::from(parker.unparker());
    let mut place = Place::new(role);
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
                role.rejected.add(1);
                drop((place, worker_wait));
                drop(work);
                return Err(Refused::WouldDeadlock(cycle));
            }
        };
        if time_is_up {
            role.rejected.add(1);
            return Err(Refused::Full(work));
        }
        match deadline {
            Some(deadline) => {
                time_is_up = !parker.park_until(deadline) && Instant::now() >= deadline;
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
#[must_use = "a future does nothing unless it is awaited"]
pub struct SpawnWait<F> {
    role: Arc<RoleState>,
    ticket: Ticket,
    /// `None` once the future is ready.
    closure: Option<F>,
}

/// The closure is moved and never pinned.
impl<F> Unpin for SpawnWait<F> {}

impl<F> SpawnWait<F> {
    pub(crate) fn new(role: Arc<RoleState>, closure: F) -> Self {
        Self { role, ticket: Ticket::default(), closure: Some(closure) }
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
        let answer = match this.role.try_closure(closure) {
            Err(TrySpawnError::Full(closure)) => {
                this.role.channel.room().register(&mut this.ticket, context.waker());
                this.role.try_closure(closure)
            }
            answer => answer,
        };
        Poll::Ready(match answer {
            Ok(handle) => {
                this.role.channel.leave_room(&mut this.ticket, true);
                Ok(handle)
            }
            Err(TrySpawnError::Full(closure)) => {
                this.closure = Some(closure);
                return Poll::Pending;
            }
            Err(TrySpawnError::Closed(_) | TrySpawnError::UnknownRole(_)) => {
                Err(SpawnError::Closed)
            }
        })
    }
}

impl<F> Drop for SpawnWait<F> {
    fn drop(&mut self) {
        self.role.channel.leave_room(&mut self.ticket, false);
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
