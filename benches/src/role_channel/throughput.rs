//! `benches role-throughput`: what a message costs when as many are sent as go through.
//!
//! Producers send closures to one consumer for a while, waiting wherever the channel is full, and drop what they get for them. A
//! figure is the time until the last one has run, divided by their number.
//!
//! | cores | producers | consumer |
//! |---|---|---|
//! | `all` | on any core that this process may use, as the kernel likes | bound to one core |
//! | `one` | bound to the consumer's core | bound to one core |
//!
//! With all threads on one core, whoever spins spends the time that the other side needs. A closure carries
//! `bytes`, which the peers put into a box.
//!
//! | file | what it is |
//! |---|---|
//! | `turn` | the producers, and what a turn gives |

mod turn;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

pub use turn::{Amount, Cores, Load, Size};

use super::kind::ChannelKind;
use super::place::Place;
use super::verdict::{Verdict, list, median, paired, rounds_of};
use crate::rounds::{Kind, Spread, Turns, TurnsArgs, ratio, save, take_turns, write_machine};

/// Who takes part. rtrb does where there is one producer.
pub const PEERS: [ChannelKind; 10] = [
    ChannelKind::Amp,
    ChannelKind::Crossbeam,
    ChannelKind::ArrayQueue,
    ChannelKind::DisruptorMp,
    ChannelKind::Tokio,
    ChannelKind::Std,
    ChannelKind::Flume,
    ChannelKind::Kanal,
    ChannelKind::Crossfire,
    ChannelKind::Rtrb,
];

/// With all cores: at most so many times the best peer that many producers may use.
const OF_BEST: f64 = 0.8;
/// With one core: at most so many times the better one of these.
const OF_BLOCKING: f64 = 1.5;
const BLOCKING: [ChannelKind; 2] = [ChannelKind::Std, ChannelKind::Tokio];

/// Options of `benches role-throughput`.
#[derive(Clone, Debug, Args)]
pub struct ThroughputArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<ChannelKind>,
    /// Numbers of producers
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2, 8])]
    pub producers: Vec<usize>,
    /// Which cores the threads have
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Cores::All, Cores::One])]
    pub cores: Vec<Cores>,
    /// What a closure carries
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Size::Small, Size::Line])]
    pub size: Vec<Size>,
    /// Messages that may wait
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub capacity: usize,
    /// How long each turn lasts
    #[arg(long, value_name = "MS", default_value_t = 50)]
    pub turn_ms: u64,
    /// Sends so many messages through each peer and measures nothing, for a tool that counts instructions
    #[arg(long, value_name = "N")]
    pub once: Option<u64>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Row {
    load: Load,
    /// Nanoseconds for a message.
    peers: Vec<Turns<ChannelKind, f64>>,
}

/// Measures all combinations and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, a closure that did not run exactly once, or a thread that cannot be started or bound.
pub fn run(args: &ThroughputArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    ensure!(!args.producers.contains(&0), "--producers must be at least 1");
    ensure!(args.capacity > 0, "--capacity must be at least 1");
    let peers = super::peers(&args.turns, &PEERS)?;
    let place = Place::choose()?;
    let time = Duration::from_millis(if args.turns.quick { 2 } else { args.turn_ms });
    let loads: Vec<_> = loads(args);

    if let Some(messages) = args.once {
        for load in loads {
            for peer in peers.iter().filter(|peer| load.suits(**peer)) {
                load.measure(*peer, &place, Amount::Messages(messages))?;
            }
        }
        return Ok(true);
    }

    let hardware = write_machine(out)?;
    writeln!(out, "{place}")?;
    writeln!(out, "rounds         {rounds}; all peers take turns in each")?;
    writeln!(out, "a turn         {time:?}; at most {} messages wait", args.capacity)?;
    writeln!(out, "figures        for one message, median of the rounds [min..max]")?;
    writeln!(out, "ratios         taken within each round: median [min..max]\n")?;
    writeln!(out, "| cores | producers | bytes | peer | ns for a message | amp by it | targets |")?;
    writeln!(out, "|{}", "---|".repeat(7))?;
    let mut rows = Vec::new();
    let mut passed = true;
    for load in loads {
        let peers: Vec<_> = peers.iter().copied().filter(|peer| load.suits(*peer)).collect();
        let peers = take_turns(&peers, rounds, |peer| {
            load.measure(peer, &place, Amount::Time(time)).with_context(|| peer.to_string())
        })?;
        let row = Row { load, peers };
        let verdict = judge(&row);
        passed &= verdict.as_ref().is_none_or(Verdict::is_met);
        write_row(out, &row, verdict, &place)?;
        rows.push(row);
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

fn loads(args: &ThroughputArgs) -> Vec<Load> {
    let mut loads = Vec::new();
    for cores in &args.cores {
        for producers in &args.producers {
            for size in &args.size {
                let (cores, producers, size) = (*cores, *producers, *size);
                loads.push(Load { cores, producers, size, capacity: args.capacity });
            }
        }
    }
    loads
}

fn write_row(
    out: &mut impl Write,
    row: &Row,
    verdict: Option<Verdict>,
    place: &Place,
) -> anyhow::Result<()> {
    let Load { cores, producers, size, .. } = row.load;
    // The consumer is a thread too.
    let crowded = if cores == Cores::One || producers + 1 > place.cores { "*" } else { "" };
    let ours = rounds_of(&row.peers, ChannelKind::OURS);
    let verdicts: Vec<_> = verdict.into_iter().collect();
    for Turns { peer, rounds } in &row.peers {
        let is_ours = *peer == ChannelKind::OURS;
        let (cores, bytes) = (cores.name(), size.bytes());
        write!(out, "| {cores}{crowded} | {producers} | {bytes} | {peer} |")?;
        if let Some(Spread { median, min, max }) = Spread::of(rounds.iter().copied()) {
            write!(out, " {median:.1} [{min:.1}..{max:.1}]")?;
        }
        let by_it = ours.filter(|_| !is_ours).and_then(|ours| paired(ours, rounds, |nanos| *nanos));
        let verdicts = if is_ours { list(&verdicts) } else { String::new() };
        writeln!(out, " | {} | {verdicts} |", ratio(by_it))?;
    }
    out.flush()?;
    Ok(())
}

/// Beside the best of those that count. `None` where we, or all of them, did not take part.
fn judge(row: &Row) -> Option<Verdict> {
    let (limit, counts): (f64, fn(ChannelKind) -> bool) = match row.load.cores {
        Cores::All => (OF_BEST, |peer| peer != ChannelKind::OURS && peer.has_many_producers()),
        Cores::One => (OF_BLOCKING, |peer| BLOCKING.contains(&peer)),
    };
    let ours = rounds_of(&row.peers, ChannelKind::OURS)?;
    let typical = |turns: &Turns<ChannelKind, f64>| {
        median(&turns.rounds, |nanos| *nanos).unwrap_or(f64::INFINITY)
    };
    let others = row.peers.iter().filter(|turns| counts(turns.peer));
    let best = others.min_by(|a, b| typical(a).total_cmp(&typical(b)))?;
    let spread = paired(ours, &best.rounds, |nanos| *nanos)?;
    Some(Verdict::new(format!("by {}", best.peer), spread.median, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cores: Cores, peers: &[(ChannelKind, f64)]) -> Row {
        let turns =
            |(peer, nanos): &(ChannelKind, f64)| Turns { peer: *peer, rounds: vec![*nanos] };
        let load = Load { cores, producers: 1, size: Size::Small, capacity: 1 };
        Row { load, peers: peers.iter().map(turns).collect() }
    }

    #[test]
    fn with_all_cores_the_best_peer_for_many_producers_counts() {
        let peers = [
            (ChannelKind::Amp, 80.0),
            (ChannelKind::Std, 200.0),
            (ChannelKind::Crossbeam, 100.0),
            (ChannelKind::Rtrb, 10.0),
        ];
        let verdict = judge(&row(Cores::All, &peers)).unwrap();
        assert_eq!(verdict, Verdict::new("by crossbeam", 0.8, 0.8));
        assert!(verdict.is_met());
        let verdict = judge(&row(Cores::One, &peers)).unwrap();
        assert_eq!(verdict, Verdict::new("by std", 0.4, 1.5));
    }

    #[test]
    fn alone_there_is_nothing_to_judge() {
        assert_eq!(judge(&row(Cores::All, &[(ChannelKind::Amp, 1.0)])), None);
        assert_eq!(judge(&row(Cores::All, &[(ChannelKind::Std, 1.0)])), None);
    }
}
