//! Tasks that have a time.

use std::time::{Duration, Instant};

use executor_common::sync::now;
use executor_common::{JoinHandle, TrySpawnError};

use super::{RoleHandle, far_future};
use crate::role::RoleState;
use crate::timed::{MissedPeriods, PeriodicHandle};

impl RoleHandle {
    /// Spawns a closure that runs at `due`, driven by one of the role's own workers: the one that this handle is for, or each in
    /// turn. The worker sleeps until the role's [spin window](crate::RoleConfig::spin_window) before that, and spins the last stretch.
    /// If it is held by another task then, the closure runs right after that one. A handle with a time to live lets it expire so long
    /// after `due`.
    ///
    /// Who waits for the task on its own worker with [`JoinHandle::join`] keeps it from running, for ever; `.await` it instead.
    /// The role's end cancels what has not become due. An aborted task keeps its place, and its closure, until it is due.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`] hands the closure back. There is room for as many timed tasks per worker as for others.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const RT: Role = Role::new("realtime");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(RT).cores([core])).build()?;
    /// let due = Instant::now() + Duration::from_millis(2);
    /// let began = amp.role(RT)?.spawn_at(due, Instant::now).unwrap().join()?;
    /// assert!(began >= due);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_at<F, T>(&self, due: Instant, f: F) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.count_refusal(self.state.try_timed(self.terms(), due, self.time_to_live, f))
    }

    /// Spawns a closure that runs once in each `period`, for the first time one period from now; else as
    /// [`RoleHandle::spawn_every_from`], leaving out what it misses.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn_at`].
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const RT: Role = Role::new("realtime");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(RT).cores([core])).build()?;
    /// let (tick, ticks) = std::sync::mpsc::channel();
    /// let ticking = amp.role(RT)?.spawn_every(Duration::from_millis(1), move || {
    ///     let _ = tick.send(());
    /// }).unwrap();
    /// ticks.iter().take(3).for_each(drop);
    /// ticking.stop();
    /// println!("{} runs, late by {:?} at most", ticking.runs(), ticking.lateness().max);
    /// ticking.join()?;
    /// assert!(ticks.iter().count() < 1000); // the closure is gone, and its sender with it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_every<F>(&self, period: Duration, f: F) -> Result<PeriodicHandle, TrySpawnError<F>>
    where
        F: FnMut() + Send + 'static,
    {
        // A period beyond the clock's range is none that would end.
        let first = now().checked_add(period).unwrap_or_else(far_future);
        self.spawn_every_from(first, period, MissedPeriods::default(), f)
    }

    /// Spawns a closure that runs at `first` and then once in each `period`, on one worker. Its instants are whole periods after
    /// `first`, however long its runs take and however late they begin. It goes on until it is stopped, panics, or its role ends.
    /// A time to live does not apply.
    ///
    /// # Errors
    ///
    /// As [`RoleHandle::spawn_at`].
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::{Duration, Instant};
    /// use amp_executor::MissedPeriods;
    /// # use amp_executor::{AmpExecutor, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const IO: Role = Role::new("io");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
    /// let io = amp.role(IO)?;
    /// let (tick, ticks) = channel();
    /// let first = Instant::now() + Duration::from_millis(1);
    /// let ticking = io
    ///     .spawn_every_from(first, Duration::from_millis(1), MissedPeriods::CatchUp, move || {
    ///         let _ = tick.send(Instant::now());
    ///     })?;
    /// assert!(ticks.iter().take(3).all(|tick| tick >= first));
    /// ticking.stop();
    /// ticking.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn spawn_every_from<F>(
        &self,
        first: Instant,
        period: Duration,
        missed: MissedPeriods,
        f: F,
    ) -> Result<PeriodicHandle, TrySpawnError<F>>
    where
        F: FnMut() + Send + 'static,
    {
        let terms = self.terms();
        self.count_refusal(RoleState::try_periodic(&self.state, terms, first, period, missed, f))
    }
}
