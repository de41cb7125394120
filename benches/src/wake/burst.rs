//! What many submits in a row cost their caller.

use std::time::Instant;

use serde::Serialize;

use super::case::Case;
use crate::peers::{Countdown, Measurement, Pool, Workers};
use crate::rounds::{Percentiles, new_histogram};

/// Submits in a row.
pub(super) const SUBMITS: usize = 64;

/// What one turn gave.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Burst {
    /// The first submit, which finds the pool asleep.
    pub(super) first_ns: Percentiles,
    /// All others together, divided by their number.
    pub(super) each_other_ns: Percentiles,
    /// From the first submit until the last closure has reported and the caller knows.
    pub(super) until_done_ns: Percentiles,
    /// How many workers were woken for a burst, where the pool counts it.
    pub(super) wakes: Option<f64>,
}

/// A turn of a peer with two workers.
#[derive(Clone, Copy, Debug)]
pub(super) struct BurstTurn {
    /// Who pauses how before each burst; after it the caller blocks.
    pub(super) case: Case,
    pub(super) bursts: u64,
}

impl Measurement for BurstTurn {
    type Output = anyhow::Result<Burst>;

    fn of<P: Pool>(self) -> anyhow::Result<Burst> {
        turn::<P>(self)
    }
}

fn turn<P: Pool>(BurstTurn { case, bursts }: BurstTurn) -> anyhow::Result<Burst> {
    let pool = P::build(Workers::unpinned(2))?;
    // Never freed, so that tasks need not count who holds it.
    let left = Countdown::leak();
    let mut first = new_histogram()?;
    let mut others = new_histogram()?;
    let mut until_done = new_histogram()?;
    let mut wakes_before = None;
    let warm_up = (bursts / 10).max(1);
    for burst in 0..warm_up + bursts {
        if burst == warm_up {
            wakes_before = pool.wakes();
        }
        case.pause();
        left.set(SUBMITS);
        let start = Instant::now();
        pool.detach(|| left.done());
        let after_first = start.elapsed();
        for _ in 1..SUBMITS {
            pool.detach(|| left.done());
        }
        let after_all = start.elapsed();
        left.wait();
        let done = start.elapsed();
        if burst >= warm_up {
            let each_other = (after_all - after_first) / (SUBMITS as u32 - 1);
            first.saturating_record(after_first.as_nanos() as u64);
            others.saturating_record(each_other.as_nanos() as u64);
            until_done.saturating_record(done.as_nanos() as u64);
        }
    }
    let wakes = pool.wakes().zip(wakes_before);
    Ok(Burst {
        first_ns: Percentiles::of(&first),
        each_other_ns: Percentiles::of(&others),
        until_done_ns: Percentiles::of(&until_done),
        wakes: wakes.map(|(after, before)| (after - before) as f64 / bursts as f64),
    })
}
