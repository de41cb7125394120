//! `benches many-outside`: its options, the rounds, the table.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

use super::turn::{Outcome, Program, Turn};
use crate::peers::{PoolKind, Workers};
use crate::rounds::{Kind, Spread, Turns, TurnsArgs, duration, save, take_turns, write_machine};

/// Who takes part.
pub const PEERS: [PoolKind; 6] = [
    PoolKind::Smp,
    PoolKind::Rayon,
    PoolKind::Tokio,
    PoolKind::AsyncExecutor,
    PoolKind::AsyncExecutorStatic,
    PoolKind::Channel,
];

/// In no round may a thread be further behind.
const LIMIT: f64 = 10.0;

/// Options of `benches many-outside`.
#[derive(Clone, Debug, Args)]
pub struct ManyOutsideArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<PoolKind>,
    /// Threads that spawn
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub threads: usize,
    /// Numbers of workers of each pool
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [2])]
    pub workers: Vec<usize>,
    /// Tasks of each thread in `count`
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub tasks: u64,
    /// How long `time` lasts
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    pub seconds: f64,
    /// Only programs whose name contains one of these: count, time
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub filter: Vec<String>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    program: Program,
    workers: usize,
    peers: Vec<Turns<PoolKind, Outcome>>,
}

/// Measures the selected programs and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a task that has run twice, or a pool that cannot be built.
pub fn run(args: &ManyOutsideArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    ensure!(args.threads > 0, "--threads must be at least 1");
    ensure!(args.tasks > 0, "--tasks must be at least 1");
    ensure!(!args.workers.contains(&0), "--workers must be at least 1");
    let time = Duration::try_from_secs_f64(args.seconds).ok();
    let time = time.context("--seconds must be a number that is not negative")?;
    let mut programs = match args.turns.quick {
        true => vec![Program::Count(10), Program::Time(Duration::from_millis(5))],
        false => vec![Program::Count(args.tasks), Program::Time(time)],
    };
    programs.retain(|program| {
        args.filter.is_empty() || args.filter.iter().any(|part| program.name().contains(part))
    });
    ensure!(!programs.is_empty(), "--filter leaves no program");
    let peers = args.turns.peers(&PEERS);

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {}; all peers take turns in each", rounds)?;
    writeln!(out, "threads        {}; {} tasks or {time:?} each", args.threads, args.tasks)?;
    writeln!(out, "figures        median of the rounds [min..max]")?;
    writeln!(out, "behind         how much worse than the mean the worst thread fared\n")?;
    writeln!(
        out,
        "| program | workers | peer | M tasks/s | smp by it | slowest thread: time, or tasks | mean | fastest | behind | targets |"
    )?;
    writeln!(out, "|{}", "---|".repeat(10))?;
    let mut rows = Vec::new();
    let mut passed = true;
    for program in programs {
        for workers in &args.workers {
            let turn =
                Turn { program, threads: args.threads, workers: Workers::unpinned(*workers) };
            let peers: Vec<_> =
                peers.iter().copied().filter(|peer| peer.can_have(*workers)).collect();
            let of_peers = take_turns(&peers, rounds, |peer| peer.measure(turn))?;
            let row = Row { program, workers: *workers, peers: of_peers };
            passed &= write_row(out, &row)?;
            rows.push(row);
        }
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

/// True if no target was missed.
fn write_row(out: &mut impl Write, row: &Row) -> anyhow::Result<bool> {
    let ours = row.peers.iter().find(|turns| turns.peer == PoolKind::OURS);
    let mut passed = true;
    for turns in &row.peers {
        let spread = |part: fn(&Outcome) -> f64| Spread::of(turns.rounds.iter().map(part));
        write!(out, "| {} | {} | {} |", row.program.name(), row.workers, turns.peer)?;
        let throughput = spread(|round| round.tasks_per_second / 1e6);
        write!(out, " {} |", range(throughput, 3))?;
        let pairs = ours.filter(|ours| ours.peer != turns.peer).and_then(|ours| {
            let pairs = ours.rounds.iter().zip(&turns.rounds);
            Spread::of(pairs.map(|(ours, other)| ours.tasks_per_second / other.tasks_per_second))
        });
        write!(out, " {} |", range(pairs, 2))?;
        let parts: [fn(&Outcome) -> f64; 3] = match row.program {
            Program::Count(_) => [|round| round.max, |round| round.mean, |round| round.min],
            Program::Time(_) => [|round| round.min, |round| round.mean, |round| round.max],
        };
        for part in parts {
            let median = spread(part).map_or(0.0, |spread| spread.median);
            match row.program {
                Program::Count(_) => write!(out, " {} |", duration(median))?,
                Program::Time(_) => write!(out, " {median:.0} |")?,
            }
        }
        let behind = spread(|round| round.behind);
        write!(out, " {} |", range(behind, 1))?;
        match behind {
            Some(behind) if turns.peer == PoolKind::OURS => {
                let met = behind.max <= LIMIT;
                passed &= met;
                let verdict = if met { "met" } else { "MISSED" };
                writeln!(out, " behind <= {LIMIT} {verdict} |")?;
            }
            _ => writeln!(out, "  |")?,
        }
    }
    out.flush()?;
    Ok(passed)
}

fn range(spread: Option<Spread>, decimals: usize) -> String {
    match spread {
        Some(Spread { median, min, max }) => {
            format!("{median:.decimals$} [{min:.decimals$}..{max:.decimals$}]")
        }
        None => "-".to_owned(),
    }
}
