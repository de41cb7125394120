//! `benches lending`: its options, the rounds, the table.

use std::io::Write;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::turn::{Lender, Lending, Round, Turn};
use crate::realtime::places::Places;
use crate::realtime::turn::PERIOD;
use crate::rounds::Percentiles;
use crate::rounds::{
    Spread, Turns, TurnsArgs, duration, ratio, save, take_turns, time_of, write_machine,
};
use crate::work::Speed;

/// What a task of the lender's own stream computes.
const OWN_TASK: Duration = Duration::from_micros(20);

/// The busy role is to gain at least so much of what the lender's core could add.
const SHARE_LIMIT: f64 = 0.5;

/// Options of `benches lending`.
#[derive(Clone, Debug, Args)]
pub struct LendingArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<Lending>,
    /// How long a turn lasts
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub seconds: f64,
    /// How long the tasks of the busy role take, in microseconds, one case for each
    #[arg(long, value_name = "US", value_delimiter = ',', default_values_t = [50, 1000])]
    pub load: Vec<u64>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    load_us: u64,
    lender: Lender,
    peers: Vec<Turns<Lending, Round>>,
}

/// Measures, and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, an executor that cannot be built, or metrics that contradict each other.
pub fn run(args: &LendingArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    let time = time_of(args.seconds, PERIOD)?;
    let time = if args.turns.quick { 20 * PERIOD } else { time };
    ensure!(args.load.iter().all(|us| (1..=100_000).contains(us)), "--load must be 1 to 100000");
    let places = Places::read()?;
    let peers = args.turns.peers(&[Lending::Off, Lending::On]);
    let speed = Speed::measure();

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {rounds}; lending off and on take turns in each")?;
    writeln!(out, "a turn         {time:?}")?;
    writeln!(out, "lender         {places}")?;
    writeln!(out, "stream         each {PERIOD:?} a task of {OWN_TASK:?}; how late it begins")?;
    writeln!(
        out,
        "figures        medians over the rounds; ratios within each: median [min..max]\n"
    )?;
    writeln!(
        out,
        "| busy role's tasks | lender | lending | busy tasks/s | gained | stream p50 | p90 | p99 | p99.9 | max | missed | p99 on/off | lent | borrowed | targets |"
    )?;
    writeln!(out, "|{}", "---|".repeat(15))?;
    let mut rows = Vec::new();
    let mut passed = true;
    for load_us in &args.load {
        for lender in [Lender::Idle, Lender::Stream] {
            let load_time = Duration::from_micros(*load_us);
            let turn = Turn {
                lender,
                own_task: speed.work(OWN_TASK),
                busy_task: speed.work(load_time),
                time,
                places: places.clone(),
            };
            let of_peers = take_turns(&peers, rounds, |lending| turn.run(lending))?;
            let row = Row { load_us: *load_us, lender, peers: of_peers };
            passed &= write_row(out, &row, &places)?;
            rows.push(row);
        }
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

/// The ratios of on to off, round by round.
fn on_by_off(row: &Row, part: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
    let of = |lending| row.peers.iter().find(|turns| turns.peer == lending);
    let (off, on) = (of(Lending::Off)?, of(Lending::On)?);
    let ratio = |(on, off): (&Round, &Round)| Some(part(on)? / part(off)?);
    Spread::of(on.rounds.iter().zip(&off.rounds).filter_map(ratio))
}

/// True if no target was missed.
fn write_row(out: &mut impl Write, row: &Row, places: &Places) -> anyhow::Result<bool> {
    let gained = on_by_off(row, |round| Some(round.busy_per_second));
    let lost = on_by_off(row, |round| Some(round.lateness_ns?.p99));
    let mut passed = true;
    for Turns { peer, rounds } in &row.peers {
        let median = |part: fn(&Round) -> f64| {
            Spread::of(rounds.iter().map(part)).map_or(0.0, |spread| spread.median)
        };
        write!(
            out,
            "| {:?} | {} | {peer} |",
            Duration::from_micros(row.load_us),
            row.lender.name()
        )?;
        write!(out, " {:.0} |", median(|round| round.busy_per_second))?;
        let is_on = *peer == Lending::On;
        write!(out, " {} |", ratio(gained.filter(|_| is_on)))?;
        match row.lender {
            Lender::Idle => write!(out, "{}", " - |".repeat(6))?,
            Lender::Stream => {
                let lateness = rounds.iter().filter_map(|round| round.lateness_ns);
                for value in Percentiles::medians(lateness).values() {
                    write!(out, " {} |", duration(value / 1e9))?;
                }
                let missed: u64 = rounds.iter().map(|round| round.missed).sum();
                write!(out, " {missed} |")?;
            }
        }
        write!(out, " {} |", ratio(lost.filter(|_| is_on)))?;
        let lent = median(|round| round.lent as f64);
        write!(out, " {lent:.0} | {:.0} |", median(|round| round.borrowed as f64))?;
        // On a single CPU there is nothing to gain.
        let judged = gained.filter(|_| is_on && !places.oversubscribed);
        match judged {
            Some(gained) => {
                let limit = 1.0 + SHARE_LIMIT / places.others.len() as f64;
                let met = gained.median >= limit;
                passed &= met;
                let verdict = if met { "met" } else { "MISSED" };
                writeln!(out, " gained >= {limit:.2} {verdict} |")?;
            }
            None => writeln!(out, "  |")?,
        }
    }
    out.flush()?;
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gained_is_told_within_rounds() {
        let round = |busy_per_second| Round {
            busy_per_second,
            lateness_ns: None,
            missed: 0,
            lent: 0,
            borrowed: 0,
        };
        let turns = |peer, speeds: [f64; 3]| Turns { peer, rounds: speeds.map(round).to_vec() };
        let row = Row {
            load_us: 50,
            lender: Lender::Idle,
            peers: vec![
                turns(Lending::Off, [1.0, 10.0, 1.0]),
                turns(Lending::On, [2.0, 15.0, 1.9]),
            ],
        };
        let gained = on_by_off(&row, |round| Some(round.busy_per_second));
        assert_eq!(gained, Some(Spread { median: 1.9, min: 1.5, max: 2.0 }));
        assert_eq!(on_by_off(&row, |round| Some(round.lateness_ns?.p99)), None);
    }
}
