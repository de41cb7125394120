//! The way to a periodic task.

use std::fmt;

use executor_common::sync::Arc;
use executor_common::{AbortHandle, DelayMetrics, JoinError, JoinHandle, TaskId};

use super::periodic::Periodic;
use crate::role::RoleState;

/// A task that runs once in each period; see [`RoleHandle::spawn_every`](crate::RoleHandle::spawn_every). Dropping the handle
/// **detaches** the task, which goes on until its role ends.
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
/// let (tick, ticks) = std::sync::mpsc::channel();
/// let ticking = amp.role(IO)?.spawn_every(Duration::from_millis(1), move || drop(tick.send(())))?;
/// ticks.iter().take(3).for_each(drop);
/// ticking.stop();
/// assert!(ticking.runs() >= 3);
/// ticking.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PeriodicHandle {
    task: JoinHandle<()>,
    periodic: Arc<Periodic>,
    role: Arc<RoleState>,
    worker: usize,
}

impl PeriodicHandle {
    pub(crate) fn new(
        task: JoinHandle<()>,
        periodic: Arc<Periodic>,
        role: Arc<RoleState>,
        worker: usize,
    ) -> Self {
        Self { task, periodic, role, worker }
    }

    /// Ends the task: it begins no other run, and its closure is dropped on its worker as soon as that has time.
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
    /// let ticking = io.spawn_every(Duration::from_millis(1), || println!("tick"))?;
    /// ticking.stop();
    /// assert!(ticking.join().is_ok()); // its closure has been dropped
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self) {
        self.periodic.stop();
        self.role.workers[self.worker].timers.hurry(&self.periodic);
        self.role.channel.call(self.worker);
    }

    /// Blocks until the task has ended: because it was stopped, or because its role has ended, or by a panic.
    ///
    /// # Errors
    ///
    /// The closure panicked, or the task was aborted.
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
    /// let ticking = io.spawn_every(Duration::from_millis(1), || println!("tick"))?;
    /// ticking.stop();
    /// assert!(ticking.join().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(self) -> Result<(), JoinError> {
        self.task.join()
    }

    /// Whether the task has ended.
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
    /// let ticking = io.spawn_every(Duration::from_millis(1), || println!("tick"))?;
    /// assert!(!ticking.is_finished());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Cancels the task when it is due next; [`PeriodicHandle::join`] says so then.
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
    /// let ticking = io.spawn_every(Duration::from_millis(1), || println!("tick"))?;
    /// ticking.abort_handle().abort();
    /// assert!(ticking.join().unwrap_err().is_cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }

    /// The task's id.
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
    /// let ticking = io.spawn_every(Duration::from_millis(1), || println!("tick"))?;
    /// let other = io.spawn_every(Duration::from_millis(1), || println!("tock"))?;
    /// assert_ne!(ticking.id(), other.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// How often it has run, the present run included.
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
    /// let ticking = io.spawn_every(Duration::from_secs(3600), || println!("tick"))?;
    /// assert_eq!(ticking.runs(), 0); // it is not due yet
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn runs(&self) -> u64 {
        self.periodic.runs()
    }

    /// How many periods passed without a run, because the worker was held by another task or by the run before.
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
    /// let ticking = io.spawn_every(Duration::from_secs(3600), || println!("tick"))?;
    /// assert_eq!(ticking.missed(), 0); // it is not due yet
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missed(&self) -> u64 {
        self.periodic.missed()
    }

    /// How late its runs began, measured from the instants at which they were due.
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
    /// let ticking = io.spawn_every(Duration::from_millis(1), || println!("tick"))?;
    /// let lateness = ticking.lateness();
    /// println!("99 % began no later than {:?} after they were due", lateness.p99);
    /// assert!(lateness.p50 <= lateness.p99);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lateness(&self) -> DelayMetrics {
        self.periodic.lateness().snapshot()
    }
}

impl fmt::Debug for PeriodicHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicHandle")
            .field("id", &self.id())
            .field("runs", &self.runs())
            .field("missed", &self.missed())
            .finish()
    }
}
