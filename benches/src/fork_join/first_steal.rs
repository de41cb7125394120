//! `benches first-steal`: how long it takes from a fork to its start on another worker.

use std::hint::{black_box, spin_loop};
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use executor_common::sync::atomic::{AtomicU64, Ordering};
use hdrhistogram::Histogram;

use super::fib::fib;
use super::peer::{Chili, Peer, PeerKind, Rayon, Smp};
use crate::hardware::Hardware;
use crate::peers::Workers;
use crate::rounds::{duration, on_a_thread};

/// A fork that nobody has taken by then counts as not taken.
const PATIENCE: Duration = Duration::from_millis(100);

/// After so many of them in a row, a turn ends early.
const HOPELESS: u64 = 10;

/// What the forking worker computes by itself while the other one falls asleep.
const ASLEEP_AFTER: Duration = Duration::from_millis(2);

/// The Fibonacci number that is computed before each sample, as a parallel region.
const REGION: u64 = 20;

/// More than any sample can be.
const HIGHEST_NS: u64 = 1_000_000_000;

/// Options of `benches first-steal`.
#[derive(Clone, Copy, Debug, Args)]
pub struct FirstStealArgs {
    /// How often all peers take turns
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: usize,
    /// Leaves it to the kernel where the workers run, which may be on one CPU
    #[arg(long)]
    pub unpinned: bool,
    /// Samples of a turn with the other worker awake
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub awake: u64,
    /// Samples of a turn with the other worker asleep
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub asleep: u64,
}

/// What the other worker did before the fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// It took part in a parallel region that has just ended.
    Awake,
    /// It has had nothing to do for [`ASLEEP_AFTER`], while the forking worker was computing.
    Asleep,
}

/// What the forking worker does until the fork is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    /// Computes, without a fork.
    Computes,
    /// Forks again and again.
    Forks,
}

/// What is measured in one line of the table for each peer.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    other: Other,
    meanwhile: Meanwhile,
    /// Of one turn.
    samples: u64,
    workers: Workers,
}

/// What came out for one peer.
struct Outcome {
    nanoseconds: Histogram<u64>,
    not_taken: u64,
}

/// Measures it for every peer with two workers, and writes a table.
///
/// # Errors
///
/// Unusable options, or a pool that cannot be built.
pub fn run(args: &FirstStealArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    writeln!(out, "{}", Hardware::read())?;
    let pinned = if args.unpinned { "not pinned" } else { "each pinned to its own CPU" };
    writeln!(out, "workers        2, {pinned}")?;
    writeln!(out, "rounds         {}; all peers take turns in each", args.rounds)?;
    writeln!(
        out,
        "asleep         idle for {} ms while the forking worker computes",
        ASLEEP_AFTER.as_millis()
    )?;
    writeln!(out, "not taken      after {} ms\n", PATIENCE.as_millis())?;
    writeln!(
        out,
        "| other worker | meanwhile | peer | p50 | p90 | p99 | max | taken | not taken |"
    )?;
    writeln!(out, "|{}", "---|".repeat(9))?;
    let workers = Workers { count: 2, pinned: !args.unpinned };
    for other in [Other::Awake, Other::Asleep] {
        let samples = if other == Other::Awake { args.awake } else { args.asleep };
        for meanwhile in [Meanwhile::Computes, Meanwhile::Forks] {
            let scenario = Scenario { other, meanwhile, samples, workers };
            scenario.run(args.rounds, out)?;
        }
    }
    Ok(true)
}

impl Scenario {
    fn run(self, rounds: usize, out: &mut impl Write) -> anyhow::Result<()> {
        let mut outcomes = Vec::new();
        for peer in [PeerKind::Smp, PeerKind::Rayon, PeerKind::Chili] {
            let nanoseconds = Histogram::new_with_bounds(1, HIGHEST_NS, 3)?;
            outcomes.push((peer, Outcome { nanoseconds, not_taken: 0 }));
        }
        for round in 0..rounds {
            let first = round % outcomes.len();
            for at in 0..outcomes.len() {
                let count = outcomes.len();
                let (peer, outcome) = &mut outcomes[(first + at) % count];
                match peer {
                    PeerKind::Smp => on_a_thread(|| self.turn::<Smp>(outcome))?,
                    PeerKind::Rayon => on_a_thread(|| self.turn::<Rayon>(outcome))?,
                    PeerKind::Chili => on_a_thread(|| self.turn::<Chili>(outcome))?,
                    PeerKind::Serial => {}
                }
            }
        }
        for (peer, Outcome { nanoseconds, not_taken }) in &outcomes {
            write!(out, "| {:?} | {:?} | {peer} |", self.other, self.meanwhile)?;
            for value in [
                nanoseconds.value_at_quantile(0.5),
                nanoseconds.value_at_quantile(0.9),
                nanoseconds.value_at_quantile(0.99),
                nanoseconds.max(),
            ] {
                match nanoseconds.is_empty() {
                    true => write!(out, " - |")?,
                    false => write!(out, " {} |", duration(value as f64 / 1e9))?,
                }
            }
            writeln!(out, " {} | {not_taken} |", nanoseconds.len())?;
        }
        out.flush()?;
        Ok(())
    }

    /// One peer's turn, on a pool of its own.
    fn turn<P: Peer>(self, outcome: &mut Outcome) -> anyhow::Result<()> {
        let pool = P::pool(self.workers)?;
        P::install(&pool, |scope| {
            let mut in_a_row = 0;
            for _ in 0..self.samples {
                black_box(fib::<P>(scope, black_box(REGION)));
                if self.other == Other::Asleep {
                    let start = Instant::now();
                    while start.elapsed() < ASLEEP_AFTER {
                        spin_loop();
                    }
                }
                match first_steal::<P>(scope, self.meanwhile) {
                    Some(taken) => {
                        in_a_row = 0;
                        outcome.nanoseconds.saturating_record(taken.as_nanos() as u64);
                    }
                    None => {
                        in_a_row += 1;
                        outcome.not_taken += 1;
                    }
                }
                if in_a_row == HOPELESS {
                    break;
                }
            }
        });
        Ok(())
    }
}

/// Forks, and waits until another worker has started the fork: how long that took. `None` if patience ran out.
fn first_steal<P: Peer>(scope: &mut P::Scope<'_>, meanwhile: Meanwhile) -> Option<Duration> {
    /// Neither started nor missed.
    const WAITING: u64 = u64::MAX;
    let started = AtomicU64::new(WAITING);
    let fork = Instant::now();
    let (taken, ()) = P::join(
        scope,
        |scope| {
            loop {
                // Ordering: Relaxed. The value itself is all that is read.
                let after = started.load(Ordering::Relaxed);
                if after != WAITING {
                    return Some(Duration::from_nanos(after));
                }
                if fork.elapsed() > PATIENCE {
                    return None;
                }
                match meanwhile {
                    Meanwhile::Computes => spin_loop(),
                    Meanwhile::Forks => drop(P::join(scope, |_| (), |_| ())),
                }
            }
        },
        |_| started.store(fork.elapsed().as_nanos() as u64, Ordering::Relaxed),
    );
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fork that starts on the forking worker, after the wait, is no steal.
    #[test]
    fn without_another_worker_nothing_is_taken() {
        let pool = Rayon::pool(Workers::unpinned(1)).unwrap();
        let taken = Rayon::install(&pool, |scope| first_steal::<Rayon>(scope, Meanwhile::Computes));
        assert_eq!(taken, None);
    }
}
