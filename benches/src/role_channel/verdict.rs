//! What is wanted, and what was reached.

use std::fmt;

use super::kind::ChannelKind;
use crate::rounds::{Spread, Turns};

/// A value and its limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// What the value is, as in `p50 by futex`.
    pub(super) what: String,
    pub(super) value: f64,
    pub(super) limit: f64,
}

impl Verdict {
    pub(super) fn new(what: impl Into<String>, value: f64, limit: f64) -> Self {
        Self { what: what.into(), value, limit }
    }

    pub(super) fn is_met(&self) -> bool {
        self.value <= self.limit
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, limit } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        write!(f, "{what} {value:.2} <= {limit} {verdict}")
    }
}

/// For the last column of our own row.
pub(super) fn list(verdicts: &[Verdict]) -> String {
    verdicts.iter().map(Verdict::to_string).collect::<Vec<_>>().join(", ")
}

/// What a peer's turns gave, if it took part.
pub(super) fn rounds_of<R>(peers: &[Turns<ChannelKind, R>], kind: ChannelKind) -> Option<&[R]> {
    let turns = peers.iter().find(|turns| turns.peer == kind)?;
    Some(&turns.rounds)
}

/// The median over the rounds of one peer's value.
pub(super) fn median<R>(rounds: &[R], value: impl Fn(&R) -> f64) -> Option<f64> {
    Some(Spread::of(rounds.iter().map(value))?.median)
}

/// Our value by the other's, round by round, since what disturbs a whole round cancels out.
pub(super) fn paired<R>(ours: &[R], other: &[R], value: impl Fn(&R) -> f64) -> Option<Spread> {
    Spread::of(ours.iter().zip(other).map(|(ours, other)| value(ours) / value(other)))
}
