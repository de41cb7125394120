//! Whom the programs run on.

use std::fmt;
use std::ops::Range;

use clap::ValueEnum;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::Serialize;
use smp_executor::SmpExecutor;

use crate::peers::{self, Cpus, Workers};
use crate::rounds::Kind;

/// The contenders, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PeerKind {
    /// One branch after the other, by plain calls
    Serial,
    /// This workspace's symmetric executor
    Smp,
    /// rayon
    Rayon,
    /// chili
    Chili,
}

impl PeerKind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Serial, Self::Smp, Self::Rayon, Self::Chili];

    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Smp => "smp",
            Self::Rayon => "rayon",
            Self::Chili => "chili",
        }
    }
}

impl Kind for PeerKind {
    const OURS: Self = Self::Smp;
}

impl fmt::Display for PeerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One contender: a pool, and what the programs call on it.
///
/// All that a program does goes through here, so that every peer runs the same text. Each method is one inlined call
/// of the peer's own; what the compiler makes of `fib` is then, instruction by instruction, what it makes of the
/// function written by hand.
pub trait Peer: Sized + 'static {
    /// Who it is.
    const KIND: PeerKind;
    /// Its threads.
    type Pool;
    /// What the peer passes from fork to fork; empty for those that find their worker by themselves.
    type Scope<'s>;

    /// A pool with these workers. Where they are pinned, the calling thread may be too from then on.
    ///
    /// # Errors
    ///
    /// A thread cannot be created or pinned.
    fn pool(workers: Workers) -> anyhow::Result<Self::Pool>;

    /// Runs `f` where the peer's forks cost least: on a worker of the pool.
    fn install<R: Send>(
        pool: &Self::Pool,
        f: impl for<'s> FnOnce(&mut Self::Scope<'s>) -> R + Send,
    ) -> R;

    /// Runs both, perhaps at once. The calling worker runs `a` and may lose `b` to another.
    fn join<A, B, RA, RB>(scope: &mut Self::Scope<'_>, a: A, b: B) -> (RA, RB)
    where
        A: for<'s> FnOnce(&mut Self::Scope<'s>) -> RA + Send,
        B: for<'s> FnOnce(&mut Self::Scope<'s>) -> RB + Send,
        RA: Send,
        RB: Send;

    /// Calls `f` with every element. Peers without loops halve the slice down to [`GRAIN`] elements.
    fn for_each<T: Send>(
        scope: &mut Self::Scope<'_>,
        list: &mut [T],
        f: impl Fn(&mut T) + Send + Sync,
    ) {
        for_each_by_halves::<Self, T>(scope, list, &f);
    }

    /// Adds up what `f` returns for every number below `count`. Peers without loops halve the range down to [`GRAIN`]
    /// numbers.
    fn sum(
        scope: &mut Self::Scope<'_>,
        count: usize,
        f: impl Fn(usize) -> u64 + Send + Sync,
    ) -> u64 {
        sum_by_halves::<Self>(scope, 0..count, &f)
    }

    /// Sorts with the library's own sort. Peers without one take the standard library's.
    fn sort(list: &mut [u32]) {
        list.sort_unstable();
    }
}

/// Elements that a peer without loops takes at a time: few enough that slow ones can be shared, and enough that forking is
/// no burden for fast ones.
pub const GRAIN: usize = 16;

fn for_each_by_halves<P: Peer, T: Send>(
    scope: &mut P::Scope<'_>,
    list: &mut [T],
    f: &(impl Fn(&mut T) + Send + Sync),
) {
    if list.len() <= GRAIN {
        return list.iter_mut().for_each(f);
    }
    let (left, right) = list.split_at_mut(list.len() / 2);
    P::join(
        scope,
        |scope| for_each_by_halves::<P, T>(scope, left, f),
        |scope| for_each_by_halves::<P, T>(scope, right, f),
    );
}

fn sum_by_halves<P: Peer>(
    scope: &mut P::Scope<'_>,
    range: Range<usize>,
    f: &(impl Fn(usize) -> u64 + Send + Sync),
) -> u64 {
    if range.len() <= GRAIN {
        return range.map(f).sum();
    }
    let middle = range.start + range.len() / 2;
    let (left, right) = P::join(
        scope,
        |scope| sum_by_halves::<P>(scope, range.start..middle, f),
        |scope| sum_by_halves::<P>(scope, middle..range.end, f),
    );
    left + right
}

/// No pool at all: the floor.
#[derive(Debug)]
pub struct Serial;

impl Peer for Serial {
    const KIND: PeerKind = PeerKind::Serial;
    type Pool = ();
    type Scope<'s> = ();

    fn pool(workers: Workers) -> anyhow::Result<()> {
        if workers.pinned {
            Cpus::allowed()?.pin_calling_thread(0)?;
        }
        Ok(())
    }

    fn install<R: Send>((): &(), f: impl for<'s> FnOnce(&mut ()) -> R + Send) -> R {
        f(&mut ())
    }

    #[inline(always)]
    fn join<A, B, RA, RB>((): &mut (), a: A, b: B) -> (RA, RB)
    where
        A: for<'s> FnOnce(&mut ()) -> RA + Send,
        B: for<'s> FnOnce(&mut ()) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        (a(&mut ()), b(&mut ()))
    }

    fn for_each<T: Send>((): &mut (), list: &mut [T], f: impl Fn(&mut T) + Send + Sync) {
        list.iter_mut().for_each(f);
    }

    fn sum((): &mut (), count: usize, f: impl Fn(usize) -> u64 + Send + Sync) -> u64 {
        (0..count).map(f).sum()
    }
}

/// This workspace's symmetric executor.
#[derive(Debug)]
pub struct Smp;

impl Peer for Smp {
    const KIND: PeerKind = PeerKind::Smp;
    type Pool = SmpExecutor;
    type Scope<'s> = ();

    fn pool(workers: Workers) -> anyhow::Result<SmpExecutor> {
        Ok(SmpExecutor::builder().workers(workers.count).pin_workers(workers.pinned).build()?)
    }

    fn install<R: Send>(pool: &SmpExecutor, f: impl for<'s> FnOnce(&mut ()) -> R + Send) -> R {
        pool.install(|| f(&mut ()))
    }

    #[inline(always)]
    fn join<A, B, RA, RB>((): &mut (), a: A, b: B) -> (RA, RB)
    where
        A: for<'s> FnOnce(&mut ()) -> RA + Send,
        B: for<'s> FnOnce(&mut ()) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        smp_executor::join(|| a(&mut ()), || b(&mut ()))
    }

    fn for_each<T: Send>((): &mut (), list: &mut [T], f: impl Fn(&mut T) + Send + Sync) {
        smp_executor::for_each(list, f);
    }

    fn sum((): &mut (), count: usize, f: impl Fn(usize) -> u64 + Send + Sync) -> u64 {
        smp_executor::map_reduce(0..count, || 0, f, |a, b| a + b)
    }

    fn sort(list: &mut [u32]) {
        smp_executor::sort(list);
    }
}

/// rayon.
#[derive(Debug)]
pub struct Rayon;

impl Peer for Rayon {
    const KIND: PeerKind = PeerKind::Rayon;
    type Pool = rayon::ThreadPool;
    type Scope<'s> = ();

    fn pool(workers: Workers) -> anyhow::Result<rayon::ThreadPool> {
        if !workers.pinned {
            return peers::rayon_pool(workers.count);
        }
        let cpus = Cpus::allowed()?;
        let pin = move |worker| {
            if let Err(error) = cpus.pin_calling_thread(worker) {
                eprintln!("rayon's worker {worker} is not pinned: {error}");
            }
        };
        Ok(ThreadPoolBuilder::new().num_threads(workers.count).start_handler(pin).build()?)
    }

    fn install<R: Send>(
        pool: &rayon::ThreadPool,
        f: impl for<'s> FnOnce(&mut ()) -> R + Send,
    ) -> R {
        pool.install(|| f(&mut ()))
    }

    #[inline(always)]
    fn join<A, B, RA, RB>((): &mut (), a: A, b: B) -> (RA, RB)
    where
        A: for<'s> FnOnce(&mut ()) -> RA + Send,
        B: for<'s> FnOnce(&mut ()) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        rayon::join(|| a(&mut ()), || b(&mut ()))
    }

    fn for_each<T: Send>((): &mut (), list: &mut [T], f: impl Fn(&mut T) + Send + Sync) {
        list.par_iter_mut().for_each(f);
    }

    fn sum((): &mut (), count: usize, f: impl Fn(usize) -> u64 + Send + Sync) -> u64 {
        (0..count).into_par_iter().map(f).sum()
    }

    fn sort(list: &mut [u32]) {
        list.par_sort_unstable();
    }
}

/// chili. The calling thread is one of its workers, and it has no loops and no sort.
#[derive(Debug)]
pub struct Chili;

impl Peer for Chili {
    const KIND: PeerKind = PeerKind::Chili;
    type Pool = chili::ThreadPool;
    type Scope<'s> = chili::Scope<'s>;

    /// chili's threads cannot be told where to run, but they begin where their maker is bound to. That pins the second
    /// worker, and the heartbeat thread with it; with more than two workers only the calling thread is pinned.
    fn pool(workers: Workers) -> anyhow::Result<chili::ThreadPool> {
        if !workers.pinned {
            return Ok(peers::chili_pool(workers.count));
        }
        let cpus = Cpus::allowed()?;
        if workers.count <= 2 {
            cpus.pin_calling_thread(1)?;
        }
        let pool = peers::chili_pool(workers.count);
        cpus.pin_calling_thread(0)?;
        Ok(pool)
    }

    fn install<R: Send>(
        pool: &chili::ThreadPool,
        f: impl for<'s> FnOnce(&mut chili::Scope<'s>) -> R + Send,
    ) -> R {
        f(&mut pool.scope())
    }

    /// chili runs its second branch first and shares the first, so they trade places.
    #[inline(always)]
    fn join<A, B, RA, RB>(scope: &mut chili::Scope<'_>, a: A, b: B) -> (RA, RB)
    where
        A: for<'s> FnOnce(&mut chili::Scope<'s>) -> RA + Send,
        B: for<'s> FnOnce(&mut chili::Scope<'s>) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        let (b, a) = scope.join(|scope| b(scope), |scope| a(scope));
        (a, b)
    }
}
