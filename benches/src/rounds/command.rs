//! The options that measuring subcommands share, and the run.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::measure::{Plan, measure};
use super::program::{AnyProgram, Kind};
use super::report;
use super::turns::TurnsArgs;
use crate::hardware::Hardware;
use crate::peers::Workers;

/// Options of a measurement in rounds.
#[derive(Clone, Debug, Args)]
pub struct RoundsArgs<K: ValueEnum + Send + Sync + 'static> {
    /// Numbers of workers of each pool
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2])]
    pub workers: Vec<usize>,
    /// Binds each worker to a CPU of its own, so that the kernel does not put two on one
    #[arg(long)]
    pub pin: bool,
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<K>,
    /// Only the programs of these names, and where there is none of a name, those whose name contains it
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub filter: Vec<String>,
    /// Runs each program once on each peer and measures nothing, for a tool that counts instructions
    #[arg(long)]
    pub once: bool,
}

/// What sets one subcommand's measurement apart from the others'.
#[derive(Clone, Copy, Debug)]
pub struct Manner<K: 'static> {
    /// Who takes part: the columns of the table.
    pub peers: &'static [K],
    /// What the times are: an addition to the header's line, or nothing.
    pub times: &'static str,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Saved<'a, R> {
    hardware: &'a str,
    rows: &'a [R],
}

impl<K: Kind> RoundsArgs<K> {
    /// Who takes part.
    ///
    /// # Errors
    ///
    /// One of those asked for cannot.
    pub fn peers(&self, manner: &Manner<K>) -> anyhow::Result<Vec<K>> {
        for peer in &self.turns.peer {
            ensure!(manner.peers.contains(peer), "--peer: {peer} takes no part in this");
        }
        Ok(self.turns.peers(manner.peers))
    }

    /// Leaves the programs that `--filter` names.
    ///
    /// # Errors
    ///
    /// There are none.
    pub fn retain_selected(
        &self,
        programs: &mut Vec<Box<dyn AnyProgram<K>>>,
    ) -> anyhow::Result<()> {
        if !self.filter.is_empty() {
            let names: Vec<_> = programs.iter().map(|program| program.name()).collect();
            programs.retain(|program| {
                let name = program.name();
                let is_meant = |part: &String| match names.contains(part) {
                    true => name == *part,
                    false => name.contains(part),
                };
                self.filter.iter().any(is_meant)
            });
        }
        ensure!(!programs.is_empty(), "--filter leaves no program");
        Ok(())
    }

    /// How much is measured.
    ///
    /// # Errors
    ///
    /// Unusable options.
    pub fn plan(&self, manner: &Manner<K>) -> anyhow::Result<Plan<K>> {
        let rounds = self.turns.rounds()?;
        ensure!(!self.workers.contains(&0), "--workers must be at least 1");
        let make_plan = if self.turns.quick { Plan::quick } else { Plan::full };
        let plan = make_plan(self.workers.clone(), self.peers(manner)?, rounds);
        Ok(Plan { pinned: self.pin, ..plan })
    }
}

/// Measures the selected ones of these programs and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a program whose result is wrong, or a pool that cannot be built.
pub fn run<K: Kind>(
    mut programs: Vec<Box<dyn AnyProgram<K>>>,
    args: &RoundsArgs<K>,
    plan: &Plan<K>,
    manner: &Manner<K>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    args.retain_selected(&mut programs)?;
    if args.once {
        return once(&programs, plan).map(|()| true);
    }

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {}; all peers take turns in each", args.turns.rounds)?;
    writeln!(out, "pinned         {}", if args.pin { "yes" } else { "no" })?;
    writeln!(out, "times          {}median of the rounds (shortest repetition)", manner.times)?;
    writeln!(out, "ratios         taken within each round: median [min..max]\n")?;
    report::write_head(out, manner.peers)?;
    let mut all = Vec::new();
    let mut passed = true;
    for program in &programs {
        let rows = measure(&**program, plan)?;
        passed &= report::write_rows(out, &**program, manner.peers, &rows)?;
        all.extend(rows);
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &all)?;
    }
    Ok(passed || !args.turns.check)
}

/// Writes values to a file, with the machine that they are from.
///
/// # Errors
///
/// The file cannot be written.
pub fn save<R: Serialize>(path: &Path, hardware: &str, rows: &[R]) -> anyhow::Result<()> {
    let saved = serde_json::to_vec_pretty(&Saved { hardware, rows })?;
    std::fs::write(path, saved).with_context(|| path.display().to_string())
}

/// Writes on what is measured, and returns the machine's part of it.
///
/// # Errors
///
/// `out` cannot be written to.
pub fn write_machine(out: &mut impl Write) -> anyhow::Result<String> {
    let hardware = Hardware::read().to_string();
    writeln!(out, "{hardware}")?;
    Ok(hardware)
}

fn once<K: Kind>(programs: &[Box<dyn AnyProgram<K>>], plan: &Plan<K>) -> anyhow::Result<()> {
    for program in programs {
        let mut prepared = program.prepare();
        for workers in &plan.workers {
            for peer in plan.peers.iter().filter(|peer| peer.can_have(*workers)) {
                if program.suits(*peer) {
                    let mut contender = prepared.on(*peer, Workers::unpinned(*workers))?;
                    contender.time(1, 0);
                    contender.check()?;
                }
            }
        }
    }
    Ok(())
}
