//! Many tasks with one wake-up.

use std::fmt;

use executor_common::{JoinHandle, SpawnError, TrySpawnError};

use super::RoleHandle;
use crate::channel::{Channel, LaneId};
use crate::queued::Queued;

/// What became of a batch; see [`RoleHandle::try_spawn_batch`].
///
/// # Examples
///
/// ```
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core]).capacity(1)).build()?;
/// let batch = amp.role(IO)?.try_spawn_batch((1..=3).map(|n| move || n * n));
/// // What there is no room for runs here.
/// let mut sum: i32 = batch.refused.into_iter().map(|square| square()).sum();
/// for task in batch.handles {
///     sum += task.join()?;
/// }
/// assert_eq!(sum, 14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "closures that were not admitted are in it"]
pub struct Batch<F, T> {
    /// The handles of the tasks that were admitted, in order.
    pub handles: Vec<JoinHandle<T>>,
    /// The closures that were not, in order.
    pub refused: Vec<F>,
}

impl<F, T> Batch<F, T> {
    /// Whether all were admitted.
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
    /// assert!(io.try_spawn_batch([|| 1, || 2]).is_complete());
    /// amp.drain_role(IO)?;
    /// assert!(!io.try_spawn_batch([|| 1, || 2]).is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
    }
}

impl<F, T> fmt::Debug for Batch<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("admitted", &self.handles.len())
            .field("refused", &self.refused.len())
            .finish()
    }
}

impl RoleHandle {
    /// Spawns closures in their order for as long as there is room, and wakes a worker once, behind the last one. The workers
    /// wake each other for the rest.
    ///
    /// What is not admitted comes back.
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
    /// let batch = io.try_spawn_batch((1..=3).map(|n| move || n * n));
    /// assert!(batch.is_complete());
    /// let squares: Result<Vec<i32>, _> = batch.handles.into_iter().map(|task| task.join()).collect();
    /// assert_eq!(squares?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn try_spawn_batch<F, T>(&self, closures: impl IntoIterator<Item = F>) -> Batch<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let terms = self.terms();
        let mut closures = closures.into_iter();
        let mut batch = Batch { handles: Vec::new(), refused: Vec::new() };
        let mut pushed = Pushed { channel: &self.state.channel, lane: terms.lane, any: false };
        let refusals = &self.state.refusals;
        let mut counter = &refusals.full;
        for f in closures.by_ref() {
            match self.state.try_closure_quietly(terms, f) {
                Ok(handle) => {
                    pushed.any = true;
                    batch.handles.push(handle);
                }
                Err(error) => {
                    if error.is_closed() {
                        counter = &refusals.closed;
                    }
                    batch.refused.push(error.into_inner());
                    break;
                }
            }
        }
        drop(pushed);
        batch.refused.extend(closures);
        counter.add(batch.refused.len() as u64);
        batch
    }

    /// Spawns closures in their order, and blocks the calling thread until there has been room for all of them.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn`]. The closures that were not admitted by then have been dropped; those that were run, detached.
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
    /// let handles = io.spawn_batch((1..=3).map(|n| move || n * n))?;
    /// let squares: Result<Vec<i32>, _> = handles.into_iter().map(|task| task.join()).collect();
    /// assert_eq!(squares?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_batch<F, T>(
        &self,
        closures: impl IntoIterator<Item = F>,
    ) -> Result<Vec<JoinHandle<T>>, SpawnError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let terms = self.terms();
        let mut handles = Vec::new();
        let mut pushed = Pushed { channel: &self.state.channel, lane: terms.lane, any: false };
        for f in closures {
            let handle = match self.state.try_closure_quietly(terms, f) {
                Ok(handle) => {
                    pushed.any = true;
                    handle
                }
                Err(TrySpawnError::Full(f)) => {
                    // Who is to make the room has to be awake.
                    self.state.channel.announce(terms.lane);
                    pushed.any = false;
                    self.spawn(f)?
                }
                Err(TrySpawnError::Closed(_) | TrySpawnError::UnknownRole(_)) => {
                    self.state.refusals.closed.add(1);
                    return Err(SpawnError::Closed);
                }
            };
            handles.push(handle);
        }
        Ok(handles)
    }
}

/// What has been pushed without a wake-up. It is announced in any case: the iterator is foreign code and may panic, and the role may be
/// closed in the middle of a batch.
struct Pushed<'a> {
    channel: &'a Channel<Queued>,
    lane: LaneId,
    any: bool,
}

impl Drop for Pushed<'_> {
    fn drop(&mut self) {
        if self.any && !self.channel.lane(self.lane).ring().is_empty() {
            self.channel.announce(self.lane);
        }
    }
}
