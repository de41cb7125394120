//! The chain, and how it gets to a peer.

use std::fmt::Debug;
use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::peer::PeerKind;
use crate::fork_join::{Peer, Rayon, Serial, Smp};
use crate::peers::Workers;
use crate::rounds::{AnyProgram, Contender, Prepared, Target, deeper};

/// What is wanted in comparison with rayon.
const LIMIT: f64 = 1.1;

/// What is computed from each number.
pub trait Item: Debug + Send + Sync + 'static {
    /// As the tables write it.
    const NAME: &'static str;

    /// The computation.
    fn map(n: u64) -> u64;
}

/// A multiplication: about 1 ns with the filter.
#[derive(Debug)]
pub struct Cheap;

impl Item for Cheap {
    const NAME: &'static str = "cheap";

    #[inline(always)]
    fn map(n: u64) -> u64 {
        n.wrapping_mul(7)
    }
}

/// 20 rounds of a hash for half of the numbers, twice as many for half of the rest, and so on to 20,480.
#[derive(Debug)]
pub struct Uneven;

impl Item for Uneven {
    const NAME: &'static str = "uneven";

    #[inline(always)]
    fn map(n: u64) -> u64 {
        let mut hash = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..20 << (hash >> 32).trailing_zeros().min(10) {
            hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
        }
        hash
    }
}

fn keep(n: &u64) -> bool {
    !n.is_multiple_of(3)
}

/// `par_iter().map().filter().reduce()` over so many numbers.
#[derive(Debug)]
pub struct Chain<I> {
    count: u64,
    _item: PhantomData<I>,
}

impl<I: Item> Chain<I> {
    /// Over the numbers below `count`.
    pub fn new(count: u64) -> Self {
        Self { count, _item: PhantomData }
    }
}

impl<I: Item> AnyProgram<PeerKind> for Chain<I> {
    fn name(&self) -> String {
        format!("{}({})", I::NAME, self.count)
    }

    fn suits(&self, _: PeerKind) -> bool {
        true
    }

    fn targets(&self, _workers: usize) -> Vec<Target<PeerKind>> {
        vec![Target::at_most(LIMIT, PeerKind::Rayon)]
    }

    fn prepare(&self) -> Box<dyn Prepared<PeerKind> + Send + '_> {
        Box::new(Numbers::<I> { list: (0..self.count).collect(), _item: PhantomData })
    }
}

struct Numbers<I> {
    list: Vec<u64>,
    _item: PhantomData<I>,
}

impl<I: Item> Numbers<I> {
    fn on_pool_of<'a, P: Peer>(
        &'a self,
        workers: Workers,
        sum: fn(&[u64]) -> u64,
    ) -> anyhow::Result<Box<dyn Contender + 'a>> {
        let pool = P::pool(workers)?;
        let expected = serial::<I>(&self.list);
        Ok(Box::new(OnPool::<P> { pool, list: &self.list, sum, expected, output: None }))
    }
}

fn serial<I: Item>(list: &[u64]) -> u64 {
    list.iter().map(|n| I::map(*n)).filter(keep).fold(0, u64::wrapping_add)
}

fn paralight<I: Item>(list: &[u64]) -> u64 {
    use paralight::prelude::*;
    let chain = list.par_iter().map(|n| I::map(*n)).filter(keep);
    chain.with_thread_pool(smp_executor::CurrentPool).reduce(|| 0, u64::wrapping_add)
}

fn rayon<I: Item>(list: &[u64]) -> u64 {
    use rayon::prelude::*;
    list.par_iter().map(|n| I::map(*n)).filter(keep).reduce(|| 0, u64::wrapping_add)
}

fn map_reduce<I: Item>(list: &[u64]) -> u64 {
    let kept = |n: &u64| Some(I::map(*n)).filter(keep).unwrap_or(0);
    smp_executor::map_reduce(list, || 0, kept, u64::wrapping_add)
}

impl<I: Item> Prepared<PeerKind> for Numbers<I> {
    fn takes(&mut self) -> anyhow::Result<Duration> {
        let mut serial = self.on(PeerKind::Serial, Workers::unpinned(1))?;
        Ok(serial.time(1, 0).min(serial.time(1, 0)))
    }

    fn on(&mut self, peer: PeerKind, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>> {
        match peer {
            PeerKind::Serial => self.on_pool_of::<Serial>(workers, serial::<I>),
            PeerKind::Smp => self.on_pool_of::<Smp>(workers, paralight::<I>),
            PeerKind::MapReduce => self.on_pool_of::<Smp>(workers, map_reduce::<I>),
            PeerKind::Rayon => self.on_pool_of::<Rayon>(workers, rayon::<I>),
        }
    }
}

struct OnPool<'a, P: Peer> {
    pool: P::Pool,
    list: &'a [u64],
    sum: fn(&[u64]) -> u64,
    expected: u64,
    output: Option<u64>,
}

impl<P: Peer> Contender for OnPool<'_, P> {
    fn time(&mut self, runs: u64, depth: usize) -> Duration {
        let (list, sum) = (self.list, self.sum);
        let timed = || {
            let start = Instant::now();
            let mut output = None;
            for _ in 0..runs {
                output = Some(black_box(sum(black_box(list))));
            }
            (start.elapsed(), output)
        };
        let (taken, output) = P::install(&self.pool, |_| deeper(depth, timed));
        self.output = output;
        taken
    }

    fn check(&self) -> anyhow::Result<()> {
        let output = self.output.context("it has not run")?;
        ensure!(output == self.expected, "the result is {output}, not {}", self.expected);
        Ok(())
    }
}
