//! What is wanted of the roles that have a core of their own.

use std::fmt;

use super::contestant::Contestant;
use super::turn::Round;
use crate::rounds::{Spread, Turns};

/// At most so many times the lateness of a thread by hand that waits in the same way.
const BY_HAND_LIMIT: f64 = 1.1;

/// At least so many times better than the best pool that the task shares with the load.
const SHARED_LIMIT: f64 = 20.0;

/// Something wanted, and what was reached. Both are medians of ratios within the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Our 99th percentile by that of the thread by hand.
    ByHand { peer: Contestant, ratio: f64 },
    /// The 99th percentile of the best shared pool by ours. The best is that of each round.
    Shared { ratio: f64 },
}

impl Verdict {
    pub(super) fn is_met(&self) -> bool {
        match self {
            Self::ByHand { ratio, .. } => *ratio <= BY_HAND_LIMIT,
            Self::Shared { ratio } => *ratio >= SHARED_LIMIT,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByHand { peer, ratio } => {
                write!(f, "p99 {ratio:.2}x {peer} <= {BY_HAND_LIMIT}")?;
            }
            Self::Shared { ratio } => {
                write!(f, "{ratio:.1}x better than the best shared pool >= {SHARED_LIMIT}")?;
            }
        }
        f.write_str(if self.is_met() { " met" } else { " MISSED" })
    }
}

/// Looks at one of ours. Nothing where those to compare it with did not take part, or it is none of ours.
pub(super) fn judge(ours: Contestant, all: &[Turns<Contestant, Round>]) -> Vec<Verdict> {
    let p99s = |who: Contestant| {
        let turns = all.iter().find(|turns| turns.peer == who)?;
        Some(turns.rounds.iter().map(|round| round.lateness_ns.p99))
    };
    let (Some(peer), Some(own)) = (ours.by_hand(), p99s(ours)) else { return Vec::new() };
    let by_hand = p99s(peer).and_then(|theirs| {
        let ratio = Spread::of(own.clone().zip(theirs).map(|(own, theirs)| own / theirs))?.median;
        Some(Verdict::ByHand { peer, ratio })
    });
    let best_shared = |round: usize| {
        let shared = all.iter().filter(|turns| turns.peer.shares_its_pool());
        let p99s = shared.filter_map(|turns| Some(turns.rounds.get(round)?.lateness_ns.p99));
        p99s.min_by(f64::total_cmp)
    };
    let ratios = own.enumerate().filter_map(|(round, own)| Some(best_shared(round)? / own));
    let shared = Spread::of(ratios).map(|spread| Verdict::Shared { ratio: spread.median });
    by_hand.into_iter().chain(shared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Percentiles;

    fn turns(peer: Contestant, p99s: [f64; 3]) -> Turns<Contestant, Round> {
        let round = |p99| Round {
            lateness_ns: Percentiles { p99, ..Percentiles::default() },
            fed_ns: None,
            reported_p99_ns: None,
            missed: 0,
            load_per_second: 0.0,
            class: String::new(),
        };
        Turns { peer, rounds: p99s.map(round).to_vec() }
    }

    #[test]
    fn ratios_are_taken_within_rounds_and_to_the_best_pool_of_each() {
        let all = [
            turns(Contestant::AmpFifo, [1.0, 10.0, 1.0]),
            turns(Contestant::ThreadFifo, [1.0, 10.0, 0.1]),
            turns(Contestant::Smp, [30.0, 9000.0, 30.0]),
            turns(Contestant::Tokio, [9000.0, 210.0, 19.0]),
        ];
        let [by_hand, shared] = judge(Contestant::AmpFifo, &all)[..] else { panic!("two") };
        assert_eq!(by_hand, Verdict::ByHand { peer: Contestant::ThreadFifo, ratio: 1.0 });
        assert_eq!(shared, Verdict::Shared { ratio: 21.0 });
        assert!(by_hand.is_met() && shared.is_met());
        assert!(!Verdict::Shared { ratio: 19.9 }.is_met());
    }

    #[test]
    fn alone_there_is_nothing_to_judge() {
        assert_eq!(judge(Contestant::Amp, &[turns(Contestant::Amp, [1.0; 3])]), []);
        let strangers = [turns(Contestant::Tokio, [1.0; 3]), turns(Contestant::Thread, [1.0; 3])];
        assert_eq!(judge(Contestant::Amp, &strangers), []);
        assert_eq!(judge(Contestant::Tokio, &strangers), []);
    }
}
