//! `benches realtime`: its options, the rounds, the table.

use std::io::Write;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::contestant::Contestant;
use super::judge::{Verdict, judge};
use super::places::Places;
use super::turn::{PERIOD, Round, Turn};
use crate::rounds::Percentiles;
use crate::rounds::{Spread, Turns, TurnsArgs, duration, save, take_turns, time_of, write_machine};
use crate::work::Speed;

/// What the task computes.
const TASK: Duration = Duration::from_micros(20);

/// Options of `benches realtime`.
#[derive(Clone, Debug, Args)]
pub struct RealtimeArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<Contestant>,
    /// How long a turn lasts
    #[arg(long, value_name = "S", default_value_t = 0.4)]
    pub seconds: f64,
    /// How long the tasks of the load take, in microseconds, one table for each
    #[arg(long, value_name = "US", value_delimiter = ',', default_values_t = [50, 1000])]
    pub load: Vec<u64>,
    /// How long before an instant those who sleep begin to spin, in microseconds
    #[arg(long, value_name = "US", default_value_t = 200)]
    pub window: u64,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    load_us: u64,
    peers: Vec<Turns<Contestant, Round>>,
}

/// Measures, and writes a table for each load. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, or a pool that cannot be built.
pub fn run(args: &RealtimeArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    let time = time_of(args.seconds, PERIOD)?;
    ensure!(args.load.iter().all(|us| (1..=100_000).contains(us)), "--load must be 1 to 100000");
    // What AMP takes for a window.
    ensure!(args.window <= 10_000, "--window must be at most 10000");
    let places = Places::read()?;
    let mut peers = args.turns.peers(&Contestant::ALL);
    peers.retain(|peer| peer.suits(&places));
    ensure!(!peers.is_empty(), "--peer: who spins needs a CPU of its own");
    let time = if args.turns.quick { 20 * PERIOD } else { time };
    let ticks = (time.as_nanos() / PERIOD.as_nanos()) as usize;
    let speed = Speed::measure();

    let hardware = write_machine(out)?;
    writeln!(out, "rounds         {rounds}; all peers take turns in each")?;
    writeln!(out, "a turn         {ticks} runs, one each {PERIOD:?}, of {TASK:?}")?;
    writeln!(out, "lateness       from the instant a run is due to its first instruction")?;
    writeln!(
        out,
        "missed         runs that never began; as late as the next one that did; of all rounds"
    )?;
    writeln!(out, "a core of its own {places}")?;
    writeln!(out, "spin window    {} us; also of the feeders", args.window)?;
    writeln!(out, "figures        medians over the rounds of each round's percentile")?;
    let mut rows = Vec::new();
    let mut passed = true;
    for load_us in &args.load {
        let load_time = Duration::from_micros(*load_us);
        let turn = |contestant| Turn {
            contestant,
            task: speed.work(TASK),
            load_task: speed.work(load_time),
            load_time,
            ticks,
            window: Duration::from_micros(args.window),
            places: places.clone(),
        };
        let of_peers = take_turns(&peers, rounds, |peer| turn(peer).run())?;
        passed &= write_table(out, load_time, &of_peers)?;
        rows.push(Row { load_us: *load_us, peers: of_peers });
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

/// True if no target was missed.
fn write_table(
    out: &mut impl Write,
    load_time: Duration,
    all: &[Turns<Contestant, Round>],
) -> anyhow::Result<bool> {
    writeln!(
        out,
        "\n| load of {load_time:?} tasks | p50 | p90 | p99 | p99.9 | max | missed | feeder p99 | load, tasks/s | class | targets |"
    )?;
    writeln!(out, "|{}", "---|".repeat(11))?;
    let mut passed = true;
    for Turns { peer, rounds } in all {
        let lateness = Percentiles::medians(rounds.iter().map(|round| round.lateness_ns));
        write!(out, "| {peer} |")?;
        for value in lateness.values() {
            write!(out, " {} |", duration(value / 1e9))?;
        }
        let runs: u64 = rounds.iter().map(|round| round.missed).sum();
        write!(out, " {runs} |")?;
        match Spread::of(rounds.iter().filter_map(|round| Some(round.fed_ns?.p99))) {
            Some(fed) => write!(out, " {} |", duration(fed.median / 1e9))?,
            None => write!(out, " - |")?,
        }
        let load = Spread::of(rounds.iter().map(|round| round.load_per_second));
        write!(out, " {:.0} |", load.map_or(0.0, |spread| spread.median))?;
        let class = rounds.first().map_or("", |round| &round.class);
        let verdicts = judge(*peer, all);
        passed &= verdicts.iter().all(Verdict::is_met);
        let verdicts: Vec<_> = verdicts.iter().map(Verdict::to_string).collect();
        writeln!(out, " {class} | {} |", verdicts.join(", "))?;
    }
    out.flush()?;
    Ok(passed)
}
