//! What this workspace's executor wants to reach.

use std::fmt;

use super::figures::Figures;
use super::peer::PeerKind;

/// A limit for the median of paired ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At most so many times the peer's time.
    AtMost {
        /// Whose.
        peer: PeerKind,
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
pub struct Judged {
    /// What was wanted.
    pub target: Target,
    /// What was reached.
    pub value: f64,
}

impl Target {
    /// At most so many times the peer's time.
    pub const fn at_most(limit: f64, peer: PeerKind) -> Self {
        Self::AtMost { peer, limit }
    }

    /// At no number of workers behind the better one of the others, within what can be measured.
    pub const NEVER_BEHIND: [Self; 2] =
        [Self::at_most(1.05, PeerKind::Rayon), Self::at_most(1.05, PeerKind::Chili)];

    /// Looks at it. `None` if that peer, or a run with one worker, did not take part.
    pub fn judge(self, row: &Figures, single: Option<&Figures>) -> Option<Judged> {
        let spread = match self {
            Self::AtMost { peer, .. } => row.ratio_to(peer),
            Self::SpeedUp { .. } => row.speed_up_over(single?),
        };
        Some(Judged { target: self, value: spread?.median })
    }
}

impl Judged {
    /// Whether the target is met.
    pub fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost { limit, .. } => self.value <= limit,
            Target::SpeedUp { limit } => self.value >= limit,
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        match self.target {
            Target::AtMost { peer, limit } => write!(f, "{peer} <= {limit} {verdict}"),
            Target::SpeedUp { limit } => write!(f, "speed-up >= {limit} {verdict}"),
        }
    }
}
