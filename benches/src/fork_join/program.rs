//! What a program is, and how it gets to a peer.

use std::fmt::Debug;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Target;
use super::peer::{Chili, Peer, PeerKind, Rayon, Serial, Smp};
use crate::peers::Workers;
use crate::rounds::{AnyProgram, Contender, Prepared, deeper};

/// A program: one text for all peers, which checks its own result.
pub trait Program: Debug + Sync {
    /// What it computes on. Made once, outside of the measured part, and shared by all peers.
    type Input: Send;
    /// What it computes.
    type Output: Send;
    /// Whether a run changes the input, so that it has to be set up again before the next run.
    const CHANGES_INPUT: bool = false;

    /// Name and size, as in `fib(38)`.
    fn name(&self) -> String;

    /// Whether that peer can express it.
    fn suits(&self, peer: PeerKind) -> bool {
        let _ = peer;
        true
    }

    /// What is wanted with so many workers.
    fn targets(&self, workers: usize) -> Vec<Target> {
        let _ = workers;
        Target::NEVER_BEHIND.to_vec()
    }

    /// Makes the input.
    fn prepare(&self) -> Self::Input;

    /// Sets the input up again.
    fn reset(&self, input: &mut Self::Input) {
        let _ = input;
    }

    /// Runs on a worker of the peer's pool: the measured part.
    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, input: &mut Self::Input) -> Self::Output;

    /// Compares with what is known about the result.
    ///
    /// # Errors
    ///
    /// The result is wrong; the message says what it is.
    fn check(&self, input: &Self::Input, output: &Self::Output) -> anyhow::Result<()>;
}

impl<G: Program> AnyProgram<PeerKind> for G {
    fn name(&self) -> String {
        Program::name(self)
    }

    fn suits(&self, peer: PeerKind) -> bool {
        Program::suits(self, peer)
    }

    fn targets(&self, workers: usize) -> Vec<Target> {
        Program::targets(self, workers)
    }

    fn prepare(&self) -> Box<dyn Prepared<PeerKind> + Send + '_> {
        Box::new(WithInput { program: self, input: Program::prepare(self) })
    }
}

struct WithInput<'a, G: Program> {
    program: &'a G,
    input: G::Input,
}

impl<G: Program> WithInput<'_, G> {
    fn on_pool_of<P: Peer>(&mut self, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>> {
        let (program, input) = (self.program, &mut self.input);
        let pool = P::pool(workers)?;
        Ok(Box::new(OnPool::<P, G> { pool, program, input, output: None }))
    }
}

impl<G: Program> Prepared<PeerKind> for WithInput<'_, G> {
    /// Serially: the same work for all peers.
    fn takes(&mut self) -> anyhow::Result<Duration> {
        let mut serial = self.on(PeerKind::Serial, Workers::unpinned(1))?;
        Ok(serial.time(1, 0).min(serial.time(1, 0)))
    }

    fn on(&mut self, peer: PeerKind, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>> {
        match peer {
            PeerKind::Serial => self.on_pool_of::<Serial>(workers),
            PeerKind::Smp => self.on_pool_of::<Smp>(workers),
            PeerKind::Rayon => self.on_pool_of::<Rayon>(workers),
            PeerKind::Chili => self.on_pool_of::<Chili>(workers),
        }
    }
}

struct OnPool<'a, P: Peer, G: Program> {
    pool: P::Pool,
    program: &'a G,
    input: &'a mut G::Input,
    output: Option<G::Output>,
}

impl<P: Peer, G: Program> Contender for OnPool<'_, P, G> {
    fn time(&mut self, runs: u64, depth: usize) -> Duration {
        let (program, input) = (self.program, &mut *self.input);
        let mut timed = move |scope: &mut P::Scope<'_>| {
            let mut taken = Duration::ZERO;
            let mut output = None;
            if G::CHANGES_INPUT {
                for _ in 0..runs {
                    program.reset(input);
                    let start = Instant::now();
                    output = Some(black_box(program.run::<P>(scope, black_box(&mut *input))));
                    taken += start.elapsed();
                }
            } else {
                let start = Instant::now();
                for _ in 0..runs {
                    output = Some(black_box(program.run::<P>(scope, black_box(&mut *input))));
                }
                taken = start.elapsed();
            }
            (taken, output)
        };
        let (taken, output) = P::install(&self.pool, move |scope| deeper(depth, || timed(scope)));
        self.output = output;
        taken
    }

    fn check(&self) -> anyhow::Result<()> {
        let output = self.output.as_ref().context("it has not run")?;
        self.program
            .check(self.input, output)
            .with_context(|| format!("{} on {}", Program::name(self.program), P::KIND))
    }
}
