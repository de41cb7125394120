//! One measurement.

use std::sync::Barrier;

use executor_common::sync::Arc;
use serde::{Deserialize, Serialize};

use super::bytes::{counted, restart_peak};
use crate::peers::{Countdown, FuturePool, Pool, Workers};

/// What is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Task {
    /// A closure that holds so many bytes.
    Closure(usize),
    /// A future that holds so many bytes, and is done at its first poll.
    Future(usize),
}

/// What a number of tasks took.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Queued {
    /// Bytes in use for each while all are queued.
    pub(super) bytes_per_task: f64,
    /// How often memory was asked for, for each.
    pub(super) allocations_per_task: f64,
    /// Bytes above those in use before, at most.
    pub(super) peak_bytes: usize,
    /// Bytes above those in use before, after all have run, the pool still there.
    pub(super) retained_bytes: usize,
}

/// Queues closures that hold `N` bytes and the counter's address.
pub(super) fn closures<P: Pool, const N: usize>(
    workers: usize,
    tasks: usize,
) -> anyhow::Result<Queued> {
    queue::<P>(workers, tasks, |pool, left| {
        let bytes = [0_u8; N];
        pool.detach(move || {
            std::hint::black_box(&bytes);
            left.done();
        });
    })
}

/// Queues futures that hold `N` bytes and the counter's address.
pub(super) fn futures<P: FuturePool, const N: usize>(
    workers: usize,
    tasks: usize,
) -> anyhow::Result<Queued> {
    queue::<P>(workers, tasks, |pool, left| {
        let bytes = [0_u8; N];
        pool.detach_future(async move {
            std::hint::black_box(&bytes);
            left.done();
        });
    })
}

fn queue<P: Pool>(
    workers: usize,
    tasks: usize,
    queue_one: impl Fn(&P, &'static Countdown),
) -> anyhow::Result<Queued> {
    let pool = P::build(Workers::unpinned(workers))?;
    let left = Countdown::leak();
    // What is made once, at the first use, is no task's.
    let burst = |count: usize| {
        let held = Arc::new(Barrier::new(2));
        let let_go = Arc::new(Barrier::new(workers + 1));
        for _ in 0..workers {
            let worker_held = Arc::clone(&held);
            let worker_let_go = Arc::clone(&let_go);
            pool.detach(move || {
                worker_held.wait();
                worker_let_go.wait();
            });
            // One after the other: a worker that is blocked may have taken the next one out of the queue already, and not all
            // pools would then tell the others.
            held.wait();
        }
        left.set(count);
        restart_peak();
        let before = counted();
        for _ in 0..count {
            queue_one(&pool, left);
        }
        let queued = counted();
        let_go.wait();
        left.wait();
        (before, queued)
    };
    burst(1);
    let (before, queued) = burst(tasks);
    // Each worker has put its last task away when it takes up one of these.
    let (after, _) = burst(1);
    let above = |bytes: usize| bytes.saturating_sub(before.in_use);
    Ok(Queued {
        bytes_per_task: above(queued.in_use) as f64 / tasks as f64,
        allocations_per_task: (queued.allocations - before.allocations) as f64 / tasks as f64,
        peak_bytes: above(queued.peak),
        retained_bytes: above(after.in_use),
    })
}
