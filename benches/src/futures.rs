//! `benches futures`: what futures cost, in the seven shapes by which tokio measures its own scheduler.
//!
//! | shape | what it is |
//! |---|---|
//! | `spawn_many_local` | 10,000 futures spawned inside `block_on`, which ends with the last one |
//! | `spawn_many_remote_idle` | 10,000 futures spawned by a thread outside, which then awaits all handles |
//! | `spawn_many_remote_busy1` | the same while twice as many futures as workers take turns: each stalls for 10 us, then yields |
//! | `spawn_many_remote_busy2` | 1,000 futures while as many futures as workers stall for 10 us each and spawn themselves again |
//! | `yield_many` | 200 futures that yield 1,000 times each |
//! | `ping_pong` | 1,000 pairs of futures that wait for each other through two oneshot channels |
//! | `chained_spawn` | 1,000 futures, each spawned by the one before |
//!
//! The channels are `tokio::sync::oneshot` for all peers, yielding is each peer's own, and the end is seen by
//! [`Countdown`](crate::peers::Countdown) where handles are not awaited.
//!
//! | file | what it is |
//! |---|---|
//! | `shape` | the text of all shapes, for any pool |
//! | `background` | what keeps the workers busy in two of them |
//! | `program` | how a shape gets to a pool, its targets, and the check of its results |

mod background;
mod program;
mod shape;

use std::io::Write;

use clap::Args;

pub use program::FuturesProgram;
pub use shape::{Shape, Size};

use crate::peers::PoolKind;
use crate::rounds::{self, AnyProgram, Manner, RoundsArgs};

/// Who takes part.
pub const PEERS: [PoolKind; 4] =
    [PoolKind::Smp, PoolKind::Tokio, PoolKind::AsyncExecutor, PoolKind::AsyncExecutorStatic];

const MANNER: Manner<PoolKind> = Manner {
    peers: &PEERS,
    times: "for one future (yield_many: one yield; ping_pong: one pair): ",
};

/// Options of `benches futures`.
#[derive(Clone, Debug, Args)]
pub struct FuturesArgs {
    /// Those that all measurements in rounds have.
    #[command(flatten)]
    pub rounds: RoundsArgs<PoolKind>,
}

/// All shapes.
pub fn programs(size: Size) -> Vec<Box<dyn AnyProgram<PoolKind>>> {
    let boxed = |shape| Box::new(FuturesProgram { shape, size }) as Box<dyn AnyProgram<PoolKind>>;
    Shape::ALL.map(boxed).into()
}

/// Measures the selected shapes and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a shape whose result is wrong, or a pool that cannot be built.
pub fn run(args: &FuturesArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let args = &args.rounds;
    let programs = programs(if args.turns.quick { Size::Small } else { Size::Full });
    rounds::run(programs, args, &args.plan(&MANNER)?, &MANNER, out)
}
