//! Percentiles of a round, medians over the rounds, and what is wanted.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::peers::PoolKind;
use crate::rounds::{Kind, Percentiles, Spread, Turns};

/// A peer's percentile may be so many times that of the best other peer.
const LIMIT: f64 = 1.1;

/// What one turn gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Round {
    /// From just before the submit to the closure's first instruction.
    pub(super) start_ns: Percentiles,
    /// What the submit took.
    pub(super) submit_ns: Percentiles,
    /// The share of tries in which the closure ran on the submitter's CPU.
    pub(super) same_cpu: f64,
}

impl Round {
    pub(super) fn of(start: &Histogram<u64>, submit: &Histogram<u64>, same_cpu: f64) -> Self {
        Self { start_ns: Percentiles::of(start), submit_ns: Percentiles::of(submit), same_cpu }
    }
}

/// The median over the rounds of each figure.
pub(super) fn medians(rounds: &[Round]) -> Round {
    let rounds = rounds.iter();
    let same_cpu = Spread::of(rounds.clone().map(|round| round.same_cpu));
    Round {
        start_ns: Percentiles::medians(rounds.clone().map(|round| round.start_ns)),
        submit_ns: Percentiles::medians(rounds.map(|round| round.submit_ns)),
        same_cpu: same_cpu.map_or(0.0, |spread| spread.median),
    }
}

/// A percentile beside the best other peer's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) percentile: &'static str,
    pub(super) best: PoolKind,
    pub(super) ratio: f64,
}

impl Verdict {
    pub(super) fn is_met(&self) -> bool {
        self.ratio <= LIMIT
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { percentile, best, ratio } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        write!(f, "{percentile} {ratio:.2}x {best} <= {LIMIT} {verdict}")
    }
}

/// Looks at how soon our closures start. Nothing where we, or all others, did not take part.
pub(super) fn judge(peers: &[Turns<PoolKind, Round>]) -> Vec<Verdict> {
    let judge = |percentile, of: fn(Percentiles) -> f64| {
        let value = |turns: &Turns<PoolKind, Round>| of(medians(&turns.rounds).start_ns);
        let (ours, others): (Vec<_>, Vec<_>) =
            peers.iter().partition(|turns| turns.peer == PoolKind::OURS);
        let best = others.into_iter().min_by(|a, b| value(a).total_cmp(&value(b)))?;
        let ratio = value(ours.first()?) / value(best);
        Some(Verdict { percentile, best: best.peer, ratio })
    };
    let verdicts = [judge("p50", |all| all.p50), judge("p99", |all| all.p99)];
    verdicts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(peer: PoolKind, p50: [f64; 3], p99: [f64; 3]) -> Turns<PoolKind, Round> {
        let round = |(p50, p99)| Round {
            start_ns: Percentiles { p50, p99, ..Percentiles::default() },
            ..Round::default()
        };
        Turns { peer, rounds: p50.into_iter().zip(p99).map(round).collect() }
    }

    #[test]
    fn the_best_peer_may_be_another_one_for_each_percentile() {
        let peers = [
            peer(PoolKind::Smp, [100.0, 110.0, 900.0], [200.0; 3]),
            peer(PoolKind::Rayon, [100.0; 3], [300.0; 3]),
            peer(PoolKind::Tokio, [150.0; 3], [100.0, 1.0, 100.0]),
        ];
        let [p50, p99] = judge(&peers)[..] else { panic!("two verdicts") };
        assert_eq!((p50.best, p50.ratio, p50.is_met()), (PoolKind::Rayon, 1.1, true));
        assert_eq!((p99.best, p99.ratio, p99.is_met()), (PoolKind::Tokio, 2.0, false));
    }

    #[test]
    fn alone_there_is_nothing_to_judge() {
        assert_eq!(judge(&[peer(PoolKind::Smp, [1.0; 3], [1.0; 3])]), []);
        assert_eq!(judge(&[peer(PoolKind::Tokio, [1.0; 3], [1.0; 3])]), []);
    }
}
