//! `benches overload`: its options, the rounds, the tables.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::turn::{Round, Turn, Variant};
use crate::realtime::places::Places;
use crate::rounds::{Spread, duration, on_a_thread, save, time_of, write_machine};
use crate::work::Speed;

/// A role that has too much to do runs at least so much of what it can.
const THROUGHPUT_LIMIT: f64 = 0.9;

/// When the load stops, what waits is gone after at most so many times what its tasks take.
const RECOVERY_LIMIT: f64 = 1.5;

/// Options of `benches overload`.
#[derive(Clone, Debug, Args)]
pub struct OverloadArgs {
    /// How often each variant is run
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rounds: usize,
    /// How long tasks are offered
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub seconds: f64,
    /// Only these variants [default: all]
    #[arg(long, value_name = "VARIANT", value_delimiter = ',', value_enum)]
    pub variant: Vec<Variant>,
    /// How many tasks are offered, of what the role can run
    #[arg(long, value_name = "TIMES", default_value_t = 1.5)]
    pub factor: f64,
    /// How many tasks may wait in the role's channel
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub capacity: usize,
    /// How long a task takes, in microseconds
    #[arg(long, value_name = "US", default_value_t = 50)]
    pub task: u64,
    /// How long a task may wait where it can expire, in milliseconds [default: half of what a full channel takes]
    #[arg(long, value_name = "MS")]
    pub time_to_live: Option<u64>,
    /// As little as possible: shows that it runs, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// Ends with code 1 if a target is missed; where tasks are unaccounted for it always does
    #[arg(long)]
    pub check: bool,
    /// Writes all values to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    variant: Variant,
    rounds: Vec<Round>,
}

/// Measures, and writes tables. False if a task is unaccounted for, or if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, an executor that cannot be built, or a queue that never gets empty.
pub fn run(args: &OverloadArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let time = time_of(args.seconds, Duration::from_millis(1))?;
    let time = if args.quick { Duration::from_millis(100) } else { time };
    ensure!(args.factor > 0.0 && args.factor.is_finite(), "--factor must be a positive number");
    ensure!((1..=100_000).contains(&args.task), "--task must be 1 to 100000");
    let task_time = Duration::from_micros(args.task);
    let half_full = task_time.mul_f64(args.capacity as f64 / 2.0);
    let time_to_live = args.time_to_live.map_or(half_full, Duration::from_millis);
    let variants =
        if args.variant.is_empty() { Variant::ALL.to_vec() } else { args.variant.clone() };
    let places = Places::read()?;
    let task = Speed::measure().work(task_time);

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {}; all variants take turns in each", args.rounds)?;
    writeln!(
        out,
        "offered        {} times what the role runs, for {time:?}, each task at an instant of its own",
        args.factor
    )?;
    writeln!(out, "role           one worker on {places}")?;
    writeln!(
        out,
        "channel        {} tasks of {task_time:?}; time to live {time_to_live:?} where they expire",
        args.capacity
    )?;
    writeln!(
        out,
        "wait           from the instant a task was to be offered to its first instruction"
    )?;
    writeln!(out, "figures        medians of the rounds; counts of all rounds together\n")?;
    let mut rows: Vec<_> =
        variants.iter().map(|variant| Row { variant: *variant, rounds: Vec::new() }).collect();
    for _ in 0..args.rounds {
        for row in &mut rows {
            let turn = Turn {
                variant: row.variant,
                task,
                factor: args.factor,
                time,
                capacity: args.capacity,
                time_to_live,
                places: places.clone(),
            };
            row.rounds.push(on_a_thread(|| turn.run())?);
        }
    }
    let accounted = write_accounts(out, &rows)?;
    let met = write_figures(out, &rows)?;
    if let Some(path) = &args.json {
        save(path, &hardware, &rows)?;
    }
    Ok(accounted && (met || !args.check))
}

/// What became of the tasks. True if that adds up.
fn write_accounts(out: &mut impl Write, rows: &[Row]) -> anyhow::Result<bool> {
    writeln!(
        out,
        "| variant | offered | refused: full | closed | admitted | ran | expired | cancelled | admitted = ran + expired + cancelled |"
    )?;
    writeln!(out, "|{}", "---|".repeat(9))?;
    let mut all_accounted = true;
    for Row { variant, rounds } in rows {
        let sum = |part: fn(&Round) -> u64| -> u64 { rounds.iter().map(part).sum() };
        let parts: [fn(&Round) -> u64; 7] = [
            |round| round.account.offered,
            |round| round.account.refused_full,
            |round| round.account.refused_closed,
            |round| round.account.executor.admitted,
            |round| round.account.executor.ran,
            |round| round.account.executor.expired,
            |round| round.account.executor.cancelled,
        ];
        write!(out, "| {} |", variant.name())?;
        for part in parts {
            write!(out, " {} |", sum(part))?;
        }
        let violations: Vec<_> =
            rounds.iter().flat_map(|round| &round.violations).map(String::as_str).collect();
        if violations.is_empty() {
            writeln!(out, " exactly |")?;
        } else {
            all_accounted = false;
            writeln!(out, " VIOLATED: {} |", violations.join("; "))?;
        }
    }
    Ok(all_accounted)
}

/// How the role fared. True if no target was missed.
fn write_figures(out: &mut impl Write, rows: &[Row]) -> anyhow::Result<bool> {
    writeln!(
        out,
        "\n| variant | capacity/s | offered/s | ran/s | depth mean | max | at the stop | wait p50 | p99 | max | RSS MiB start | peak | end | recovery | targets |"
    )?;
    writeln!(out, "|{}", "---|".repeat(15))?;
    let mut passed = true;
    for Row { variant, rounds } in rows {
        let median = |part: fn(&Round) -> f64| {
            Spread::of(rounds.iter().map(part)).map_or(0.0, |spread| spread.median)
        };
        write!(out, "| {} |", variant.name())?;
        let parts: [fn(&Round) -> f64; 6] = [
            |round| round.capacity_per_second,
            |round| round.offered_per_second,
            |round| round.ran_per_second,
            |round| round.depth_mean,
            |round| round.depth_max as f64,
            |round| round.depth_at_stop as f64,
        ];
        for part in parts {
            write!(out, " {:.0} |", median(part))?;
        }
        let waits: [fn(&Round) -> f64; 3] =
            [|round| round.waits_ns.p50, |round| round.waits_ns.p99, |round| round.waits_ns.max];
        for part in waits {
            write!(out, " {} |", duration(median(part) / 1e9))?;
        }
        let resident: [fn(&Round) -> Option<u64>; 3] =
            [|round| round.resident_start, |round| round.resident_peak, |round| round.resident_end];
        for part in resident {
            match Spread::of(rounds.iter().filter_map(part).map(|bytes| bytes as f64)) {
                Some(bytes) => write!(out, " {:.2} |", bytes.median / f64::from(1 << 20))?,
                None => write!(out, " - |")?,
            }
        }
        write!(out, " {} |", duration(median(|round| round.recovery_seconds)))?;
        let judged = judge(*variant, rounds);
        passed &= judged.iter().all(|(_, met)| *met);
        let verdicts = judged
            .into_iter()
            .map(|(what, met)| format!("{what} {}", if met { "met" } else { "MISSED" }));
        writeln!(out, " {} |", verdicts.collect::<Vec<_>>().join(", "))?;
    }
    out.flush()?;
    Ok(passed)
}

/// What is wanted, with whether it is met.
fn judge(variant: Variant, rounds: &[Round]) -> Vec<(String, bool)> {
    let median = |part: fn(&Round) -> f64| Spread::of(rounds.iter().map(part));
    let throughput = median(|round| round.ran_per_second / round.capacity_per_second)
        .map(|share| (THROUGHPUT_LIMIT, share.median))
        .map(|(limit, share)| (format!("ran {share:.2} of capacity >= {limit}"), share >= limit));
    // Something always waits, if only the task that has just been taken.
    let recovery = median(|round| {
        round.recovery_seconds * round.capacity_per_second / (round.depth_at_stop + 1) as f64
    });
    let recovery = recovery.filter(|_| variant != Variant::Cancel).map(|times| {
        let times = times.median;
        let what = format!("recovery {times:.2}x what waits <= {RECOVERY_LIMIT}");
        (what, times <= RECOVERY_LIMIT)
    });
    throughput.into_iter().chain(recovery).collect()
}
