//! What is measured.

use std::fmt::{Debug, Display};
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::target::Target;
use crate::peers::Workers;

/// The names of those that a program can run on.
pub trait Kind:
    Copy + Eq + Debug + Display + Serialize + ValueEnum + Send + Sync + 'static
{
    /// This workspace's one, which is compared with all the others.
    const OURS: Self;

    /// Whether it can have so many workers on this machine.
    fn can_have(self, workers: usize) -> bool {
        let _ = workers;
        true
    }
}

/// A program, for tables of programs.
pub trait AnyProgram<K: Kind>: Debug + Sync {
    /// Name and size, as in `fib(38)`.
    fn name(&self) -> String;

    /// How many of what the figures are given for there are in one run.
    fn operations(&self) -> u64 {
        1
    }

    /// Whether that peer can express it.
    fn suits(&self, peer: K) -> bool;

    /// What is wanted with so many workers.
    fn targets(&self, workers: usize) -> Vec<Target<K>>;

    /// Makes the input, which takes a while and much memory for some.
    fn prepare(&self) -> Box<dyn Prepared<K> + Send + '_>;
}

/// A program with its input.
pub trait Prepared<K: Kind> {
    /// How long one run takes, about. All peers are timed over the same number of runs, which follows from this.
    ///
    /// # Errors
    ///
    /// It is measured for some, and a pool cannot be built.
    fn takes(&mut self) -> anyhow::Result<Duration>;

    /// Makes a pool for it. One at a time: the pool lives as long as what this returns. Where workers are pinned, the calling
    /// thread may be too from then on.
    ///
    /// # Errors
    ///
    /// A thread cannot be created or pinned.
    fn on(&mut self, peer: K, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>>;
}

/// A program with its input and a pool.
pub trait Contender {
    /// Runs it so many times and returns how long that took, without setting the input up. Code that the stack's place matters
    /// to runs so many frames deeper than otherwise.
    fn time(&mut self, runs: u64, depth: usize) -> Duration;

    /// Checks the result of the last run.
    ///
    /// # Errors
    ///
    /// The result is wrong, or there is none.
    fn check(&self) -> anyhow::Result<()>;
}
