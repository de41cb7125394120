//! A symmetric executor: every core equal, any task on any core, the load balanced by stealing.
//!
//! Closures and futures are both tasks here, with the same [`JoinHandle`]. Fork-join computations ([`join`],
//! [`scope`]), loops over ranges and slices ([`for_each`], [`map_reduce`]) and [`sort`] borrow from the
//! caller's frame. For work that must not wait behind other work, see
//! `amp-executor`, which runs the same program text ([`Spawn`]) on designated cores.
//!
//! # Getting started
//!
//! `cargo add smp-executor`, and in `src/main.rs`:
//!
//! ```
//! use smp_executor::SmpExecutor;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let executor = SmpExecutor::new()?; // one worker for each core that the process may use
//!
//!     // A closure and a future are both tasks, with the same handle.
//!     let answer = executor.spawn(|| 6 * 7);
//!     let greeting = executor.spawn_future(async { "hello" });
//!     assert_eq!(answer.join()?, 42); // a thread waits by `join`, another task by `.await`
//!     assert_eq!(executor.block_on(greeting)?, "hello");
//!
//!     // A parallel sum over borrowed data: identity, what to do with an item, how to combine two results.
//!     let list: Vec<u64> = (1..=1_000_000).collect();
//!     let sum = executor.map_reduce(&list, || 0, |n| *n, |a, b| a + b);
//!     assert_eq!(sum, 500_000_500_000);
//!
//!     // Two branches, perhaps at the same time; they may borrow as well.
//!     let (min, max) = executor.join(|| list.iter().min(), || list.iter().max());
//!     assert_eq!((min, max), (Some(&1), Some(&1_000_000)));
//!
//!     println!("{}", executor.shutdown()); // what ran, what was cancelled, what still runs
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! | to | use |
//! |---|---|
//! | have a pool, or the process's | [`SmpExecutor::new`], [`SmpExecutor::builder`], [`SmpExecutor::global`] |
//! | spawn a closure, a future | [`SmpExecutor::spawn`], [`SmpExecutor::spawn_future`]; on the current pool: [`spawn`], [`spawn_future`] |
//! | overtake, or let others go first | [`SmpExecutor::spawn_with`], [`Priority`], [`yield_now`] |
//! | limit what waits | [`SmpBuilder::injector_limit`], [`SmpExecutor::try_spawn`], [`SmpExecutor::spawn_wait`] |
//! | fork; spawn what borrows | [`join`]; [`scope`], [`scope_with_token`] |
//! | go over ranges and slices, sort | [`for_each`], [`map_reduce`], [`chunks`], [`sort`] |
//! | wait | [`JoinHandle`], [`JoinSet`], [`block_on`] |
//! | block a worker, and have it made up for | [`blocking`] |
//! | stay on one thread | [`spawn_local`], [`SmpExecutor::spawn_on`], [`SmpExecutor::broadcast`] |
//! | cancel | [`AbortHandle`], [`CancellationToken`] |
//! | see what the pool does | [`SmpExecutor::metrics`], [`SmpBuilder::measure_delays`] |
//! | write a program for this executor and `amp-executor` | [`Spawn`] |
//! | end | [`SmpExecutor::shutdown`], [`SmpExecutor::shutdown_timeout`], or drop |
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
//!
//! # Seeing it
//!
//! [`SmpExecutor::metrics`] is a snapshot, which the feature `serde` makes serializable. `metrics` gives it to the recorder of the facade of that
//! name, Prometheus's for instance; `serve-metrics` shows it to `benches top` and others. `tracing` makes each task a span, for tokio-console and for
//! timelines. Without its feature none of them is there.

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
#[cfg(feature = "async-io")]
pub use executor_common::AsyncIo;
#[cfg(feature = "serve-metrics")]
pub use executor_common::MetricsServer;
#[cfg(feature = "test-util")]
pub use executor_common::test_util;
pub use executor_common::{
    AbortHandle, CancellationToken, DelayMetrics, DropGuard, ExecutorMetrics, JoinError,
    JoinHandle, JoinSet, Priority, Reactor, Role, RoleMetrics, ShutdownReport, Spawn, SpawnError,
    TaskId, TaskPanic, TimedOut, TrySpawnError, WorkerMetrics, block_on, blocking, current_task,
    yield_now,
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
