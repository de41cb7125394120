//! A shape on a pool.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use executor_common::sync::atomic::Ordering;

use super::PEERS;
use super::shape::{Board, Shape};
use crate::peers::{
    Amp, AsyncExecutor, AsyncExecutorStatic, ChannelPool, HandlePool, Pool, PoolKind, Rayon, Smp,
    Tokio, Workers,
};
use crate::rounds::{AnyProgram, Contender, Prepared, Target};

/// What a task takes, about.
const TASK_NS: u64 = 200;

/// A number of tasks of one shape.
#[derive(Clone, Copy, Debug)]
pub struct SpawnProgram {
    /// Who spawns whom.
    pub shape: Shape,
    /// Whether there is a handle for each, whose result is taken.
    pub joined: bool,
    /// Of one run.
    pub tasks: u64,
}

impl AnyProgram<PoolKind> for SpawnProgram {
    fn name(&self) -> String {
        format!("{}{}", self.shape.name(), if self.joined { "_joined" } else { "" })
    }

    fn operations(&self) -> u64 {
        self.tasks
    }

    fn suits(&self, peer: PoolKind) -> bool {
        PEERS.contains(&peer) && (peer != PoolKind::Amp || self.tasks < Amp::CAPACITY as u64)
    }

    fn targets(&self, workers: usize) -> Vec<Target<PoolKind>> {
        let of_rayon = match (self.shape, workers) {
            (Shape::Inside, 1) => 0.75,
            (Shape::Inside, _) => 0.6,
            (Shape::Outside, _) => 0.85,
            (Shape::Chain, _) => 0.8,
        };
        vec![Target::at_most(of_rayon, PoolKind::Rayon), Target::at_most(0.5, PoolKind::Tokio)]
    }

    fn prepare(&self) -> Box<dyn Prepared<PoolKind> + Send + '_> {
        // Never freed, so that tasks need not count who holds it.
        Box::new(WithBoard { program: *self, board: Box::leak(Box::default()) })
    }
}

struct WithBoard {
    program: SpawnProgram,
    board: &'static Board,
}

impl WithBoard {
    fn detached<P: Pool>(&self, workers: Workers) -> anyhow::Result<Box<dyn Contender>> {
        let run = |pool: &P, board, SpawnProgram { shape, tasks, .. }| {
            shape.detached(pool, board, tasks);
        };
        self.on_pool_of(workers, run, false)
    }

    fn with_handles<P: HandlePool>(&self, workers: Workers) -> anyhow::Result<Box<dyn Contender>> {
        if !self.program.joined {
            return self.detached::<P>(workers);
        }
        let run = |pool: &P, board, SpawnProgram { shape, tasks, .. }| {
            shape.joined(pool, board, tasks);
        };
        self.on_pool_of(workers, run, true)
    }

    fn on_pool_of<P: Pool>(
        &self,
        workers: Workers,
        run: fn(&P, &'static Board, SpawnProgram),
        results: bool,
    ) -> anyhow::Result<Box<dyn Contender>> {
        let (program, board) = (self.program, self.board);
        let pool = P::build(workers)?;
        Ok(Box::new(OnPool { pool, program, board, run, results, has_run: false }))
    }
}

impl Prepared<PoolKind> for WithBoard {
    fn takes(&mut self) -> anyhow::Result<Duration> {
        Ok(Duration::from_nanos(TASK_NS * self.program.tasks))
    }

    fn on(&mut self, peer: PoolKind, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>> {
        match peer {
            PoolKind::Smp => self.with_handles::<Smp>(workers),
            PoolKind::Amp => self.with_handles::<Amp>(workers),
            PoolKind::Tokio => self.with_handles::<Tokio>(workers),
            PoolKind::AsyncExecutor => self.with_handles::<AsyncExecutor>(workers),
            PoolKind::AsyncExecutorStatic => self.with_handles::<AsyncExecutorStatic>(workers),
            PoolKind::Rayon => self.detached::<Rayon>(workers),
            PoolKind::Channel => self.detached::<ChannelPool>(workers),
            PoolKind::None => bail!("without a pool nothing is spawned"),
        }
    }
}

struct OnPool<P> {
    pool: P,
    program: SpawnProgram,
    board: &'static Board,
    run: fn(&P, &'static Board, SpawnProgram),
    /// Whether the tasks return something.
    results: bool,
    has_run: bool,
}

impl<P: Pool> Contender for OnPool<P> {
    fn time(&mut self, runs: u64, _depth: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..runs {
            (self.run)(&self.pool, self.board, self.program);
        }
        self.has_run = true;
        start.elapsed()
    }

    fn check(&self) -> anyhow::Result<()> {
        let SpawnProgram { tasks, .. } = self.program;
        let who = format!("{} on {}", self.program.name(), P::KIND);
        ensure!(self.has_run, "{who} has not run");
        ensure!(self.board.left.is_over(), "{who}: a task has run more than once");
        if self.results {
            // Ordering: Relaxed. `time` has stored it on this thread.
            let sum = self.board.sum.load(Ordering::Relaxed);
            let expected = tasks * (tasks - 1) / 2;
            ensure!(sum == expected, "{who}: the results' sum is {sum}, not {expected}");
        }
        Ok(())
    }
}
