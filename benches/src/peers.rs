//! Other people's pools, made alike: so many workers, nothing else chosen.
//!
//! | peer | what it is |
//! |---|---|
//! | [`rayon_pool`] | rayon's thread pool |
//! | [`chili_pool`] | chili's thread pool, whose caller is one of the workers |
//! | [`tokio_runtime`] | tokio's multi-thread runtime |
//! | [`AsyncExecutorPool`] | async-executor, which brings no threads, with threads that run it |
//! | [`ChannelPool`] | what one would write by hand: threads that take boxed closures from a channel |
//! | [`Countdown`] | how the measurements wait for a number of tasks, the same for all |

mod async_executor_pool;
mod channel_pool;
mod countdown;

use std::num::NonZero;

pub use async_executor_pool::AsyncExecutorPool;
pub use channel_pool::ChannelPool;
pub use countdown::Countdown;

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

/// A tokio runtime without its I/O and time drivers.
///
/// # Errors
///
/// A thread cannot be created.
pub fn tokio_runtime(workers: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build()?)
}
