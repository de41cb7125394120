//! `benches role-latency`: how long one message takes to a core that spins for it, and back.
//!
//! A turn's messages come one at a time, each after a pause in which the receiver has nothing to do, so that every message meets a
//! receiver that spins. `one-way` ends with the task's first instruction, a reading of the clock. `round-trip` ends when the
//! sender has seen the task's end: through its handle on AMP, on the others through a word in a cache line of its own.
//!
//! `flag` is the floor. `flag-box` less `flag` is the cost of one allocation that is freed on the other core.

use std::io::Write;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::consumer::{Setup, Waiting};
use super::exchange::{Turn, Way, clock_ns};
use super::kind::ChannelKind;
use super::place::Place;
use super::verdict::{Verdict, list, median, paired, rounds_of};
use super::write_percentiles;
use crate::rounds::{Kind, Percentiles, Turns, TurnsArgs, ratio, save, take_turns, write_machine};

/// Who takes part.
pub const PEERS: [ChannelKind; 9] = [
    ChannelKind::Amp,
    ChannelKind::Flag,
    ChannelKind::FlagBox,
    ChannelKind::Rtrb,
    ChannelKind::Disruptor,
    ChannelKind::ArrayQueue,
    ChannelKind::Crossbeam,
    ChannelKind::Std,
    ChannelKind::Tokio,
];

/// One way, p50: at most so many times the floor, with the cost of one allocation added.
const OF_FLOOR: f64 = 1.5;
/// One way: p99 by p50.
const P99_BY_P50: f64 = 2.0;

/// A turn of a peer that sleeps by nature ends after this.
const PATIENCE: Duration = Duration::from_millis(400);

const CAPACITY: usize = 64;

/// Options of `benches role-latency`.
#[derive(Clone, Debug, Args)]
pub struct LatencyArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<ChannelKind>,
    /// Messages of a turn, at most
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub messages: u64,
    /// Microseconds from the end of one message to the next
    #[arg(long, value_name = "US", default_value_t = 10)]
    pub pause_us: u64,
    /// Only ways whose name contains one of these: one-way, round-trip
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub filter: Vec<String>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    way: Way,
    /// Nanoseconds.
    peers: Vec<Turns<ChannelKind, Percentiles>>,
}

/// Measures both ways and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, or a thread that cannot be started or bound.
pub fn run(args: &LatencyArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    ensure!(args.messages > 0, "--messages must be at least 1");
    let mut ways = vec![Way::OneWay, Way::RoundTrip];
    ways.retain(|way| {
        args.filter.is_empty() || args.filter.iter().any(|part| way.name().contains(part))
    });
    ensure!(!ways.is_empty(), "--filter leaves no way");
    let peers = super::peers(&args.turns, &PEERS)?;
    let place = Place::choose()?;
    let samples = if args.turns.quick { 50 } else { args.messages };
    let pause = Duration::from_micros(args.pause_us);

    let hardware = write_machine(out)?;
    writeln!(out, "{place}")?;
    writeln!(out, "clock          {:.1} ns for a reading, one in each figure", clock_ns())?;
    writeln!(out, "rounds         {rounds}; all peers take turns in each")?;
    writeln!(out, "a turn         {samples} messages, {pause:?} apart, or {PATIENCE:?}")?;
    writeln!(out, "figures        medians over the rounds of each round's percentile")?;
    writeln!(out, "ratios         p50, taken within each round: median [min..max]\n")?;
    writeln!(out, "| way | peer | p50 | p90 | p99 | p99.9 | max | amp by it | targets |")?;
    writeln!(out, "|{}", "---|".repeat(9))?;
    let mut rows = Vec::new();
    let mut passed = true;
    for way in ways {
        let setup = Setup {
            place: place.clone(),
            producers: 1,
            capacity: CAPACITY,
            waiting: Waiting::Spin,
        };
        let turn = Turn { way, setup, samples, pause, patience: PATIENCE };
        let peers = take_turns(&peers, rounds, |peer| turn.measure(peer))?;
        let row = Row { way, peers };
        let verdicts = judge(&row);
        passed &= verdicts.iter().all(Verdict::is_met);
        write_row(out, &row, &verdicts)?;
        rows.push(row);
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

fn write_row(out: &mut impl Write, row: &Row, verdicts: &[Verdict]) -> anyhow::Result<()> {
    let ours = rounds_of(&row.peers, ChannelKind::OURS);
    for Turns { peer, rounds } in &row.peers {
        let is_ours = *peer == ChannelKind::OURS;
        write!(out, "| {} | {peer} |", row.way.name())?;
        write_percentiles(out, Percentiles::medians(rounds.iter().copied()))?;
        let by_it = ours.filter(|_| !is_ours).and_then(|ours| paired(ours, rounds, |all| all.p50));
        let verdicts = if is_ours { list(verdicts) } else { String::new() };
        writeln!(out, " {} | {verdicts} |", ratio(by_it))?;
    }
    out.flush()?;
    Ok(())
}

fn judge(row: &Row) -> Vec<Verdict> {
    let of = |kind| rounds_of(&row.peers, kind);
    let Some(ours) = of(ChannelKind::OURS) else { return Vec::new() };
    let mut verdicts = Vec::new();
    if row.way == Way::OneWay {
        if let (Some(floor), Some(boxed)) = (of(ChannelKind::Flag), of(ChannelKind::FlagBox)) {
            let limits: Vec<_> = floor
                .iter()
                .zip(boxed)
                .map(|(floor, boxed)| OF_FLOOR * floor.p50 + (boxed.p50 - floor.p50).max(0.0))
                .collect();
            let ours: Vec<_> = ours.iter().map(|all| all.p50).collect();
            if let Some(spread) = paired(&ours, &limits, |value| *value) {
                let what = format!("p50 by ({OF_FLOOR} flag + allocation)");
                verdicts.push(Verdict::new(what, spread.median, 1.0));
            }
        }
        if let Some(value) = median(ours, |all| all.p99 / all.p50) {
            verdicts.push(Verdict::new("p99 by p50", value, P99_BY_P50));
        }
    }
    let crossbeam = of(ChannelKind::Crossbeam);
    if let Some(spread) = crossbeam.and_then(|other| paired(ours, other, |all| all.p50)) {
        verdicts.push(Verdict::new("p50 by crossbeam", spread.median, 1.0));
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(peer: ChannelKind, p50: [f64; 3], p99: f64) -> Turns<ChannelKind, Percentiles> {
        let round = |p50| Percentiles { p50, p99, ..Percentiles::default() };
        Turns { peer, rounds: p50.into_iter().map(round).collect() }
    }

    #[test]
    fn the_floor_and_the_allocation_are_those_of_the_same_round() {
        let peers = vec![
            peer(ChannelKind::Amp, [130.0, 260.0, 130.0], 300.0),
            peer(ChannelKind::Flag, [60.0, 120.0, 60.0], 0.0),
            // 10, 20 and 10 more than the floor: limits of 100, 200 and 100.
            peer(ChannelKind::FlagBox, [70.0, 140.0, 70.0], 0.0),
            peer(ChannelKind::Crossbeam, [130.0, 260.0, 1.0], 0.0),
        ];
        let one_way = judge(&Row { way: Way::OneWay, peers: peers.clone() });
        let [floor, own, crossbeam] = &one_way[..] else { panic!("{one_way:?}") };
        assert_eq!((floor.value, floor.is_met()), (1.3, false));
        assert!((own.value - 300.0 / 130.0).abs() < 1e-9 && !own.is_met());
        assert_eq!((crossbeam.value, crossbeam.is_met()), (1.0, true));
        assert_eq!(judge(&Row { way: Way::RoundTrip, peers }).len(), 1);
    }

    #[test]
    fn without_ours_there_is_nothing_to_judge() {
        let peers = vec![peer(ChannelKind::Flag, [60.0; 3], 0.0)];
        assert_eq!(judge(&Row { way: Way::OneWay, peers }), []);
    }
}
