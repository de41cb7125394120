//! Rounds in which all peers take turns.

use std::time::Duration;

use super::depth::DEPTHS;
use super::figures::Figures;
use super::peer::PeerKind;
use super::program::{AnyProgram, Prepared};
use super::workers::Workers;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Numbers of workers, one row for each.
    pub workers: Vec<usize>,
    /// Whether each worker is bound to a CPU of its own.
    pub pinned: bool,
    /// Who takes part, where the program suits.
    pub peers: Vec<PeerKind>,
    /// How often everybody has a turn. The ratios are taken within a round.
    pub rounds: usize,
    /// A value is the median of at least so many repetitions.
    pub min_repetitions: usize,
    /// Runs of a short program that are timed together take so long.
    pub repetition: Duration,
    /// While a turn has lasted less, it goes on, to at most [`MAX_REPETITIONS`].
    pub turn: Duration,
}

/// More repetitions than this do not make a median better.
pub const MAX_REPETITIONS: usize = 9;

impl Plan {
    /// What the figures are made with.
    pub fn full(workers: Vec<usize>, peers: Vec<PeerKind>, rounds: usize) -> Self {
        Self {
            workers,
            pinned: false,
            peers,
            rounds,
            min_repetitions: 3,
            repetition: Duration::from_millis(10),
            turn: Duration::from_millis(100),
        }
    }

    /// Shows that it runs, and measures nothing.
    pub fn quick(workers: Vec<usize>, peers: Vec<PeerKind>, rounds: usize) -> Self {
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
pub fn measure(program: &dyn AnyProgram, plan: &Plan) -> anyhow::Result<Vec<Figures>> {
    let peers: Vec<_> = plan.peers.iter().copied().filter(|peer| program.suits(*peer)).collect();
    let mut prepared = program.prepare();
    let runs = runs_of_a_repetition(&mut *prepared, plan.repetition)?;
    let mut rows: Vec<_> =
        plan.workers.iter().map(|workers| Figures::new(program.name(), *workers)).collect();
    for round in 0..plan.rounds {
        for row in &mut rows {
            let mut order = peers.clone();
            order.rotate_left(round % peers.len().max(1));
            for peer in order {
                let workers = Workers { count: row.workers, pinned: plan.pinned };
                let seconds =
                    on_a_thread(|| turn(&mut *prepared, peer, workers, runs, round, plan))?;
                row.add(peer, seconds);
            }
        }
    }
    Ok(rows)
}

/// How many serial runs take as long as one repetition should. The same number for all peers: the same work.
fn runs_of_a_repetition(prepared: &mut dyn Prepared, repetition: Duration) -> anyhow::Result<u64> {
    let mut serial = prepared.on(PeerKind::Serial, Workers::unpinned(1))?;
    let once = serial.time(1, 0).min(serial.time(1, 0)).max(Duration::from_nanos(10));
    Ok(repetition.as_nanos().div_ceil(once.as_nanos()) as u64)
}

/// Runs `turn` on a thread that ends with it, and with it whatever it was pinned to.
pub(super) fn on_a_thread<R: Send>(turn: impl FnOnce() -> R + Send) -> R {
    let ended = std::thread::scope(|scope| scope.spawn(turn).join());
    ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// One peer's turn: seconds that one run takes, by repetition.
fn turn(
    prepared: &mut (dyn Prepared + Send),
    peer: PeerKind,
    workers: Workers,
    runs: u64,
    round: usize,
    plan: &Plan,
) -> anyhow::Result<Vec<f64>> {
    let mut contender = prepared.on(peer, workers)?;
    contender.time(runs, 0);
    contender.check()?;
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
    }
    contender.check()?;
    Ok(seconds)
}
