//! Spawning on one role.

mod batch;
mod call;
mod place;
mod stateful;
mod timed;

use std::fmt;
use std::future::Future;
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
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::Priority;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let urgent = io.with_priority(Priority::High);
    /// let report = io.spawn(|| "when its turn comes")?;
    /// let answer = urgent.spawn(|| "before it, if it still waits")?;
    /// assert_eq!(answer.join()?, "before it, if it still waits");
    /// # report.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// assert_eq!(io.role(), IO);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn role(&self) -> Role {
        self.state.role
    }

    /// How many tasks may wait in the channel: with high priority, with normal priority, and for each core alone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// assert_eq!(io.capacity(), RoleConfig::DEFAULT_CAPACITY);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(&self) -> usize {
        self.state.channel.capacity()
    }

    /// How many spawned tasks wait in the channel. Futures that have been started take no room.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// assert_eq!(io.depth(), 0); // nothing waits
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn depth(&self) -> usize {
        self.state.channel.queued()
    }

    /// How many workers the role has.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// assert_eq!(io.workers(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn workers(&self) -> usize {
        self.state.workers.len()
    }

    /// Whether the role takes nothing any more.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// assert!(!io.is_closed());
    /// amp.drain_role(IO)?;
    /// assert!(io.is_closed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// Spawns a closure if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back. `Full` is also the answer while the oldest task's place is
    /// just being given free.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::TrySpawnError;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// match io.try_spawn(|| 6 * 7) {
    ///     Ok(answer) => assert_eq!(answer.join()?, 42),
    ///     Err(TrySpawnError::Full(closure)) => println!("no room; here it is again: {}", closure()),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let answer = io.spawn(|| 6 * 7)?;
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// let answer = io.spawn_timeout(Duration::from_millis(10), || 6 * 7).expect("there is room");
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let task = io.clone().spawn_future(async move {
    ///     let answer = io.spawn_wait(|| 6 * 7).await.expect("the role takes tasks");
    ///     answer.await
    /// })?;
    /// assert_eq!(task.join()??, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let six = io.spawn(|| 6)?;
    /// let answer = io.spawn_future(async move { six.await.unwrap() * 7 })?;
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let answer = io.try_spawn_future(async { 42 }).map_err(|refused| refused.to_string())?;
    /// assert_eq!(answer.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn try_spawn_future<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.count_refusal(RoleState::try_future(&self.state, self.terms(), future))
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
