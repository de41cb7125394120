//! Whether pinning wins or loses, in words.

use std::fmt;

use super::policy::Policy;
use super::program::Round;
use crate::rounds::{Spread, Turns};

/// One policy's time by another one's, taken within each round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) policy: Policy,
    pub(super) beside: Policy,
    pub(super) ratio: Spread,
    pub(super) rounds: usize,
}

/// What follows from a ratio and its spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Faster in all rounds.
    Wins,
    /// Slower in all rounds.
    Loses,
    /// Sometimes faster, sometimes slower: the difference is within the spread. So is that of a single round, which has none.
    Draw,
}

impl Verdict {
    /// `None` where one of the two did not take part.
    pub(super) fn of(policy: Policy, beside: Policy, all: &[Turns<Policy, Round>]) -> Option<Self> {
        let of = |who| all.iter().find(|turns| turns.peer == who);
        let (above, below) = (&of(policy)?.rounds, &of(beside)?.rounds);
        let pairs = above.iter().zip(below);
        let ratio = Spread::of(pairs.map(|(above, below)| above.seconds / below.seconds))?;
        Some(Self { policy, beside, ratio, rounds: above.len() })
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.rounds < 2 {
            Outcome::Draw
        } else if self.ratio.max < 1.0 {
            Outcome::Wins
        } else if self.ratio.min > 1.0 {
            Outcome::Loses
        } else {
            Outcome::Draw
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, beside, ratio: Spread { median, min, max }, rounds: _ } = self;
        match self.outcome() {
            Outcome::Wins => {
                write!(f, "{policy} wins: {:.2} times as fast as {beside}", 1.0 / median)?;
            }
            Outcome::Loses => {
                write!(f, "{policy} LOSES: takes {median:.2} times as long as {beside}")?;
            }
            Outcome::Draw => write!(f, "{policy} and {beside}: a draw")?,
        }
        write!(f, " (times as long: {median:.2} [{min:.2}..{max:.2}])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(peer: Policy, seconds: [f64; 3]) -> Turns<Policy, Round> {
        let round = |seconds| Round { seconds, pinned: 0, workers: 2 };
        Turns { peer, rounds: seconds.map(round).to_vec() }
    }

    #[test]
    fn only_what_holds_in_all_rounds_is_more_than_a_draw() {
        let off = turns(Policy::Off, [1.0, 10.0, 1.0]);
        let outcome = |seconds: [f64; 3], words: &str| {
            let all = [off.clone(), turns(Policy::Require, seconds)];
            let verdict = Verdict::of(Policy::Require, Policy::Off, &all).unwrap();
            assert!(verdict.to_string().contains(words), "{verdict}");
            verdict.outcome()
        };
        assert_eq!(outcome([0.9, 5.0, 0.5], "wins: 2.00 times as fast as off"), Outcome::Wins);
        assert_eq!(outcome([1.1, 20.0, 3.0], "LOSES: takes 2.00 times"), Outcome::Loses);
        assert_eq!(outcome([0.9, 20.0, 3.0], "a draw (times as long: 2.00 [0.90"), Outcome::Draw);
        assert_eq!(Verdict::of(Policy::Require, Policy::BestEffort, &[off]), None);
    }

    #[test]
    fn a_single_round_decides_nothing() {
        let one = |peer, seconds| {
            let Turns { mut rounds, .. } = turns(peer, [seconds; 3]);
            rounds.truncate(1);
            Turns { peer, rounds }
        };
        let all = [one(Policy::Off, 1.0), one(Policy::Require, 5.0)];
        let verdict = Verdict::of(Policy::Require, Policy::Off, &all).unwrap();
        assert_eq!(verdict.outcome(), Outcome::Draw);
    }
}
