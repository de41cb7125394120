//! A shape on a pool.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use executor_common::sync::atomic::Ordering;

use super::PEERS;
use super::background::Background;
use super::shape::{Board, Shape, Size};
use crate::peers::{
    AsyncExecutor, AsyncExecutorStatic, FuturePool, Pool, PoolKind, Smp, Tokio, Workers,
};
use crate::rounds::{AnyProgram, Contender, Prepared, Target};

/// One shape.
#[derive(Clone, Copy, Debug)]
pub struct FuturesProgram {
    /// Which one.
    pub shape: Shape,
    /// How many futures.
    pub size: Size,
}

impl AnyProgram<PoolKind> for FuturesProgram {
    fn name(&self) -> String {
        self.shape.name().to_owned()
    }

    fn operations(&self) -> u64 {
        self.shape.futures(self.size) * self.shape.yields(self.size).max(1)
    }

    fn suits(&self, peer: PoolKind) -> bool {
        PEERS.contains(&peer)
    }

    /// The second one is "not worse", within what can be measured.
    fn targets(&self, _workers: usize) -> Vec<Target<PoolKind>> {
        let of_tokio = if self.shape == Shape::YieldMany { 1.0 } else { 0.7 };
        vec![
            Target::at_most(of_tokio, PoolKind::Tokio),
            Target::at_most(1.05, PoolKind::AsyncExecutorStatic),
        ]
    }

    fn prepare(&self) -> Box<dyn Prepared<PoolKind> + Send + '_> {
        // Never freed, so that futures need not count who holds it.
        Box::new(WithBoard { program: *self, board: Box::leak(Box::default()) })
    }
}

struct WithBoard {
    program: FuturesProgram,
    board: &'static Board,
}

impl WithBoard {
    fn on_pool_of<P: FuturePool>(&self, workers: Workers) -> anyhow::Result<Box<dyn Contender>> {
        let (program, board) = (self.program, self.board);
        let pool = P::build(workers)?;
        let background = Background::start(program.shape, &pool, &board.background, workers.count);
        Ok(Box::new(OnPool { _background: background, pool, program, board, has_run: false }))
    }
}

impl Prepared<PoolKind> for WithBoard {
    fn takes(&mut self) -> anyhow::Result<Duration> {
        let operation = match self.program.shape {
            Shape::SpawnManyLocal | Shape::SpawnManyRemoteIdle | Shape::ChainedSpawn => 300,
            Shape::PingPong => 700,
            Shape::SpawnManyRemoteBusy1 => 1_000,
            Shape::SpawnManyRemoteBusy2 => 10_000,
            Shape::YieldMany => 50,
        };
        Ok(Duration::from_nanos(operation * self.program.operations()))
    }

    fn on(&mut self, peer: PoolKind, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>> {
        match peer {
            PoolKind::Smp => self.on_pool_of::<Smp>(workers),
            PoolKind::Tokio => self.on_pool_of::<Tokio>(workers),
            PoolKind::AsyncExecutor => self.on_pool_of::<AsyncExecutor>(workers),
            PoolKind::AsyncExecutorStatic => self.on_pool_of::<AsyncExecutorStatic>(workers),
            PoolKind::None | PoolKind::Amp | PoolKind::Rayon | PoolKind::Channel => {
                bail!("{peer} takes no part in this")
            }
        }
    }
}

struct OnPool<P: Pool> {
    /// Before the pool: it waits for its futures.
    _background: Background,
    pool: P,
    program: FuturesProgram,
    board: &'static Board,
    has_run: bool,
}

impl<P: FuturePool> Contender for OnPool<P> {
    fn time(&mut self, runs: u64, _depth: usize) -> Duration {
        let FuturesProgram { shape, size } = self.program;
        let start = Instant::now();
        for _ in 0..runs {
            shape.run(&self.pool, self.board, size);
        }
        self.has_run = true;
        start.elapsed()
    }

    fn check(&self) -> anyhow::Result<()> {
        let FuturesProgram { shape, size } = self.program;
        let who = format!("{} on {}", shape.name(), P::KIND);
        ensure!(self.has_run, "{who} has not run");
        ensure!(self.board.left.is_over(), "{who}: a future has reported more than once");
        // Ordering: Relaxed. The run's end has been waited for on this thread.
        let sum = self.board.sum.load(Ordering::Relaxed);
        let expected = shape.expected_sum(size);
        ensure!(sum == expected, "{who}: the sum is {sum}, not {expected}");
        Ok(())
    }
}
