//! `benches spawn`: what it costs to spawn closures and to run them, beside the peers.
//!
//! | file | what it is |
//! |---|---|
//! | `shape` | who spawns whom: one text for all peers, with and without handles |
//! | `instructions` | what a task costs in instructions, by callgrind |
//! | `program` | how a shape gets to a pool, its targets, and the check of its results |
//!
//! The closures do nothing but report to one counter that all peers share, [`Countdown`](crate::peers::Countdown), which is part of
//! every figure: up to 16 ns with two workers. `outside` has a spawning thread besides the workers.
//!
//! `*_joined` keeps a handle for each task and takes the results from all of them: after all tasks have
//! reported, except `inside_joined`, where a task joins the tasks that it has spawned. rayon and the channel have neither handles
//! nor results. They run the plain program there, so that what ours costs with handle and result is compared with
//! what they cost without.

mod instructions;
mod program;
mod shape;

use std::io::Write;

use anyhow::ensure;
use clap::Args;

pub use program::SpawnProgram;
pub use shape::Shape;

use crate::peers::PoolKind;
use crate::rounds::{self, AnyProgram, Manner, RoundsArgs};

/// Who takes part.
pub const PEERS: [PoolKind; 7] = [
    PoolKind::Smp,
    PoolKind::Rayon,
    PoolKind::Tokio,
    PoolKind::AsyncExecutor,
    PoolKind::AsyncExecutorStatic,
    PoolKind::Channel,
    PoolKind::Amp,
];

const MANNER: Manner<PoolKind> = Manner { peers: &PEERS, times: "for one task: " };

/// Options of `benches spawn`.
#[derive(Clone, Debug, Args)]
pub struct SpawnArgs {
    /// Those that all measurements in rounds have.
    #[command(flatten)]
    pub rounds: RoundsArgs<PoolKind>,
    /// Tasks of a run [default: 10000]
    #[arg(long, value_name = "N")]
    pub tasks: Option<u64>,
    /// Counts the instructions of a task instead of measuring, by valgrind's callgrind
    #[arg(long)]
    pub instructions: bool,
}

/// The programs, with so many tasks in each run.
pub fn programs(tasks: u64) -> Vec<Box<dyn AnyProgram<PoolKind>>> {
    let mut programs: Vec<Box<dyn AnyProgram<PoolKind>>> = Vec::new();
    for shape in [Shape::Outside, Shape::Inside, Shape::Chain] {
        for joined in [false, true] {
            programs.push(Box::new(SpawnProgram { shape, joined, tasks }));
        }
    }
    programs
}

/// Tasks in a run that is measured.
pub const TASKS: u64 = 10_000;

/// Measures the selected programs and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a program whose result is wrong, or a pool that cannot be built.
pub fn run(args: &SpawnArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let SpawnArgs { rounds: args, tasks, instructions } = args;
    ensure!(*tasks != Some(0), "--tasks must be at least 1");
    let mut programs = programs(tasks.unwrap_or(if args.turns.quick { 100 } else { TASKS }));
    if *instructions {
        args.retain_selected(&mut programs)?;
        return instructions::run(&programs, &args.peers(&MANNER)?, out);
    }
    rounds::run(programs, args, &args.plan(&MANNER)?, &MANNER, out)
}
