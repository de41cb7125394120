//! What a workload is judged by.

use indicatif::HumanCount;

use crate::compare::outcome::{ClassOutcome, Comparison, GoalFacts, TurnOutcome};
use crate::compare::workload::Percentile;
use crate::rounds::duration;

/// A workload's goal, with what is needed to name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal<'a> {
    comparison: &'a Comparison,
}

impl<'a> Goal<'a> {
    pub(super) fn of(comparison: &'a Comparison) -> Self {
        Self { comparison }
    }

    /// The class and the percentile, where it is about one.
    pub(super) fn latency(self) -> Option<(usize, Percentile)> {
        match self.comparison.goal {
            GoalFacts::Throughput => None,
            GoalFacts::Latency { class, percentile } => Some((class, percentile)),
        }
    }

    /// What a turn has reached: requests per second, or nanoseconds. Nothing where no request of the class was due.
    pub(super) fn value(self, turn: &TurnOutcome) -> Option<f64> {
        match self.latency() {
            // A turn in which nothing ended counts as if one request had, so that there are ratios to it.
            None => Some(turn.requests_per_second.max(1.0 / self.comparison.measured_s)),
            Some((class, percentile)) => {
                let latency = turn.classes.get(class)?.latency.as_ref()?;
                Some((latency.at(percentile) as f64).max(1.0))
            }
        }
    }

    /// How many times better `one` is than `other`.
    pub(super) fn advantage(self, one: f64, other: f64) -> f64 {
        match self.latency() {
            None => one / other,
            Some(_) => other / one,
        }
    }

    /// The outcome of the class that it is about, in one turn.
    pub(super) fn class(self, turn: &TurnOutcome) -> Option<&ClassOutcome> {
        turn.classes.get(self.latency()?.0)
    }

    /// As in `p99 of tick`.
    pub(super) fn name(self) -> String {
        match self.latency() {
            None => "throughput".to_owned(),
            Some((class, percentile)) => {
                format!("{} of {}", percentile.name(), self.name_of(class))
            }
        }
    }

    pub(super) fn name_of(self, class: usize) -> &'a str {
        self.comparison.classes.get(class).map_or("", |class| &class.name)
    }

    /// A value, for people.
    pub(super) fn text(self, value: f64) -> String {
        match self.latency() {
            None => per_second(value),
            Some(_) => duration(value / 1e9),
        }
    }
}

/// Requests per second, for people.
pub(super) fn per_second(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}/s")
    } else {
        format!("{}/s", HumanCount(value.round() as u64))
    }
}
