//! An executor whose cores have roles.
//!
//! Some work must not wait for other work: a game's frame for its asset loading, a control loop for a report. Here each
//! kind of work is a [`Role`] with cores of its own, one pinned worker per core, and a bounded channel between the
//! role and those who give it work. A task runs on its role's cores and nowhere else, a woken future included,
//! so that a busy role can't delay another.
//!
//! # Examples
//!
//! ```
//! use amp_executor::cpu::{CpuControl, SystemCpus};
//! use amp_executor::{AmpExecutor, IdlePolicy, PinPolicy, Role, RoleConfig};
//!
//! const IO: Role = Role::new("io");
//! const RT: Role = Role::new("realtime");
//!
//! let usable: Vec<usize> = SystemCpus.allowed()?.iter().collect();
//! let (first, second) = (usable[0], *usable.last().unwrap());
//! # // Where there is only one core, the roles share it, and then they cannot spin.
//! # let amp = if first == second {
//! #     let on = |role| RoleConfig::new(role).cores([first]).shared();
//! #     AmpExecutor::builder().role(on(IO)).role(on(RT)).pin(PinPolicy::Require).build()?
//! # } else {
//! let amp = AmpExecutor::builder()
//!     .role(RoleConfig::new(IO).cores([first]).capacity(1024))
//!     .role(RoleConfig::new(RT).cores([second]).capacity(64).idle(IdlePolicy::Spin))
//!     .pin(PinPolicy::Require)
//!     .build()?;
//! # amp };
//! let io = amp.role(IO)?; // resolved once; spawning through it is a push on a bounded ring
//! let answer = io.spawn(|| 6 * 7)?.join()?;
//! assert_eq!(answer, 42);
//!
//! let rt = amp.role(RT)?;
//! let task = io.spawn_future(async move {
//!     let handle = rt.spawn_wait(|| "from io to realtime").await?;
//!     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(handle.await?)
//! })?;
//! assert_eq!(task.join()?.unwrap(), "from io to realtime");
//!
//! for worker in amp.placement() {
//!     // worker 0: role io, core 0, pinned, mask 0, idle backoff, last seen on CPU 0
//!     println!("{worker}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! | to | use |
//! |---|---|
//! | declare roles | [`RoleConfig`], [`RolePlan`] (from a string, or from `AMP_ROLES`), [`AmpBuilder`] |
//! | say how strictly cores are held | [`PinPolicy`]; [`AmpExecutor::placement`] tells what came of it |
//! | spawn | [`RoleHandle`]: `try_spawn`, `spawn`, `spawn_timeout`, `spawn_wait`, `spawn_future` |
//! | write a program for this executor and `smp-executor` | [`Spawn`] |
//! | trade idle CPU time for latency | [`IdlePolicy`] |
//! | see imbalance and pressure | [`AmpExecutor::metrics`] |
//! | end | [`AmpExecutor::shutdown`], [`AmpExecutor::shutdown_timeout`], or drop |
//!
//! # Full channels
//!
//! A role that is slower than its spawners fills its channel. `try_spawn` then hands the closure back, the others
//! wait. A worker that waits for a channel that could never drain, because everybody who would have to drain it
//! waits in turn, gets [`SpawnError::WouldDeadlock`] with the cycle of roles instead.
//!
//! # Waiting for a task
//!
//! [`JoinHandle::join`] on a worker of the task's own role runs a task that has not started in place. On any other
//! thread it blocks: a role with one worker that joins a task of another role does nothing else meanwhile. Futures
//! that `.await` the handle do not have that problem.

mod answer;
mod awaited;
mod builder;
mod channel;
mod current;
mod deadlock;
mod event;
mod executor;
mod handle;
mod idle;
mod local;
mod memory;
mod observe;
mod pin;
mod placement;
mod plan;
mod queued;
mod role;
mod role_handle;
mod sched;
mod shared;
mod shutdown;
mod stall;
mod state;
mod timed;
mod wait;
mod worker;

pub use builder::{AmpBuilder, BuildError};
pub use event::Event;
pub use executor::AmpExecutor;
pub use executor_common::{
    AbortHandle, CancellationToken, DelayMetrics, DropGuard, ExecutorMetrics, JoinError,
    JoinHandle, JoinSet, Priority, Role, RoleMetrics, ShutdownReport, Spawn, SpawnError, TaskId,
    TaskPanic, TimedOut, TrySpawnError, WorkerMetrics, block_on, cpu, yield_now,
};
pub use handle::AmpHandle;
pub use idle::{IdlePolicy, ParseIdlePolicyError};
pub use local::spawn_local;
pub use memory::MemoryLock;
pub use pin::{PinOutcome, PinPolicy, SchedOutcome};
pub use placement::WorkerPlacement;
pub use plan::{
    ENV_VARIABLE, MAX_CAPACITY, MAX_ROLE_NAME, MAX_SPIN_WINDOW, MAX_WORKERS, Machine, PlanError,
    RoleConfig, RoleListError, RolePlan, RoleRequest, SuggestError, Suggestion,
};
#[cfg(feature = "config")]
pub use plan::{TomlError, TomlFileError};
pub use role_handle::{Batch, Call, CallError, RoleHandle};
pub use sched::{MAX_FIFO_PRIORITY, ParseSchedClassError, SchedClass};
pub use state::{StateError, with_state};
pub use timed::{MissedPeriods, PeriodicHandle};
pub use wait::SpawnWait;

/// The parts that the models drive by themselves. Not for users: they change without notice.
#[doc(hidden)]
pub mod model {
    pub use crate::channel::{
        Channel, Lane, LaneId, Origin, PushError, Ring, Sleepers, Source, Turns, Woken,
    };
    pub use crate::worker::model::{ModelAmp, ModelWorker};
}
