//! Fibonacci numbers, with a fork at every call and no cut-off: nothing but forking.

use anyhow::ensure;

use super::Target;
use super::peer::{Peer, PeerKind};
use super::program::Program;

/// `fib(n)` by its definition.
#[derive(Clone, Copy, Debug)]
pub struct Fib {
    /// Which one.
    pub n: u64,
}

impl Fib {
    /// How often it forks: at every call above the leaves.
    pub fn forks(self) -> u64 {
        by_addition(self.n + 1) - 1
    }
}

impl Program for Fib {
    type Input = u64;
    type Output = u64;

    fn name(&self) -> String {
        format!("fib({})", self.n)
    }

    fn targets(&self, workers: usize) -> Vec<Target> {
        match workers {
            1 => {
                vec![Target::at_most(0.27, PeerKind::Rayon), Target::at_most(0.85, PeerKind::Chili)]
            }
            2 => vec![
                Target::at_most(0.25, PeerKind::Rayon),
                Target::at_most(0.75, PeerKind::Chili),
                Target::SpeedUp { limit: 1.9 },
            ],
            _ => Target::NEVER_BEHIND.to_vec(),
        }
    }

    fn prepare(&self) -> u64 {
        self.n
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, n: &mut u64) -> u64 {
        fib::<P>(scope, *n)
    }

    fn check(&self, n: &u64, output: &u64) -> anyhow::Result<()> {
        let expected = by_addition(*n);
        ensure!(*output == expected, "the result is {output}, not {expected}");
        Ok(())
    }
}

/// By its definition.
pub(super) fn fib<P: Peer>(scope: &mut P::Scope<'_>, n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = P::join(scope, |scope| fib::<P>(scope, n - 1), |scope| fib::<P>(scope, n - 2));
    a + b
}

fn by_addition(n: u64) -> u64 {
    let (mut this, mut next) = (0, 1);
    for _ in 0..n {
        (this, next) = (next, this + next);
    }
    this
}
