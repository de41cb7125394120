//! `benches fork-join`: its options, and the run.

use std::io::Write;

use clap::Args;

use super::peer::PeerKind;
use super::programs;
use crate::rounds::{self, Manner, RoundsArgs};

const MANNER: Manner<PeerKind> = Manner { peers: &PeerKind::ALL, times: "" };

/// Options of `benches fork-join`.
#[derive(Clone, Debug, Args)]
pub struct ForkJoinArgs {
    /// Those that all measurements in rounds have.
    #[command(flatten)]
    pub rounds: RoundsArgs<PeerKind>,
    /// Takes this Fibonacci number
    #[arg(long, value_name = "N")]
    pub fib: Option<u64>,
}

/// Measures the selected programs and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a program whose result is wrong, or a pool that cannot be built.
pub fn run(args: &ForkJoinArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let ForkJoinArgs { rounds, fib } = args;
    let programs = if rounds.turns.quick { programs::small(*fib) } else { programs::all(*fib) };
    rounds::run(programs, rounds, &rounds.plan(&MANNER)?, &MANNER, out)
}
