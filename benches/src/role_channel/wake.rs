//! `benches role-wake`: how long a message takes to a core whose thread sleeps, and what bursts of messages cost.
//!
//! The sender computes on its own core between two messages, or two bursts, until the receiver has slept for a while. `futex` and
//! `park` are two threads and one word, without a queue: what the kernel takes.
//!
//! Of a burst there are the sender's time for a message, the time until the last one runs, and how often the receiver was
//! woken: by the kernel's count of its thread's waits, and by the executor's own metrics.
//!
//! | file | what it is |
//! |---|---|
//! | `burst` | a turn of bursts |

mod burst;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

use burst::{Burst, BurstTurn};

use super::consumer::{Setup, Waiting};
use super::exchange::{Turn, Way, clock_ns};
use super::kind::ChannelKind;
use super::place::Place;
use super::verdict::{Verdict, list, median, paired, rounds_of};
use super::write_percentiles;
use crate::rounds::{
    Kind, Percentiles, Turns, TurnsArgs, duration, ratio, save, take_turns, write_machine,
};

/// Who takes part. Those without a queue do where one message is sent.
pub const PEERS: [ChannelKind; 6] = [
    ChannelKind::Amp,
    ChannelKind::Futex,
    ChannelKind::Park,
    ChannelKind::Crossbeam,
    ChannelKind::Tokio,
    ChannelKind::Std,
];

/// p50 and p99 of one message by those of the bare futex.
const OF_FUTEX: f64 = 1.1;
/// The burst that is judged, and the wake-ups that it may cost.
const JUDGED: (u64, f64) = (800, 1.0);

/// Longer than any turn.
const PATIENCE: Duration = Duration::from_secs(10);

const CAPACITY: usize = 1024;

/// Options of `benches role-wake`.
#[derive(Clone, Debug, Args)]
pub struct WakeArgs {
    /// Those that everything has in which peers take turns.
    #[command(flatten)]
    pub turns: TurnsArgs<ChannelKind>,
    /// Single messages of a turn
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub messages: u64,
    /// Bursts of a turn, of each size
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub bursts: u64,
    /// Sizes of bursts; at most 1024
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 8, 80, 800])]
    pub sizes: Vec<u64>,
    /// Microseconds that the receiver has nothing to do before each message or burst
    #[arg(long, value_name = "US", default_value_t = 2000)]
    pub idle_us: u64,
}

/// What `--json` writes.
#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    /// Nanoseconds.
    Single {
        way: Way,
        peers: Vec<Turns<ChannelKind, Percentiles>>,
    },
    Burst {
        messages: u64,
        peers: Vec<Turns<ChannelKind, Burst>>,
    },
}

/// Measures single messages and bursts and writes two tables. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, or a thread that cannot be started or bound.
pub fn run(args: &WakeArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let rounds = args.turns.rounds()?;
    ensure!(args.messages > 0, "--messages must be at least 1");
    ensure!(args.bursts > 0, "--bursts must be at least 1");
    let sizes_fit = args.sizes.iter().all(|size| (1..=CAPACITY as u64).contains(size));
    ensure!(sizes_fit, "--sizes must be between 1 and {CAPACITY}");
    let peers = super::peers(&args.turns, &PEERS)?;
    let place = Place::choose()?;
    let (samples, bursts) = if args.turns.quick { (5, 3) } else { (args.messages, args.bursts) };
    let pause = Duration::from_micros(args.idle_us);

    let hardware = write_machine(out)?;
    writeln!(out, "{place}")?;
    writeln!(out, "clock          {:.1} ns for a reading, one in each figure", clock_ns())?;
    writeln!(out, "rounds         {rounds}; all peers take turns in each")?;
    writeln!(out, "a turn         {samples} messages, or {bursts} bursts, {pause:?} apart")?;
    writeln!(out, "figures        medians over the rounds of each round's percentile")?;
    writeln!(out, "ratios         p50, taken within each round: median [min..max]\n")?;
    let setup = Setup { place, producers: 1, capacity: CAPACITY, waiting: Waiting::Park };

    let way = Way::OneWay;
    let turn = Turn { way, setup: setup.clone(), samples, pause, patience: PATIENCE };
    let of_peers = take_turns(&peers, rounds, |peer| turn.measure(peer))?;
    let verdicts = judge_single(&of_peers);
    let mut passed = verdicts.iter().all(Verdict::is_met);
    write_single(out, &of_peers, &verdicts)?;
    let mut rows = vec![Row::Single { way, peers: of_peers }];

    writeln!(
        out,
        "\n| messages | peer | send, each | until the last one runs | until it runs, p99 | wake-ups, kernel | wake-ups, metrics | targets |"
    )?;
    writeln!(out, "|{}", "---|".repeat(8))?;
    let with_queue = |peer: &ChannelKind| !matches!(peer, ChannelKind::Futex | ChannelKind::Park);
    let peers: Vec<_> = peers.into_iter().filter(with_queue).collect();
    for messages in &args.sizes {
        let turn = BurstTurn { setup: setup.clone(), messages: *messages, bursts, pause };
        let of_peers =
            take_turns(&peers, rounds, |peer| peer.measure(turn.clone()).context("no queue")?)?;
        let verdicts = judge_burst(*messages, &of_peers);
        passed &= verdicts.iter().all(Verdict::is_met);
        write_burst(out, *messages, &of_peers, &verdicts)?;
        rows.push(Row::Burst { messages: *messages, peers: of_peers });
    }
    if let Some(path) = &args.turns.json {
        save(path, &hardware, &rows)?;
    }
    Ok(passed || !args.turns.check)
}

fn judge_single(peers: &[Turns<ChannelKind, Percentiles>]) -> Vec<Verdict> {
    let ours = rounds_of(peers, ChannelKind::OURS);
    let Some((ours, futex)) = ours.zip(rounds_of(peers, ChannelKind::Futex)) else {
        return Vec::new();
    };
    let judge = |what, part: fn(&Percentiles) -> f64| {
        Some(Verdict::new(what, paired(ours, futex, part)?.median, OF_FUTEX))
    };
    let verdicts = [judge("p50 by futex", |all| all.p50), judge("p99 by futex", |all| all.p99)];
    verdicts.into_iter().flatten().collect()
}

/// Half of the bursts at least have to do with the one wake-up.
fn judge_burst(messages: u64, peers: &[Turns<ChannelKind, Burst>]) -> Vec<Verdict> {
    if messages != JUDGED.0 {
        return Vec::new();
    }
    let ours = rounds_of(peers, ChannelKind::OURS).unwrap_or_default();
    let wakes = median(ours, |burst| burst.own_wakes.map_or(f64::NAN, |wakes| wakes.median));
    wakes.map(|wakes| Verdict::new("wake-ups", wakes, JUDGED.1)).into_iter().collect()
}

fn write_single(
    out: &mut impl Write,
    peers: &[Turns<ChannelKind, Percentiles>],
    verdicts: &[Verdict],
) -> anyhow::Result<()> {
    writeln!(out, "| peer | p50 | p90 | p99 | p99.9 | max | amp by it | targets |")?;
    writeln!(out, "|{}", "---|".repeat(8))?;
    let ours = rounds_of(peers, ChannelKind::OURS);
    for Turns { peer, rounds } in peers {
        let is_ours = *peer == ChannelKind::OURS;
        write!(out, "| {peer} |")?;
        write_percentiles(out, Percentiles::medians(rounds.iter().copied()))?;
        let by_it = ours.filter(|_| !is_ours).and_then(|ours| paired(ours, rounds, |all| all.p50));
        let verdicts = if is_ours { list(verdicts) } else { String::new() };
        writeln!(out, " {} | {verdicts} |", ratio(by_it))?;
    }
    out.flush()?;
    Ok(())
}

fn write_burst(
    out: &mut impl Write,
    messages: u64,
    peers: &[Turns<ChannelKind, Burst>],
    verdicts: &[Verdict],
) -> anyhow::Result<()> {
    for Turns { peer, rounds } in peers {
        let time = |part: fn(&Burst) -> f64| duration(median(rounds, part).unwrap_or(0.0) / 1e9);
        write!(out, "| {messages} | {peer} | {} |", time(|burst| burst.send_each_ns.p50))?;
        write!(out, " {} |", time(|burst| burst.until_last_ns.p50))?;
        write!(out, " {} |", time(|burst| burst.until_last_ns.p99))?;
        for part in [|burst: &Burst| burst.kernel_wakes, |burst: &Burst| burst.own_wakes] {
            let all: Option<Vec<_>> = rounds.iter().map(part).collect();
            match all.and_then(|all| {
                median(&all, |wakes| wakes.median).zip(median(&all, |wakes| wakes.mean))
            }) {
                Some((median, mean)) => write!(out, " {median:.0} (mean {mean:.2}) |")?,
                None => write!(out, " - |")?,
            }
        }
        let verdicts = if *peer == ChannelKind::OURS { list(verdicts) } else { String::new() };
        writeln!(out, " {verdicts} |")?;
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::burst::Wakes;
    use super::*;

    #[test]
    fn both_percentiles_are_compared_with_the_futex() {
        let peer = |peer, p50, p99| {
            let round = Percentiles { p50, p99, ..Percentiles::default() };
            Turns { peer, rounds: vec![round] }
        };
        let peers = [
            peer(ChannelKind::Amp, 110.0, 240.0),
            peer(ChannelKind::Futex, 100.0, 200.0),
            peer(ChannelKind::Std, 1.0, 1.0),
        ];
        let verdicts = judge_single(&peers);
        let [p50, p99] = &verdicts[..] else { panic!("{verdicts:?}") };
        assert_eq!((p50.value, p50.is_met()), (1.1, true));
        assert_eq!((p99.value, p99.is_met()), (1.2, false));
        assert_eq!(judge_single(&peers[1..]), []);
    }

    #[test]
    fn a_burst_that_is_woken_for_more_than_once_is_a_miss() {
        let turns = |median| {
            let own_wakes = Some(Wakes { median, mean: median });
            let burst = Burst { own_wakes, ..Burst::default() };
            [Turns { peer: ChannelKind::Amp, rounds: vec![burst] }]
        };
        assert!(judge_burst(800, &turns(1.0))[0].is_met());
        assert!(!judge_burst(800, &turns(2.0))[0].is_met());
        assert_eq!(judge_burst(80, &turns(2.0)), []);
    }
}
