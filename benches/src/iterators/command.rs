//! `benches iterators`: its options, and the run.

use std::io::Write;

use clap::Args;

use super::peer::PeerKind;
use super::program::{Chain, Cheap, Uneven};
use crate::rounds::{self, AnyProgram, Manner, RoundsArgs};

const MANNER: Manner<PeerKind> = Manner { peers: &PeerKind::ALL, times: "" };

/// Options of `benches iterators`.
#[derive(Clone, Debug, Args)]
pub struct IteratorsArgs {
    /// Those that all measurements in rounds have.
    #[command(flatten)]
    pub rounds: RoundsArgs<PeerKind>,
}

fn programs(quick: bool) -> Vec<Box<dyn AnyProgram<PeerKind>>> {
    let counts: &[u64] =
        if quick { &[1_000] } else { &[1_000, 10_000, 100_000, 1_000_000, 10_000_000] };
    let cheap = counts.iter().map(|count| Box::new(Chain::<Cheap>::new(*count)) as _);
    let uneven = if quick { 1_000 } else { 10_000 };
    cheap.chain([Box::new(Chain::<Uneven>::new(uneven)) as _]).collect()
}

/// Measures the selected chains and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a result that is wrong, or a pool that cannot be built.
pub fn run(args: &IteratorsArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let IteratorsArgs { rounds } = args;
    rounds::run(programs(rounds.turns.quick), rounds, &rounds.plan(&MANNER)?, &MANNER, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Workers;

    #[test]
    fn all_come_to_the_same_result() {
        for program in programs(true) {
            let mut prepared = program.prepare();
            for peer in PeerKind::ALL {
                let mut contender = prepared.on(peer, Workers::unpinned(2)).unwrap();
                contender.time(3, 0);
                contender.check().unwrap();
            }
        }
    }
}
