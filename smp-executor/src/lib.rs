//! A symmetric executor: every core equal, any task on any core, the load balanced by stealing.
//!
//! Closures and futures are both tasks here, with the same [`JoinHandle`]. Fork-join computations ([`join`],
//! [`scope`]), loops over ranges and slices ([`for_each`], [`map_reduce`]) and [`sort`] borrow from the
//! caller's frame. For work that must not wait behind other work, see
//! `amp-executor`, which runs the same program text ([`Spawn`]) on designated cores.
//!
//! ```
//! use smp_executor::SmpExecutor;
//!
//! let executor = SmpExecutor::new()?;
//!
//! // A closure, a future, and a fork-join over borrowed data.
//! let answer = executor.spawn(|| 6 * 7);
//! let greeting = executor.spawn_future(async { "hello" });
//! let list = [1, 2, 3, 4];
//! let (left, right) = executor.join(|| list[..2].iter().sum::<i32>(), || list[2..].iter().sum::<i32>());
//!
//! assert_eq!(answer.join()?, 42);
//! assert_eq!(greeting.join()?, "hello");
//! assert_eq!(left + right, 10);
//! println!("{}", executor.shutdown());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What sets it apart
//!
//! * **A worker that waits never runs unrelated work on its stack.** In [`join`] and [`scope`] it runs that
//!   fork's own descendants only, so that a lock held across them cannot deadlock; in
//!   [`JoinHandle::join`] it runs the awaited task itself if nobody has begun it, and otherwise blocks.
//! * **A worker that blocks is made up for**: in [`JoinHandle::join`] and in [`blocking`] a compensating thread takes its place, so that queued
//!   work goes on.
//! * **Idle is free, and searching is bounded.** At most half of the workers search at once, a push wakes at most
//!   one, and an idle pool uses no CPU.
//! * **No task starves.** A worker takes its own tasks oldest first, woken futures and high priority ahead of them for a bounded number of
//!   turns, and takes a batch of those from outside after a bounded number of its own.
//! * **The number of workers is the number of cores that the process may use**, affinity mask and cgroup quota
//!   included.
//! * **A panic stays with its task**: it goes to the handle, or to the `on_panic` hook where the handle is gone.
//!
//! # Shutdown
//!
//! [`SmpExecutor::shutdown`] runs what has been accepted; dropping the executor cancels what has not started.
//! Both wait for what runs, except on a worker of the pool itself.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod admission;
mod assemble;
mod broadcast;
mod builder;
mod context;
#[cfg(any(feature = "futures-task", feature = "hyper"))]
mod ecosystem;
mod executor;
mod fork;
mod handle;
mod inbox;
mod install;
mod labels;
mod local;
mod mailbox;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
mod observe;
mod parallel;
mod permit;
mod queue;
mod run_queue;
mod scope;
mod shared;
mod shutdown;
mod sleep;
mod sort;
mod spares;
mod spawn;
mod worker;

pub use builder::{BuildError, SmpBuilder};
pub use context::current_worker;
#[cfg(any(feature = "futures-task", feature = "hyper"))]
pub use ecosystem::LocalSpawner;
pub use executor::SmpExecutor;
#[cfg(feature = "serve-metrics")]
pub use executor_common::MetricsServer;
#[cfg(feature = "test-util")]
pub use executor_common::test_util;
pub use executor_common::{
    AbortHandle, CancellationToken, DelayMetrics, DropGuard, ExecutorMetrics, JoinError,
    JoinHandle, JoinSet, Priority, Role, RoleMetrics, ShutdownReport, Spawn, SpawnError, TaskId,
    TaskPanic, TimedOut, TrySpawnError, WorkerMetrics, block_on, blocking, current_task, yield_now,
};
pub use fork::join;
pub use handle::SmpHandle;
pub use local::spawn_local;
#[cfg(feature = "paralight")]
pub use parallel::CurrentPool;
pub use parallel::{
    Chunks, ChunksMut, IntoSplittable, Splittable, chunks, chunks_mut, for_each, map_reduce,
};
pub use scope::{Scope, scope, scope_with_token};
pub use sort::{sort, sort_by, sort_by_key};
pub use spawn::{spawn, spawn_future};

/// The README's examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
