//! The task types that `smp-executor` and `amp-executor` share.
//!
//! A program written against [`Spawn`] runs on either executor. What it gets back is a [`JoinHandle`], to
//! block on, to `.await`, or to drop, which detaches the task. A task's panic ends in the handle's
//! [`JoinError`], or in the executor's `on_panic` hook where the handle is gone; never in the process's end.
//!
//! | to | use |
//! |---|---|
//! | spawn on either executor | [`Spawn`], [`Role`], [`SpawnError`], [`TrySpawnError`] |
//! | wait for a task | [`JoinHandle`], [`JoinError`], [`block_on`] |
//! | wait for several tasks | [`JoinSet`] |
//! | stop a task | [`AbortHandle`], [`CancellationToken`] |
//! | let others go first | [`yield_now`], [`Priority`] |
//! | have idle workers wait for sockets and timers | [`Reactor`]; `AsyncIo` (feature `async-io`), tokio's `Runtime` (feature `tokio`) |
//! | see what an executor does | [`ExecutorMetrics`], [`ShutdownReport`] |
//! | test with any order of tasks, replayable by seed, and virtual time | `test_util` (feature `test-util`) |
//! | know and choose CPUs | [`cpu`] |
//! | write an executor | [`closure_task`], [`future_task`], [`expiring_closure_task`], [`Runnable`], [`Schedule`], [`TaskRegistry`], [`SpawnSite`], [`Parker`], [`WorkerParker`], [`DelayHistogram`], [`sync`] |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod block_on;
mod blocking;
mod cancel;
pub mod cpu;
mod delay;
mod join_set;
mod metrics;
pub mod panic;
mod park;
mod priority;
mod reactor;
mod role;
mod shutdown;
mod spawn;
pub mod sync;
mod task;
#[cfg(feature = "test-util")]
pub mod test_util;
mod wait_queue;
mod yield_now;

pub use block_on::block_on;
pub use blocking::{Blocker, blocking, set_blocker};
pub use cancel::{CancellationToken, Cancelled, DropGuard};
pub use delay::{DelayHistogram, DelayMetrics};
pub use join_set::{JoinSet, TimedOut};
#[cfg(feature = "serve-metrics")]
pub use metrics::MetricsServer;
pub use metrics::{
    ExecutorMetrics, RoleMetrics, WorkerCounters, WorkerMetrics, imbalance, utilisation,
};
pub use park::{Parker, Unparker};
pub use priority::Priority;
#[cfg(feature = "async-io")]
pub use reactor::AsyncIo;
pub use reactor::{Reactor, WorkerParker};
pub use role::Role;
pub use shutdown::ShutdownReport;
pub use spawn::{Spawn, SpawnError, TrySpawnError};
pub use task::{
    AbortHandle, DomainId, JoinError, JoinHandle, PanicHook, RunOutcome, Runnable, Schedule,
    SpawnSite, SpawnSiteGuard, TaskId, TaskPanic, TaskRegistry, closure_task, current_task,
    enter_domain, enter_own_domain, expiring_closure_task, expiring_future_task, future_task,
    lend_to_domain, local_future_task, reclaim_closure, scoped_closure_task, set_in_place_counter,
};
pub use wait_queue::{Ticket, WaitQueue};
pub use yield_now::{YieldNow, yield_now};

/// The README's examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
