//! What this workspace's executor wants to reach.

use std::fmt;

use super::figures::Figures;
use super::program::Kind;

/// A limit for the median of paired ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<K> {
    /// At most so many times the peer's time.
    AtMost {
        /// Whose.
        peer: K,
        /// How many times.
        limit: f64,
    },
    /// At least so many times as fast as with one worker.
    SpeedUp {
        /// How many times.
        limit: f64,
    },
}

/// A target that was looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged<K> {
    /// What was wanted.
    pub target: Target<K>,
    /// What was reached.
    pub value: f64,
}

impl<K: Kind> Target<K> {
    /// At most so many times the peer's time.
    pub const fn at_most(limit: f64, peer: K) -> Self {
        Self::AtMost { peer, limit }
    }

    /// Looks at it. `None` if that peer, or a run with one worker, did not take part.
    pub fn judge(self, row: &Figures<K>, single: Option<&Figures<K>>) -> Option<Judged<K>> {
        let spread = match self {
            Self::AtMost { peer, .. } => row.ratio_to(peer),
            Self::SpeedUp { .. } => row.speed_up_over(single?),
        };
        Some(Judged { target: self, value: spread?.median })
    }
}

impl<K> Judged<K> {
    /// Whether the target is met.
    pub fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost { limit, .. } => self.value <= limit,
            Target::SpeedUp { limit } => self.value >= limit,
        }
    }
}

impl<K: fmt::Display> fmt::Display for Judged<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        match &self.target {
            Target::AtMost { peer, limit } => write!(f, "{peer} <= {limit} {verdict}"),
            Target::SpeedUp { limit } => write!(f, "speed-up >= {limit} {verdict}"),
        }
    }
}
