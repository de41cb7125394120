//! Spawning on one role.

mod batch;
mod call;
mod stateful;
mod timed;

use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use executor_common::sync::{Arc, now};
use executor_common::{JoinHandle, Priority, Role, SpawnError, SpawnSite, TrySpawnError};

pub use batch::Batch;
pub use call::{Call, CallError};

use crate::channel::LaneId;
use crate::role::{RoleState, Terms};
use crate::shared::Shared;
use crate::wait::{Refused, SpawnWait, block_for_room};

/// Spawns on one role; cloneable, and usable from any thread.
///
/// What a handle spawns goes to any worker of the role, with normal priority, and waits for as long as it takes. Handles
/// on other terms are made from it: [`with_priority`](Self::with_priority),
/// [`with_time_to_live`](Self::with_time_to_live), [`on_core`](Self::on_core), [`keyed`](Self::keyed). They are made once
/// and kept, or made on the spot; each takes two reference counts.
///
/// It does not keep the executor running: once that has been shut down or dropped, spawning fails.
///
/// # Examples
///
/// ```
/// use amp_executor::{AmpExecutor, Role, RoleConfig, TrySpawnError};
///
/// const IO: Role = Role::new("io");
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core]).capacity(1)).build()?;
/// let io = amp.role(IO)?;
///
/// let (release, wait) = std::sync::mpsc::channel::<()>();
/// let (begin, began) = std::sync::mpsc::channel();
/// let running = io.spawn(move || {
///     begin.send(()).unwrap();
///     wait.recv().unwrap();
/// })?;
/// began.recv()?;
/// let queued = io.try_spawn(|| "queued").unwrap();
/// // One task runs, one waits, and there is no room for a third. The closure comes back.
/// let TrySpawnError::Full(third) = io.try_spawn(|| "third").unwrap_err() else { panic!() };
///
/// release.send(())?;
/// running.join()?;
/// assert_eq!(queued.join()?, "queued");
/// assert_eq!(io.spawn(third)?.join()?, "third");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RoleHandle {
    state: Arc<RoleState>,
    shared: Arc<Shared>,
    lane: LaneId,
    time_to_live: Option<Duration>,
}

impl RoleHandle {
    pub(crate) fn new(state: Arc<RoleState>, shared: Arc<Shared>) -> Self {
        Self { state, shared, lane: LaneId::shared(Priority::Normal), time_to_live: None }
    }

    /// A handle whose tasks have this priority: [`Priority::High`] overtakes what has waited with normal priority, and has
    /// room of its own. Seven high tasks in a row let another one go first. [`Priority::Low`] counts as normal here.
    ///
    /// The handle's tasks go to any worker of the role, also if they went to one core before.
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self { lane: LaneId::shared(priority), ..self.clone() }
    }

    /// A handle whose tasks expire unless they have been started this long after the call that spawns them; the time that
    /// such a call waits for room counts. An expired task is dropped when its turn comes, and its handle
    /// [says so](executor_common::JoinError::is_expired). A future that has been polled once does not expire.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let stale = io.with_time_to_live(Duration::ZERO).spawn(|| "too late")?;
    /// assert!(stale.join().unwrap_err().is_expired());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_time_to_live(&self, time_to_live: Duration) -> Self {
        Self { time_to_live: Some(time_to_live), ..self.clone() }
    }

    /// A handle whose tasks run on this core's worker alone, in turns with the role's other tasks. There is room of its
    /// own for each core.
    ///
    /// # Errors
    ///
    /// [`SpawnError::NoSuchCore`]: the core is not one of the role's.
    pub fn on_core(&self, core: usize) -> Result<Self, SpawnError> {
        let role = self.role();
        let worker = self.state.worker_on(core).ok_or(SpawnError::NoSuchCore { role, core })?;
        Ok(self.on_worker(worker))
    }

    /// A handle whose tasks run on the worker that `key` belongs to: for as long as the executor lives, equal keys belong to
    /// the same worker, so that what they are the keys of needs no lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const DB: Role = Role::new("db");
    /// # let cores = SystemCpus.allowed()?;
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(DB).cores(cores.iter())).build()?;
    /// let db = amp.role(DB)?;
    /// let thread = || std::thread::current().id();
    /// let first = db.keyed("customer 7").spawn(thread)?.join()?;
    /// let second = db.keyed("customer 7").spawn(thread)?.join()?;
    /// assert_eq!(first, second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keyed<K: Hash + ?Sized>(&self, key: &K) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.on_worker((hasher.finish() % self.state.workers.len() as u64) as usize)
    }

    fn on_worker(&self, worker: usize) -> Self {
        Self { lane: LaneId::of_worker(worker), ..self.clone() }
    }

    /// The terms of a task that is spawned now.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    fn terms(&self) -> Terms {
        let live_until = |time| now().checked_add(time);
        let priority = self.lane.priority();
        Terms {
            lane: self.lane,
            deadline: self.time_to_live.and_then(live_until),
            site: SpawnSite::here("amp", Some(self.role()), priority),
        }
    }

    /// Whose handle this is.
    pub fn role(&self) -> Role {
        self.state.role
    }

    /// How many tasks may wait in the channel: with high priority, with normal priority, and for each core alone.
    pub fn capacity(&self) -> usize {
        self.state.channel.capacity()
    }

    /// How many spawned tasks wait in the channel. Futures that have been started take no room.
    pub fn depth(&self) -> usize {
        self.state.channel.queued()
    }

    /// How many workers the role has.
    pub fn workers(&self) -> usize {
        self.state.workers.len()
    }

    /// Whether the role takes nothing any more.
    pub fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// Spawns a closure if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back. `Full` is also the answer while the oldest task's place is
    /// just being given free.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.count_refusal(self.state.try_closure(self.terms(), f))
    }

    #[inline]
    fn count_refusal<H, W>(
        &self,
        answer: Result<H, TrySpawnError<W>>,
    ) -> Result<H, TrySpawnError<W>> {
        match &answer {
            Ok(_) | Err(TrySpawnError::UnknownRole(_)) => {}
            Err(TrySpawnError::Full(_)) => self.state.refusals.full.add(1),
            Err(TrySpawnError::Closed(_)) => self.state.refusals.closed.add(1),
        }
        answer
    }

    /// Spawns a closure, and blocks the calling thread until there is room.
    ///
    /// # Errors
    ///
    /// * [`SpawnError::Closed`]: the role takes nothing any more, from the beginning or since a shutdown that
    ///   came during the wait.
    /// * [`SpawnError::WouldDeadlock`]: the calling thread is a worker of this executor, and all workers
    ///   that could make the room wait for one another. The error names the roles along the cycle.
    ///
    /// The closure has been dropped then.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let terms = self.terms();
        self.block_for_room(terms, None, f, |f| self.state.try_closure(terms, f))
            .map_err(Refused::into_spawn_error)
    }

    /// Tries once, and then for as long as it takes; counts what came of it.
    #[inline]
    fn block_for_room<W, H>(
        &self,
        terms: Terms,
        deadline: Option<Instant>,
        work: W,
        mut attempt: impl FnMut(W) -> Result<H, TrySpawnError<W>>,
    ) -> Result<H, Refused<W>> {
        let answer = match attempt(work) {
            Ok(admitted) => return Ok(admitted),
            Err(TrySpawnError::Full(work)) => {
                block_for_room(&self.shared, &self.state, terms, deadline, work, attempt)
            }
            Err(error) => Err(Refused::Closed(error.into_inner())),
        };
        let refusals = &self.state.refusals;
        match &answer {
            Ok(_) => {}
            Err(Refused::Full(_)) => refusals.timed_out.add(1),
            Err(Refused::Closed(_)) => refusals.closed.add(1),
            Err(Refused::WouldDeadlock(_)) => refusals.would_deadlock.add(1),
        }
        answer
    }

    /// As [`RoleHandle::spawn`], for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back: `Full` when the time is up.
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_timeout<F, T>(
        &self,
        timeout: Duration,
        f: F,
    ) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // A time beyond the clock's range is no limit, but still no part of a deadlock.
        let deadline = now().checked_add(timeout).unwrap_or_else(far_future);
        let terms = self.terms();
        let attempt = |f| self.state.try_closure(terms, f);
        self.block_for_room(terms, Some(deadline), f, attempt).map_err(|refused| match refused {
            Refused::Full(f) => TrySpawnError::Full(f),
            Refused::Closed(f) => TrySpawnError::Closed(f),
            Refused::WouldDeadlock(_) => unreachable!("a wait with a deadline is in no cycle"),
        })
    }

    /// Spawns a closure as soon as there is room: the future is ready with the task's handle once the task has
    /// been admitted.
    ///
    /// # Errors
    ///
    /// The future's output is [`SpawnError::Closed`] if the role takes nothing any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the closure unrun.
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_wait<F, T>(&self, f: F) -> SpawnWait<F>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        SpawnWait::new(Arc::clone(&self.state), self.terms(), f)
    }

    /// Spawns a future, and blocks the calling thread until there is room. Whatever thread wakes the future,
    /// it runs on the role's workers alone, and with this handle's priority.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn`].
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_future<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let terms = self.terms();
        let attempt = |future| RoleState::try_future(&self.state, terms, future);
        self.block_for_room(terms, None, future, attempt).map_err(Refused::into_spawn_error)
    }

    /// Spawns a future if there is room now.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::try_spawn`].
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn try_spawn_future<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.count_refusal(RoleState::try_future(&self.state, self.terms(), future))
    }

    /// Spawns a closure that runs on this core's worker alone: [`RoleHandle::on_core`], then [`RoleHandle::spawn`].
    ///
    /// # Errors
    ///
    /// [`SpawnError::NoSuchCore`], and as [`RoleHandle::spawn`].
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_on_core<F, T>(&self, core: usize, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.on_core(core)?.spawn(f)
    }

    /// Spawns a closure that runs on the worker that `key` belongs to: [`RoleHandle::keyed`], then [`RoleHandle::spawn`].
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn`].
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_keyed<K, F, T>(&self, key: &K, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        K: Hash + ?Sized,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.keyed(key).spawn(f)
    }
}

/// Thirty years from now.
fn far_future() -> Instant {
    now() + Duration::from_secs(30 * 365 * 24 * 60 * 60)
}

impl fmt::Debug for RoleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleHandle")
            .field("role", &self.role())
            .field("depth", &self.depth())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
