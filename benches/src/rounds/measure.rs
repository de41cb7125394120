//! Rounds in which all peers take turns.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::depth::DEPTHS;
use super::figures::Figures;
use super::program::{AnyProgram, Kind, Prepared};
use crate::peers::Workers;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan<K> {
    /// Numbers of workers, one row for each.
    pub workers: Vec<usize>,
    /// Whether each worker is bound to a CPU of its own.
    pub pinned: bool,
    /// Who takes part, where the program suits.
    pub peers: Vec<K>,
    /// How often everybody has a turn. The ratios are taken within a round.
    pub rounds: usize,
    /// Whether a turn begins with runs that are not timed.
    pub warm_up: bool,
    /// A value is the median of at least so many repetitions.
    pub min_repetitions: usize,
    /// Runs of a short program that are timed together take so long.
    pub repetition: Duration,
    /// While a turn has lasted less, it goes on, to at most [`MAX_REPETITIONS`].
    pub turn: Duration,
    /// A turn that has lasted longer than this, the part that is not timed included, ends after its next repetition.
    pub patience: Duration,
}

/// More repetitions than this do not make a median better.
pub const MAX_REPETITIONS: usize = 9;

impl<K> Plan<K> {
    /// What the figures are made with.
    pub fn full(workers: Vec<usize>, peers: Vec<K>, rounds: usize) -> Self {
        Self {
            workers,
            pinned: false,
            peers,
            rounds,
            warm_up: true,
            min_repetitions: 3,
            repetition: Duration::from_millis(10),
            turn: Duration::from_millis(100),
            patience: Duration::from_secs(10),
        }
    }

    /// Shows that it runs, and measures nothing.
    pub fn quick(workers: Vec<usize>, peers: Vec<K>, rounds: usize) -> Self {
        Self {
            min_repetitions: 1,
            repetition: Duration::from_micros(500),
            turn: Duration::ZERO,
            ..Self::full(workers, peers, rounds)
        }
    }
}

/// Measures one program: figures for each number of workers.
///
/// All peers have a turn in every round, right after each other, and who begins changes from round to round. In its turn a
/// peer builds its pool, warms up, is timed, and ends its pool, so that no pool ever waits beside another.
///
/// # Errors
///
/// A result is wrong, or a pool cannot be built.
pub fn measure<K: Kind>(
    program: &dyn AnyProgram<K>,
    plan: &Plan<K>,
) -> anyhow::Result<Vec<Figures<K>>> {
    let mut prepared = program.prepare();
    let once = prepared.takes()?.max(Duration::from_nanos(10));
    let runs = plan.repetition.as_nanos().div_ceil(once.as_nanos()).max(1) as u64;
    let mut rows: Vec<_> =
        plan.workers.iter().map(|workers| Figures::new(program.name(), *workers)).collect();
    for round in 0..plan.rounds {
        for row in &mut rows {
            let mut peers = plan.peers.clone();
            peers.retain(|peer| program.suits(*peer) && peer.can_have(row.workers));
            for peer in in_turn(peers.len(), round).map(|place| peers[place]) {
                let workers = Workers { count: row.workers, pinned: plan.pinned };
                let mut seconds =
                    on_a_thread(|| turn(&mut *prepared, peer, workers, runs, round, plan))?;
                for each in &mut seconds {
                    *each /= program.operations() as f64;
                }
                row.add(peer, seconds);
            }
        }
    }
    Ok(rows)
}

/// The order of a round of so many, by number: who begins changes from round to round.
pub(crate) fn in_turn(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}

/// What one peer gave, turn by turn.
#[derive(Clone, Debug, Serialize)]
pub struct Turns<K, R> {
    /// Who.
    pub peer: K,
    /// One value for each round.
    pub rounds: Vec<R>,
}

/// Lets all peers have a turn in every round, each on a thread that ends with it.
///
/// # Errors
///
/// That of the first turn that fails.
pub fn take_turns<K: Kind, R: Send>(
    peers: &[K],
    rounds: usize,
    turn: impl Fn(K) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<Turns<K, R>>> {
    let mut all: Vec<_> =
        peers.iter().map(|peer| Turns { peer: *peer, rounds: Vec::new() }).collect();
    for round in 0..rounds {
        for place in in_turn(peers.len(), round) {
            let value = on_a_thread(|| turn(peers[place]))?;
            all[place].rounds.push(value);
        }
    }
    Ok(all)
}

/// Runs `turn` on a thread that ends with it, and with it whatever it was pinned to.
pub fn on_a_thread<R: Send>(turn: impl FnOnce() -> R + Send) -> R {
    let ended = std::thread::scope(|scope| scope.spawn(turn).join());
    ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// One peer's turn: seconds that one run takes, by repetition.
fn turn<K: Kind>(
    prepared: &mut (dyn Prepared<K> + Send),
    peer: K,
    workers: Workers,
    runs: u64,
    round: usize,
    plan: &Plan<K>,
) -> anyhow::Result<Vec<f64>> {
    let mut contender = prepared.on(peer, workers)?;
    let start = Instant::now();
    if plan.warm_up {
        contender.time(runs, 0);
        contender.check()?;
    }
    let mut total = Duration::ZERO;
    let mut seconds = Vec::new();
    while seconds.len() < plan.min_repetitions
        || (total < plan.turn && seconds.len() < MAX_REPETITIONS)
    {
        // Repetitions and rounds go over the depths in steps that meet all of them.
        let depth = (5 * round + 2 * seconds.len()) % DEPTHS;
        let taken = contender.time(runs, depth);
        total += taken;
        seconds.push(taken.as_secs_f64() / runs as f64);
        if start.elapsed() > plan.patience {
            break;
        }
    }
    contender.check()?;
    Ok(seconds)
}
