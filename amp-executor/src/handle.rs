//! Spawning.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use executor_common::sync::Arc;
use executor_common::{ExecutorMetrics, JoinHandle, Role, Spawn, SpawnError, TrySpawnError};

use crate::role::RoleState;
use crate::shared::Shared;
use crate::wait::{Refused, SpawnWait, block_for_room};

/// Spawns on any role of an executor; cloneable, and usable from any thread.
///
/// It does not keep the executor running: once that has been shut down or dropped, spawning fails.
#[derive(Clone)]
pub struct AmpHandle {
    shared: Arc<Shared>,
}

impl AmpHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A handle for one role, so that the role is looked up once.
    ///
    /// # Errors
    ///
    /// [`SpawnError::UnknownRole`].
    pub fn role(&self, role: Role) -> Result<RoleHandle, SpawnError> {
        let state = self.shared.find(role).ok_or(SpawnError::UnknownRole(role))?;
        Ok(RoleHandle { state: Arc::clone(state), shared: Arc::clone(&self.shared) })
    }

    /// What the executor has done so far.
    pub fn metrics(&self) -> ExecutorMetrics {
        self.shared.metrics()
    }
}

impl Spawn for AmpHandle {
    fn spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let state = self.shared.find(role).ok_or(SpawnError::UnknownRole(role))?;
        spawn_on(&self.shared, state, f)
    }

    fn spawn_future_in<F>(&self, role: Role, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let state = self.shared.find(role).ok_or(SpawnError::UnknownRole(role))?;
        spawn_future_on(&self.shared, state, future)
    }

    fn try_spawn_in<F, T>(&self, role: Role, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.shared.find(role) {
            Some(state) => try_spawn_on(state, f),
            None => Err(TrySpawnError::UnknownRole(f)),
        }
    }
}

impl fmt::Debug for AmpHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shared.roles.iter().map(|state| state.role)).finish()
    }
}

fn spawn_on<F, T>(shared: &Shared, role: &RoleState, f: F) -> Result<JoinHandle<T>, SpawnError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    block_for_room(shared, role, None, f, |f| role.try_closure(f))
        .map_err(Refused::into_spawn_error)
}

fn spawn_future_on<F>(
    shared: &Shared,
    role: &Arc<RoleState>,
    future: F,
) -> Result<JoinHandle<F::Output>, SpawnError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    block_for_room(shared, role, None, future, |future| RoleState::try_future(role, future))
        .map_err(Refused::into_spawn_error)
}

fn try_spawn_on<F, T>(role: &RoleState, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    count_rejection(role, role.try_closure(f))
}

fn count_rejection<H, W>(
    role: &RoleState,
    answer: Result<H, TrySpawnError<W>>,
) -> Result<H, TrySpawnError<W>> {
    if matches!(answer, Err(TrySpawnError::Full(_))) {
        role.rejected.add(1);
    }
    answer
}

/// Spawns on one role; cloneable, and usable from any thread.
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
}

impl RoleHandle {
    /// Whose handle this is.
    pub fn role(&self) -> Role {
        self.state.role
    }

    /// How many tasks may wait in the channel.
    pub fn capacity(&self) -> usize {
        self.state.channel.ring().capacity()
    }

    /// How many spawned tasks wait in the channel, at most [`RoleHandle::capacity`]. Futures that have been started
    /// take no room.
    pub fn depth(&self) -> usize {
        self.state.channel.ring().len()
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
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        try_spawn_on(&self.state, f)
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
    pub fn spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_on(&self.shared, &self.state, f)
    }

    /// As [`RoleHandle::spawn`], for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back: `Full` when the time is up.
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
        let deadline = Instant::now().checked_add(timeout).unwrap_or_else(far_future);
        let attempt = |f| self.state.try_closure(f);
        block_for_room(&self.shared, &self.state, Some(deadline), f, attempt).map_err(|refused| {
            match refused {
                Refused::Full(f) => TrySpawnError::Full(f),
                Refused::Closed(f) => TrySpawnError::Closed(f),
                Refused::WouldDeadlock(_) => {
                    unreachable!("a wait with a deadline is in no cycle")
                }
            }
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
    pub fn spawn_wait<F, T>(&self, f: F) -> SpawnWait<F>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        SpawnWait::new(Arc::clone(&self.state), f)
    }

    /// Spawns a future, and blocks the calling thread until there is room. Whatever thread wakes the future,
    /// it runs on the role's workers alone.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn`].
    pub fn spawn_future<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_future_on(&self.shared, &self.state, future)
    }

    /// Spawns a future if there is room now.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::try_spawn`].
    pub fn try_spawn_future<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        count_rejection(&self.state, RoleState::try_future(&self.state, future))
    }
}

/// Thirty years from now.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(30 * 365 * 24 * 60 * 60)
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
