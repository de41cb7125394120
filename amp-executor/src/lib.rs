//! An executor whose cores have roles.
//!
//! Some work must not wait for other work: a game's frame for its asset loading, a control loop for a report. Here each
//! kind of work is a [`Role`] with cores of its own, one pinned worker per core, and a bounded channel between the
//! role and those who give it work. A task runs on its role's cores and nowhere else, a woken future included,
//! so that a busy role can't delay another.
//!
//! # Getting started
//!
//! `cargo add amp-executor`, and in `src/main.rs`:
//!
//! ```
//! use std::time::Duration;
//! use amp_executor::{AmpExecutor, CallError, Role, RolePlan, RoleRequest};
//!
//! const IO: Role = Role::new("io");
//! const COMPUTE: Role = Role::new("compute");
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Which role gets which cores of this machine, and why.
//!     let plan = RolePlan::suggest([RoleRequest::new(IO).cores(1), RoleRequest::new(COMPUTE)])?;
//!     println!("{plan}");
//!     let amp = AmpExecutor::builder().plan(plan.into_plan()).build()?;
//!
//!     // A role is looked up once; spawning through its handle is a push on a bounded ring, and waits where that is full.
//!     let (io, compute) = (amp.role(IO)?, amp.role(COMPUTE)?);
//!     let answer = compute.spawn(|| 6 * 7)?;
//!     assert_eq!(answer.join()?, 42);
//!
//!     // A future stays on its role's cores, and asks another role without holding its own core.
//!     let page = io.spawn_future(async move {
//!         let sum = compute.call(|| (1..=1_000_u64).sum::<u64>()).await?;
//!         Ok::<_, CallError>(format!("the sum is {sum}"))
//!     })?;
//!     assert_eq!(page.join()??, "the sum is 500500");
//!
//!     // Something at fixed instants, whatever the other role does.
//!     let ticking = io.spawn_every(Duration::from_millis(1), || { /* on time */ })?;
//!     ticking.stop();
//!
//!     for worker in amp.placement() {
//!         println!("{worker}"); // worker 0: role io, core 0, pinned, mask 0, idle backoff, last seen on CPU 0
//!     }
//!     println!("{}", amp.shutdown()); // what ran, what was cancelled, what still runs
//!     Ok(())
//! }
//! ```
//!
//! By hand, on a machine that is known:
//!
//! ```no_run
//! use amp_executor::{AmpExecutor, IdlePolicy, PinPolicy, Role, RoleConfig};
//!
//! let amp = AmpExecutor::builder()
//!     .role(RoleConfig::new(Role::new("io")).cores([0]).capacity(1024))
//!     .role(RoleConfig::new(Role::new("realtime")).cores([1]).capacity(64).idle(IdlePolicy::Spin))
//!     .pin(PinPolicy::Require)
//!     .build()?;
//! # Ok::<(), amp_executor::BuildError>(())
//! ```
//!
//! # Where to look
//!
//! | to | use |
//! |---|---|
//! | declare roles | [`RoleConfig`], [`RolePlan`] (from a string, from `AMP_ROLES`, or from TOML with the feature `config`), [`AmpBuilder`] |
//! | have them laid out for the machine at hand | [`RolePlan::suggest`] |
//! | say how strictly cores are held | [`PinPolicy`]; [`AmpExecutor::placement`] tells what came of it |
//! | run before everybody else on a core, and out of RAM | [`SchedClass`], [`AmpBuilder::lock_memory`] |
//! | spawn | [`RoleHandle`]: `try_spawn`, `spawn`, `spawn_timeout`, `spawn_wait`, `spawn_future`, `spawn_batch` |
//! | overtake; expire | [`RoleHandle::with_priority`]; [`RoleHandle::with_time_to_live`] |
//! | choose one of the role's cores | [`RoleHandle::on_core`]; by a key: [`RoleHandle::keyed`] |
//! | keep values on a core | [`AmpBuilder::state`] and [`RoleHandle::with_state`]; within a task: [`with_state`] |
//! | run futures that are not `Send` | [`RoleHandle::spawn_local`]; on a worker: [`spawn_local`] |
//! | run at a time | [`RoleHandle::spawn_at`], [`RoleHandle::spawn_every`] |
//! | have an answer from another role | [`RoleHandle::call`], [`RoleHandle::call_blocking`] |
//! | use idle cores of one role for another | [`RoleConfig::lend_to`] |
//! | write a program for this executor and `smp-executor` | [`Spawn`] |
//! | trade idle CPU time for latency | [`IdlePolicy`]; before timed tasks: [`RoleConfig::spin_window`] |
//! | see imbalance and pressure | [`AmpExecutor::metrics`], [`AmpBuilder::measure_delays`] |
//! | see the tasks in tokio-console or as a timeline; the figures in Prometheus; both executors' load in a terminal | the features `tracing`; `metrics`; `serve-metrics` |
//! | hear of lost pins, stalls and restarted workers | [`AmpBuilder::on_event`], [`AmpBuilder::stall_limit`] |
//! | end | [`AmpExecutor::shutdown`], [`AmpExecutor::shutdown_timeout`], or drop; one role: [`AmpExecutor::drain_role`]; in which order: [`AmpBuilder::shutdown_order`] |
//!
//! The examples `game_loop`, `control_loop`, `audio_callback` and `sharded_db` put some of these together.
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
//! that `.await` the handle do not have that problem. Two workers that join each other's tasks wait for ever; if they
//! [call](RoleHandle::call_blocking) each other instead, one of them is told.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod awaited;
mod builder;
mod channel;
mod current;
mod deadlock;
#[cfg(any(feature = "futures-task", feature = "hyper"))]
mod ecosystem;
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
#[cfg(any(feature = "futures-task", feature = "hyper"))]
pub use ecosystem::LocalSpawner;
pub use event::Event;
pub use executor::AmpExecutor;
#[cfg(feature = "async-io")]
pub use executor_common::AsyncIo;
#[cfg(feature = "serve-metrics")]
pub use executor_common::MetricsServer;
#[cfg(feature = "test-util")]
pub use executor_common::test_util;
pub use executor_common::{
    AbortHandle, CancellationToken, DelayMetrics, DropGuard, ExecutorMetrics, JoinError,
    JoinHandle, JoinSet, Priority, Reactor, Role, RoleMetrics, ShutdownReport, Spawn, SpawnError,
    TaskId, TaskPanic, TimedOut, TrySpawnError, WorkerMetrics, block_on, cpu, yield_now,
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
    // A worker that moves between threads breaks the promises that its local futures rely on.
    #[cfg(loom)]
    pub use crate::worker::model::{ModelAmp, ModelWorker};
}

/// The README's examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
