//! `benches fork-join`: its options, and the run.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

use super::figures::Figures;
use super::measure::{Plan, measure};
use super::peer::PeerKind;
use super::program::AnyProgram;
use super::workers::Workers;
use super::{programs, report};
use crate::hardware::Hardware;

/// Options of `benches fork-join`.
#[derive(Clone, Debug, Args)]
pub struct ForkJoinArgs {
    /// Numbers of workers of each pool
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2])]
    pub workers: Vec<usize>,
    /// Binds each worker to a CPU of its own, so that the kernel does not put two on one
    #[arg(long)]
    pub pin: bool,
    /// How often all peers take turns
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: usize,
    /// Only programs whose name contains one of these
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub filter: Vec<String>,
    /// Only these peers [default: all]
    #[arg(long, value_name = "PEER", value_delimiter = ',', value_enum)]
    pub peer: Vec<PeerKind>,
    /// Small programs and single repetitions: shows that it runs, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// Takes this Fibonacci number
    #[arg(long, value_name = "N")]
    pub fib: Option<u64>,
    /// Ends with code 1 if a target is missed
    #[arg(long)]
    pub check: bool,
    /// Writes all values to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Runs each program once on each peer and measures nothing, for a tool that counts instructions
    #[arg(long)]
    pub once: bool,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Saved<'a> {
    hardware: &'a str,
    rows: &'a [Figures],
}

/// Measures the selected programs and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a program whose result is wrong, or a pool that cannot be built.
pub fn run(args: &ForkJoinArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    ensure!(!args.workers.contains(&0), "--workers must be at least 1");
    let mut selected = if args.quick { programs::small(args.fib) } else { programs::all(args.fib) };
    if !args.filter.is_empty() {
        selected.retain(|program| {
            let name = program.name();
            args.filter.iter().any(|part| name.contains(part))
        });
    }
    ensure!(!selected.is_empty(), "--filter leaves no program");
    let peers = if args.peer.is_empty() { PeerKind::ALL.to_vec() } else { args.peer.clone() };
    if args.once {
        return once(&selected, &peers, &args.workers).map(|()| true);
    }

    let hardware = Hardware::read().to_string();
    writeln!(out, "{hardware}")?;
    // Nothing spoils these figures as much as somebody else's work on the same cores.
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        let minutes: Vec<_> = load.split_whitespace().take(3).collect();
        writeln!(out, "load average   {} (of 1, 5 and 15 minutes)", minutes.join(", "))?;
    }
    writeln!(out, "rounds         {}; all peers take turns in each", args.rounds)?;
    writeln!(out, "pinned         {}", if args.pin { "yes" } else { "no" })?;
    writeln!(out, "times          median of the rounds (shortest repetition)")?;
    writeln!(out, "ratios         taken within each round: median [min..max]\n")?;
    let make_plan = if args.quick { Plan::quick } else { Plan::full };
    let plan = Plan { pinned: args.pin, ..make_plan(args.workers.clone(), peers, args.rounds) };
    report::write_head(out)?;
    let mut all = Vec::new();
    let mut passed = true;
    for program in &selected {
        let rows = measure(&**program, &plan)?;
        passed &= report::write_rows(out, &**program, &rows)?;
        all.extend(rows);
    }
    if let Some(path) = &args.json {
        let saved = serde_json::to_vec_pretty(&Saved { hardware: &hardware, rows: &all })?;
        std::fs::write(path, saved).with_context(|| path.display().to_string())?;
    }
    Ok(passed || !args.check)
}

fn once(
    programs: &[Box<dyn AnyProgram>],
    peers: &[PeerKind],
    workers: &[usize],
) -> anyhow::Result<()> {
    for program in programs {
        let mut prepared = program.prepare();
        for peer in peers.iter().filter(|peer| program.suits(**peer)) {
            for workers in workers {
                let mut contender = prepared.on(*peer, Workers::unpinned(*workers))?;
                contender.time(1, 0);
                contender.check()?;
            }
        }
    }
    Ok(())
}
