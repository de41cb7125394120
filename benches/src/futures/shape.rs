//! The seven shapes.

use executor_common::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

use crate::peers::{Countdown, FuturePool};

/// One of tokio's shapes; see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Spawned inside `block_on`.
    SpawnManyLocal,
    /// Spawned outside, onto a pool at rest.
    SpawnManyRemoteIdle,
    /// Spawned outside, onto a pool whose futures yield.
    SpawnManyRemoteBusy1,
    /// Spawned outside, onto a pool whose futures spawn.
    SpawnManyRemoteBusy2,
    /// Many yields.
    YieldMany,
    /// Pairs that wait for each other.
    PingPong,
    /// Each spawned by the one before.
    ChainedSpawn,
}

/// How many futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As many as tokio takes.
    Full,
    /// A few: shows that it runs, and measures nothing.
    Small,
}

/// What the futures report to.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) left: Countdown,
    /// The background's own.
    pub(super) background: Countdown,
    /// Of what the futures did or returned.
    pub(super) sum: AtomicU64,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::SpawnManyLocal,
        Self::SpawnManyRemoteIdle,
        Self::SpawnManyRemoteBusy1,
        Self::SpawnManyRemoteBusy2,
        Self::YieldMany,
        Self::PingPong,
        Self::ChainedSpawn,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SpawnManyLocal => "spawn_many_local",
            Self::SpawnManyRemoteIdle => "spawn_many_remote_idle",
            Self::SpawnManyRemoteBusy1 => "spawn_many_remote_busy1",
            Self::SpawnManyRemoteBusy2 => "spawn_many_remote_busy2",
            Self::YieldMany => "yield_many",
            Self::PingPong => "ping_pong",
            Self::ChainedSpawn => "chained_spawn",
        }
    }

    /// Futures of one run; of pairs, how many pairs.
    pub(super) const fn futures(self, size: Size) -> u64 {
        let full = match self {
            Self::SpawnManyLocal | Self::SpawnManyRemoteIdle | Self::SpawnManyRemoteBusy1 => 10_000,
            Self::SpawnManyRemoteBusy2 | Self::PingPong | Self::ChainedSpawn => 1_000,
            Self::YieldMany => 200,
        };
        match size {
            Size::Full => full,
            Size::Small => full / 100,
        }
    }

    /// How often each of them yields.
    pub(super) const fn yields(self, size: Size) -> u64 {
        match (self, size) {
            (Self::YieldMany, Size::Full) => 1_000,
            (Self::YieldMany, Size::Small) => 10,
            _ => 0,
        }
    }

    /// What the sum is after a run.
    pub(super) const fn expected_sum(self, size: Size) -> u64 {
        let futures = self.futures(size);
        match self {
            Self::SpawnManyLocal => 0,
            Self::SpawnManyRemoteIdle | Self::SpawnManyRemoteBusy1 | Self::SpawnManyRemoteBusy2 => {
                futures * (futures - 1) / 2
            }
            Self::YieldMany => futures * self.yields(size),
            Self::PingPong => futures * (futures + 1) / 2,
            Self::ChainedSpawn => futures,
        }
    }

    /// Runs it to its end, and leaves its sum on the board.
    pub(super) fn run<P: FuturePool>(self, pool: &P, board: &'static Board, size: Size) {
        let Board { left, sum, .. } = board;
        let futures = self.futures(size);
        let inside = pool.inside();
        // Ordering: Relaxed here and below; spawning publishes it, and the reports order what the futures add.
        sum.store(0, Ordering::Relaxed);
        match self {
            Self::SpawnManyLocal => {
                left.set(futures as usize);
                pool.block_on(async {
                    for _ in 0..futures {
                        pool.detach_future(async { left.done() });
                    }
                    // tokio's blocks here too.
                    left.wait();
                });
            }
            Self::SpawnManyRemoteIdle | Self::SpawnManyRemoteBusy1 | Self::SpawnManyRemoteBusy2 => {
                let handles: Vec<_> =
                    (0..futures).map(|number| pool.spawn_future(async move { number })).collect();
                let total = pool.block_on(async {
                    let mut total = 0;
                    for handle in handles {
                        total += P::output(handle).await;
                    }
                    total
                });
                sum.store(total, Ordering::Relaxed);
            }
            Self::YieldMany => {
                left.set(futures as usize);
                let yields = self.yields(size);
                for _ in 0..futures {
                    pool.detach_future(async move {
                        let mut yielded = 0;
                        while yielded < yields {
                            P::yield_now().await;
                            yielded += 1;
                        }
                        sum.fetch_add(yielded, Ordering::Relaxed);
                        left.done();
                    });
                }
                left.wait();
            }
            Self::PingPong => {
                left.set(futures as usize);
                pool.detach_future(async move {
                    for number in 1..=futures {
                        P::detach_future_inside(inside, ping::<P>(inside, board, number));
                    }
                });
                left.wait();
            }
            Self::ChainedSpawn => {
                left.set(1);
                pool.detach_future(async move { chain::<P>(inside, board, futures, 0) });
                left.wait();
            }
        }
    }
}

/// Spawns its partner, and plays one exchange with it.
async fn ping<P: FuturePool>(inside: P::Inside, board: &'static Board, number: u64) {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    P::detach_future_inside(inside, async move {
        let number: u64 = pinged.await.unwrap_or_default();
        // Whoever waits for it sees that it is missing.
        let _ = pong.send(number);
    });
    let _ = ping.send(number);
    let number = ponged.await.unwrap_or_default();
    // Ordering: Relaxed, see `run`.
    board.sum.fetch_add(number, Ordering::Relaxed);
    board.left.done();
}

/// Spawns a future that spawns the next one, so many in all.
fn chain<P: FuturePool>(inside: P::Inside, board: &'static Board, length: u64, spawned: u64) {
    if spawned < length {
        P::detach_future_inside(inside, async move {
            chain::<P>(inside, board, length, spawned + 1);
        });
    } else {
        // Ordering: Relaxed, see `run`.
        board.sum.store(spawned, Ordering::Relaxed);
        board.left.done();
    }
}
