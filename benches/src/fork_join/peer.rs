//! Whom the programs run on.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use smp_executor::SmpExecutor;

use crate::peers;

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
pub trait Peer: 'static {
    /// Who it is.
    const KIND: PeerKind;
    /// Its threads.
    type Pool;
    /// What the peer passes from fork to fork; empty for those that find their worker by themselves.
    type Scope<'s>;

    /// A pool with so many workers, the calling thread included where it takes part.
    ///
    /// # Errors
    ///
    /// A thread cannot be created.
    fn pool(workers: usize) -> anyhow::Result<Self::Pool>;

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
}

/// No pool at all: the floor.
#[derive(Debug)]
pub struct Serial;

impl Peer for Serial {
    const KIND: PeerKind = PeerKind::Serial;
    type Pool = ();
    type Scope<'s> = ();

    fn pool(_workers: usize) -> anyhow::Result<()> {
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
}

/// This workspace's symmetric executor.
#[derive(Debug)]
pub struct Smp;

impl Peer for Smp {
    const KIND: PeerKind = PeerKind::Smp;
    type Pool = SmpExecutor;
    type Scope<'s> = ();

    fn pool(workers: usize) -> anyhow::Result<SmpExecutor> {
        Ok(SmpExecutor::builder().workers(workers).build()?)
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
}

/// rayon.
#[derive(Debug)]
pub struct Rayon;

impl Peer for Rayon {
    const KIND: PeerKind = PeerKind::Rayon;
    type Pool = rayon::ThreadPool;
    type Scope<'s> = ();

    fn pool(workers: usize) -> anyhow::Result<rayon::ThreadPool> {
        peers::rayon_pool(workers)
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
}

/// chili. The calling thread is one of its workers, and it has no loops and no sort.
#[derive(Debug)]
pub struct Chili;

impl Peer for Chili {
    const KIND: PeerKind = PeerKind::Chili;
    type Pool = chili::ThreadPool;
    type Scope<'s> = chili::Scope<'s>;

    fn pool(workers: usize) -> anyhow::Result<chili::ThreadPool> {
        Ok(peers::chili_pool(workers))
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
