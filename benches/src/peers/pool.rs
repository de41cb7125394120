//! One trait for all pools, so that a measurement has one text.

use std::fmt;

use clap::ValueEnum;
use executor_common::cpu::{CpuControl, SystemCpus};
use serde::Serialize;

use super::workers::Workers;
use crate::rounds::Kind;

/// The pools, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// No pool: the calling thread runs it at once
    None,
    /// This workspace's symmetric executor
    Smp,
    /// This workspace's asymmetric executor, with one role on all cores
    Amp,
    /// rayon
    Rayon,
    /// tokio
    Tokio,
    /// async-executor
    AsyncExecutor,
    /// async-executor's executor that is never dropped
    AsyncExecutorStatic,
    /// Threads that take boxed closures from a channel
    Channel,
}

impl PoolKind {
    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Smp => "smp",
            Self::Amp => "amp",
            Self::Rayon => "rayon",
            Self::Tokio => "tokio",
            Self::AsyncExecutor => "async-executor",
            Self::AsyncExecutorStatic => "async-executor-static",
            Self::Channel => "channel",
        }
    }
}

impl Kind for PoolKind {
    const OURS: Self = Self::Smp;

    /// A role cannot have more workers than cores.
    fn can_have(self, workers: usize) -> bool {
        self != Self::Amp || SystemCpus.allowed().is_ok_and(|allowed| allowed.len() >= workers)
    }
}

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A pool that runs closures.
///
/// Each method is one call of the peer's own. Pools that know futures only get the closure in one.
pub trait Pool: Sized + Sync + 'static {
    /// Who it is.
    const KIND: PoolKind;
    /// What a task needs to spawn further ones; nothing where the peer finds its pool by itself. Copying it costs no more than
    /// copying a pointer does: for some it points to something that is never freed, a few bytes for each pool.
    type Inside: Copy + Send + Sync + 'static;

    /// A pool with these workers. Its drop waits for their end.
    ///
    /// # Errors
    ///
    /// A thread cannot be created.
    fn build(workers: Workers) -> anyhow::Result<Self>;

    /// For tasks.
    fn inside(&self) -> Self::Inside;

    /// Queues a closure, from a thread that is none of the pool's.
    fn detach(&self, f: impl FnOnce() + Send + 'static);

    /// Queues a closure, from a task.
    fn detach_inside(inside: Self::Inside, f: impl FnOnce() + Send + 'static);

    /// How often its workers have been woken, where it tells.
    fn wakes(&self) -> Option<u64> {
        None
    }
}

/// A measurement of any pool, for [`PoolKind::measure`].
pub trait Measurement {
    /// What it gives.
    type Output;

    /// Measures.
    fn of<P: Pool>(self) -> Self::Output;
}

/// A pool whose tasks have results.
pub trait HandlePool: Pool {
    /// What stands for a task and its result.
    type Handle<T: Send + 'static>: Send + 'static;

    /// Queues a closure, from a thread that is none of the pool's.
    fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Self::Handle<T>;

    /// Queues a closure, from a task.
    fn spawn_inside<T: Send + 'static>(
        inside: Self::Inside,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Self::Handle<T>;

    /// Waits for the result, on a thread that is none of the pool's.
    ///
    /// # Panics
    ///
    /// If the task has panicked.
    fn join<T: Send + 'static>(handle: Self::Handle<T>) -> T;

    /// Queues a task that makes handles, waits for all of their results as tasks of this pool do, and hands on the sum.
    fn detach_joiner(
        &self,
        make: impl FnOnce() -> Vec<Self::Handle<u64>> + Send + 'static,
        then: impl FnOnce(u64) + Send + 'static,
    );
}

/// A pool that runs futures.
pub trait FuturePool: HandlePool {
    /// Queues a future, from a thread that is none of the pool's.
    fn spawn_future<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self::Handle<T>;

    /// As [`FuturePool::spawn_future`], without a handle.
    fn detach_future(&self, future: impl Future<Output = ()> + Send + 'static);

    /// As [`FuturePool::detach_future`], from a task.
    fn detach_future_inside(
        inside: Self::Inside,
        future: impl Future<Output = ()> + Send + 'static,
    );

    /// Waits for the result, as a task does.
    fn output<T: Send + 'static>(handle: Self::Handle<T>) -> impl Future<Output = T> + Send;

    /// Runs a future on the calling thread, which is none of the pool's.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// Lets others run first.
    fn yield_now() -> impl Future<Output = ()> + Send;
}
