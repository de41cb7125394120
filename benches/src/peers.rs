//! The executors that are measured beside each other, made alike: so many workers, nothing else chosen.
//!
//! | peer | what it is |
//! |---|---|
//! | [`Smp`], [`Amp`] | this workspace's executors |
//! | [`Rayon`] | rayon's thread pool |
//! | [`Tokio`] | tokio's multi-thread runtime |
//! | [`AsyncExecutorPool`] | async-executor, which brings no threads, with threads that run it: the ordinary one and the one that is never dropped |
//! | [`ChannelPool`] | what one would write by hand: threads that take boxed closures from a channel |
//! | [`NoPool`] | what the measurement costs by itself |
//! | [`chili_pool`] | chili's thread pool, whose caller is one of the workers, for fork-join alone |
//!
//! | what they share | |
//! |---|---|
//! | [`Pool`], [`HandlePool`], [`FuturePool`] | what a measurement calls: closures, results, futures |
//! | [`Workers`] | how many, and whether they are pinned |
//! | [`Countdown`] | how the measurements wait for a number of tasks, the same for all |

mod amp;
mod async_executor_pool;
mod channel_pool;
mod countdown;
mod no_pool;
mod pool;
mod rayon_pool;
mod runners;
mod smp;
mod tokio_pool;
mod workers;

use std::num::NonZero;

pub use amp::Amp;
pub use async_executor_pool::{AsyncExecutorPool, Flavour};
pub use channel_pool::ChannelPool;
pub use countdown::Countdown;
pub use no_pool::NoPool;
pub use pool::{FuturePool, HandlePool, Measurement, Pool, PoolKind};
pub use rayon_pool::Rayon;
pub use smp::Smp;
pub use tokio_pool::Tokio;
pub(crate) use workers::Cpus;
pub use workers::Workers;

/// async-executor's ordinary executor.
pub type AsyncExecutor = AsyncExecutorPool<async_executor::Executor<'static>>;

/// async-executor's executor that is never dropped.
pub type AsyncExecutorStatic = AsyncExecutorPool<async_executor::StaticExecutor>;

impl PoolKind {
    /// Measures the pool of this name.
    pub fn measure<M: Measurement>(self, measurement: M) -> M::Output {
        match self {
            Self::None => measurement.of::<NoPool>(),
            Self::Smp => measurement.of::<Smp>(),
            Self::Amp => measurement.of::<Amp>(),
            Self::Rayon => measurement.of::<Rayon>(),
            Self::Tokio => measurement.of::<Tokio>(),
            Self::AsyncExecutor => measurement.of::<AsyncExecutor>(),
            Self::AsyncExecutorStatic => measurement.of::<AsyncExecutorStatic>(),
            Self::Channel => measurement.of::<ChannelPool>(),
        }
    }
}

/// A rayon pool.
///
/// # Errors
///
/// A thread cannot be created.
pub fn rayon_pool(workers: usize) -> anyhow::Result<rayon::ThreadPool> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(workers).build()?)
}

/// A chili pool. The thread that opens a scope on it is one of the `workers`; its heartbeat thread comes on top.
///
/// # Panics
///
/// If `workers` is zero, or a thread cannot be created.
pub fn chili_pool(workers: usize) -> chili::ThreadPool {
    let thread_count = NonZero::new(workers);
    assert!(thread_count.is_some(), "a pool without workers");
    chili::ThreadPool::with_config(chili::Config { thread_count, ..Default::default() })
}
