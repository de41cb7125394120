//! `benches wake`: its options, the rounds, the tables.

use std::io::Write;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::burst::{Burst, BurstTurn, SUBMITS};
use super::case::{Case, Turn};
use super::summary::{Round, Verdict, judge, medians};
use crate::peers::PoolKind;
use crate::rounds::{Spread, Turns, TurnsArgs, duration, save, take_turns, write_machine};

/// Who takes part.
pub const PEERS: [PoolKind; 4] =
    [PoolKind::Smp, PoolKind::Rayon, PoolKind::Tokio, PoolKind::AsyncExecutor];

/// What the bursts are called where a case would be.
const BURST: &str = "burst";

/// Options of `benches wake`.
#[derive(Clone, Debug, Args)]
pub struct WakeArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<PoolKind>,
    /// Closures of a turn
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub tries: u64,
    /// Bursts of a turn
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub bursts: u64,
    /// Only cases whose name contains one of these: pin, spin, block, sleep, burst
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub filter: Vec<String>,
}

/// What `--json` writes.
#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Start { case: Case, peers: Vec<Turns<PoolKind, Round>> },
    Burst { burst_after: Case, peers: Vec<Turns<PoolKind, Burst>> },
}

impl WakeArgs {
    fn selects(&self, name: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part))
    }
}

/// Measures the selected cases and writes tables. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, or a pool that cannot be built.
pub fn run(args: &WakeArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    ensure!(args.tries > 0, "--tries must be at least 1");
    ensure!(args.bursts > 0, "--bursts must be at least 1");
    ensure!(!args.turns.peer.contains(&PoolKind::None), "--peer: without a pool nobody is woken");
    let peers = args.turns.peers(&PEERS);
    let cases: Vec<_> = Case::ALL.into_iter().filter(|case| args.selects(case.name())).collect();
    let bursts = args.selects(BURST);
    ensure!(bursts || !cases.is_empty(), "--filter leaves no case");
    let (tries, burst_tries) = if args.turns.quick { (5, 5) } else { (args.tries, args.bursts) };

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {}; all peers take turns in each", rounds)?;
    writeln!(out, "a turn         {tries} closures, or {burst_tries} bursts of {SUBMITS}")?;
    writeln!(out, "workers        2; pin: 1")?;
    writeln!(out, "figures        medians over the rounds of each round's percentile\n")?;
    let mut rows = Vec::new();
    let mut passed = true;
    if !cases.is_empty() {
        let percentiles = "p50 | p90 | p99 | max";
        writeln!(
            out,
            "| case | peer | start {percentiles} | submit {percentiles} | on the submitter's CPU | targets |"
        )?;
        writeln!(out, "|{}", "---|".repeat(12))?;
    }
    for case in cases {
        let turn = Turn { case, tries };
        let of_peers = take_turns(&peers, rounds, |peer| peer.measure(turn))?;
        let verdicts = judge(&of_peers);
        passed &= verdicts.iter().all(Verdict::is_met);
        write_case(out, case, &of_peers, &verdicts)?;
        rows.push(Row::Start { case, peers: of_peers });
    }
    if bursts {
        writeln!(
            out,
            "\n| {SUBMITS} submits | peer | first submit | each other | until done | workers woken |"
        )?;
        writeln!(out, "|{}", "---|".repeat(6))?;
        for burst_after in [Case::Spin, Case::Sleep] {
            let turn = BurstTurn { case: burst_after, bursts: burst_tries };
            let of_peers = take_turns(&peers, rounds, |peer| peer.measure(turn))?;
            write_bursts(out, burst_after, &of_peers)?;
            rows.push(Row::Burst { burst_after, peers: of_peers });
        }
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

fn write_case(
    out: &mut impl Write,
    case: Case,
    peers: &[Turns<PoolKind, Round>],
    verdicts: &[Verdict],
) -> anyhow::Result<()> {
    for Turns { peer, rounds } in peers {
        let medians = medians(rounds);
        write!(out, "| {} | {} |", case.name(), peer)?;
        for part in [medians.start_ns, medians.submit_ns] {
            for value in [part.p50, part.p90, part.p99, part.max] {
                write!(out, " {} |", duration(value / 1e9))?;
            }
        }
        let verdicts: Vec<_> = match peer {
            PoolKind::Smp => verdicts.iter().map(Verdict::to_string).collect(),
            _ => Vec::new(),
        };
        writeln!(out, " {:.0} % | {} |", 100.0 * medians.same_cpu, verdicts.join(", "))?;
    }
    out.flush()?;
    Ok(())
}

/// Medians over the rounds of the rounds' medians.
fn write_bursts(
    out: &mut impl Write,
    after: Case,
    peers: &[Turns<PoolKind, Burst>],
) -> anyhow::Result<()> {
    for Turns { peer, rounds } in peers {
        let median = |part: fn(&Burst) -> f64| Spread::of(rounds.iter().map(part));
        let before = if after == Case::Sleep { "after a sleep" } else { "after computing" };
        write!(out, "| {before} | {peer} |")?;
        let parts: [fn(&Burst) -> f64; 3] = [
            |burst| burst.first_ns.p50,
            |burst| burst.each_other_ns.p50,
            |burst| burst.until_done_ns.p50,
        ];
        for part in parts {
            let seconds = median(part).map_or(0.0, |spread| spread.median / 1e9);
            write!(out, " {} |", duration(seconds))?;
        }
        match Spread::of(rounds.iter().filter_map(|burst| burst.wakes)) {
            Some(wakes) => writeln!(out, " {:.2} |", wakes.median)?,
            None => writeln!(out, " - |")?,
        }
    }
    out.flush()?;
    Ok(())
}
