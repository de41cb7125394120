//! `benches pinning`: its options, the rounds, the table.

use std::io::Write;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::policy::Policy;
use super::program::{Program, Round};
use super::verdict::{Outcome, Verdict};
use crate::realtime::places::Places;
use crate::rounds::{Spread, Turns, TurnsArgs, duration, save, take_turns, time_of, write_machine};

/// Two policies that do the same may differ by so much.
const SAME_LIMIT: f64 = 1.1;

/// Options of `benches pinning`.
#[derive(Clone, Debug, Args)]
pub struct PinningArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<Policy>,
    /// How long a turn lasts
    #[arg(long, value_name = "S", default_value_t = 0.6)]
    pub seconds: f64,
    /// Only programs whose name contains one of these: request, stream, request-beside-stranger, stream-beside-stranger
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub filter: Vec<String>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    program: Program,
    peers: Vec<Turns<Policy, Round>>,
}

/// Measures the selected programs, writes a table, and says where pinning loses. False if a target was missed and `--check` asks
/// for it.
///
/// # Errors
///
/// Unusable options, an executor that cannot be built, or workers that are not where the policy wants them.
pub fn run(args: &PinningArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    let time = time_of(args.seconds, Duration::from_millis(1))?;
    let time = if args.turns.quick { Duration::from_millis(10) } else { time };
    let mut programs = Program::ALL.to_vec();
    programs.retain(|program| {
        args.filter.is_empty() || args.filter.iter().any(|part| program.name().contains(part))
    });
    ensure!(!programs.is_empty(), "--filter leaves no program");
    let places = Places::read()?;
    let peers = args.turns.peers(&Policy::ALL);

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {rounds}; all policies take turns in each")?;
    writeln!(out, "a turn         {time:?}")?;
    writeln!(out, "roles          one worker each; {places}")?;
    writeln!(
        out,
        "times          of a request, or of a task of the stream: median [min..max] of the rounds\n"
    )?;
    writeln!(out, "| program | policy | time | by off | workers pinned | targets |")?;
    writeln!(out, "|{}", "---|".repeat(6))?;
    let mut rows = Vec::new();
    let mut passed = true;
    for program in programs {
        let of_peers = take_turns(&peers, rounds, |policy| program.run(policy, time, &places))?;
        let row = Row { program, peers: of_peers };
        passed &= write_row(out, &row)?;
        rows.push(row);
    }
    write_words(out, &rows)?;
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

/// True if no target was missed.
fn write_row(out: &mut impl Write, row: &Row) -> anyhow::Result<bool> {
    let mut passed = true;
    for Turns { peer, rounds } in &row.peers {
        write!(out, "| {} | {peer} |", row.program.name())?;
        match Spread::of(rounds.iter().map(|round| round.seconds)) {
            Some(Spread { median, min, max }) => {
                let [median, min, max] = [median, min, max].map(duration);
                write!(out, " {median} [{min}..{max}] |")?;
            }
            None => write!(out, " - |")?,
        }
        let by_off = Verdict::of(*peer, Policy::Off, &row.peers);
        match by_off.filter(|_| *peer != Policy::Off) {
            Some(Verdict { ratio: Spread { median, min, max }, .. }) => {
                write!(out, " {median:.2} [{min:.2}..{max:.2}] |")?;
            }
            None => write!(out, " - |")?,
        }
        let pinned = Spread::of(rounds.iter().map(|round| round.pinned as f64));
        let workers = rounds.first().map_or(0, |round| round.workers);
        write!(out, " {} of {workers} |", pinned.map_or(0.0, |spread| spread.min))?;
        let same = Verdict::of(Policy::BestEffort, Policy::Require, &row.peers);
        match same.filter(|_| *peer == Policy::BestEffort) {
            Some(same) => {
                let met = same.outcome() != Outcome::Loses || same.ratio.median <= SAME_LIMIT;
                passed &= met;
                let verdict = if met { "met" } else { "MISSED" };
                writeln!(
                    out,
                    " {:.2}x require <= {SAME_LIMIT}, or a draw: {verdict} |",
                    same.ratio.median
                )?;
            }
            None => writeln!(out, "  |")?,
        }
    }
    out.flush()?;
    Ok(passed)
}

/// Where pinning wins, and where it loses.
fn write_words(out: &mut impl Write, rows: &[Row]) -> anyhow::Result<()> {
    writeln!(out)?;
    let mut lost = Vec::new();
    for row in rows {
        for policy in [Policy::Require, Policy::BestEffort] {
            let Some(verdict) = Verdict::of(policy, Policy::Off, &row.peers) else { continue };
            writeln!(out, "{}: {verdict}", row.program.name())?;
            if verdict.outcome() == Outcome::Loses {
                lost.push(format!("{} ({policy})", row.program.name()));
            }
        }
    }
    if lost.is_empty() {
        writeln!(out, "\nPinning loses nowhere here.")?;
    } else {
        writeln!(out, "\nPinning LOSES in: {}.", lost.join(", "))?;
    }
    out.flush()?;
    Ok(())
}
