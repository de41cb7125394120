//! A task that somebody waits for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use executor_common::{JoinError, JoinHandle, SpawnError};

use super::RoleHandle;
use crate::wait::SpawnWait;

/// Why a call has no answer.
///
/// # Examples
///
/// ```
/// use amp_executor::{CallError, SpawnError};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let io = amp.role(IO)?;
/// let error = io.call_blocking(|| -> u32 { panic!("out of tea") }).unwrap_err();
/// assert!(matches!(error, CallError::Join(error) if error.is_panic()));
///
/// amp.drain_role(IO)?;
/// let error = io.call_blocking(|| 42).unwrap_err();
/// assert!(matches!(error, CallError::Spawn(SpawnError::Closed)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The closure was not admitted.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The closure was admitted, and panicked, expired or was cancelled.
    #[error(transparent)]
    Join(#[from] JoinError),
}

/// Waits for room, then for the answer; see [`RoleHandle::call`].
///
/// # Cancel safety
///
/// Dropping the future before the closure is admitted drops the closure unrun; after that it detaches the task.
///
/// # Examples
///
/// ```
/// use amp_executor::{Call, block_on};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let call: Call<_, u32> = amp.role(IO)?.call(|| 6 * 7);
/// assert_eq!(block_on(call)?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Call<F, T>(State<F, T>);

enum State<F, T> {
    Waiting(SpawnWait<F>),
    Admitted(JoinHandle<T>),
}

impl<F, T> Future for Call<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, CallError>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.0 {
                State::Waiting(wait) => {
                    let handle = ready!(Pin::new(wait).poll(context))?;
                    self.0 = State::Admitted(handle);
                }
                State::Admitted(handle) => {
                    return Pin::new(handle).poll(context).map_err(CallError::Join);
                }
            }
        }
    }
}

impl<F, T> fmt::Debug for Call<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_admitted = matches!(self.0, State::Admitted(_));
        f.debug_struct("Call").field("is_admitted", &is_admitted).finish()
    }
}

impl RoleHandle {
    /// Has a closure run by this role, and waits for what it returns. The answer goes from the role's worker straight into the
    /// task that awaits it, and wakes that.
    ///
    /// # Errors
    ///
    /// The future's output is a [`CallError`] if the closure was not admitted, or did not end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use amp_executor::{AmpExecutor, CallError, Role, RoleConfig};
    /// # use amp_executor::cpu::{CpuControl, SystemCpus};
    /// # const WEB: Role = Role::new("web");
    /// # const DB: Role = Role::new("db");
    /// # let core = SystemCpus.allowed()?.iter().next().unwrap();
    /// # let on = |role| RoleConfig::new(role).cores([core]).shared();
    /// # let amp = AmpExecutor::builder().role(on(WEB)).role(on(DB)).build()?;
    /// let (web, db) = (amp.role(WEB)?, amp.role(DB)?);
    /// let page = web.spawn_future(async move {
    ///     let rows = db.call(|| vec![1, 2, 3]).await?;
    ///     Ok::<_, CallError>(format!("{} rows", rows.len()))
    /// })?;
    /// assert_eq!(page.join()??, "3 rows");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn call<F, T>(&self, f: F) -> Call<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Call(State::Waiting(self.spawn_wait(f)))
    }

    /// As [`RoleHandle::call`], blocking the calling thread.
    ///
    /// # Errors
    ///
    /// [`CallError`]. On a worker of this executor it is [`SpawnError::WouldDeadlock`] if all workers that could bring the
    /// answer wait for one another; the closure is cancelled then unless it runs already.
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
    /// let answer = io.call_blocking(|| 6 * 7)?;
    /// assert_eq!(answer, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn call_blocking<F, T>(&self, f: F) -> Result<T, CallError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let handle = self.spawn(f)?;
        crate::answer::wait_for(&self.shared, &self.state, self.lane, handle)
    }
}
