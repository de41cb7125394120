//! Which of ours suits a workload, and by how much.

use super::certainty;
use super::pair::{Outcome, Pair};
use super::words::{command, enumerate, is_ours, label};
use super::would_change::what_would_change;
use crate::compare::outcome::{Comparison, LayoutOutcome};
use crate::compare::report::Verdict;
use crate::noise::NoiseFloor;

/// The two of ours that a verdict is about: the better one first, if one is.
#[derive(Clone, Debug)]
pub(super) struct Decision<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) outcome: Outcome,
}

impl<'a> Decision<'a> {
    /// The best of our layouts beside the first of them. Nothing where no two of them have completed a round.
    pub(super) fn of(comparison: &'a Comparison, noise: &NoiseFloor) -> Option<Self> {
        let reference = reference(comparison)?;
        let others = comparison.layouts.iter().filter(|layout| is_ours(layout));
        let pairs = others
            .filter(|layout| layout.name != reference.name)
            .filter_map(|layout| Pair::of(comparison, layout, reference));
        // One that is certainly better comes before one that may be more so.
        let rank = |pair: &Pair<'_>| match pair.outcome(noise) {
            Outcome::Worse => 0,
            Outcome::Draw(_) => 1,
            Outcome::Better => 2,
        };
        let pair = pairs.max_by(|one, other| {
            let medians = one.advantage().median.total_cmp(&other.advantage().median);
            rank(one).cmp(&rank(other)).then(medians)
        })?;
        Some(match pair.outcome(noise) {
            Outcome::Worse => Self { pair: pair.turned(), outcome: Outcome::Better },
            outcome => Self { pair, outcome },
        })
    }

    pub(super) fn winner(&self) -> Option<&'a LayoutOutcome> {
        (self.outcome == Outcome::Better).then_some(self.pair.one)
    }

    /// Who wins by how much, or that nobody does.
    pub(super) fn text(&self) -> String {
        let Self { pair, outcome } = self;
        if *outcome == Outcome::Better {
            return pair.victory();
        }
        let (one, other) = pair.values();
        format!(
            "a draw on {} between {} and {}: {} against {} ({})",
            pair.goal.name(),
            label(pair.one),
            label(pair.other),
            pair.goal.text(one.median),
            pair.goal.text(other.median),
            pair.range()
        )
    }
}

/// What the others of ours are compared with: the first one that has a value of the goal.
fn reference(comparison: &Comparison) -> Option<&LayoutOutcome> {
    ours(comparison).find(|layout| Pair::of(comparison, layout, layout).is_some())
}

/// Ours that have completed a round.
fn ours(comparison: &Comparison) -> impl Iterator<Item = &LayoutOutcome> {
    comparison.layouts.iter().filter(|layout| is_ours(layout) && !layout.turns.is_empty())
}

/// Which of our layouts suits a workload best, by its goal. rayon and tokio are mentioned, and cannot win.
///
/// The first of our layouts is what the others are compared with, round by round. A difference is one where all rounds agree; with fewer
/// than three rounds it has to be more than 10 % besides, and where both values are below what the machine does to everybody, more than
/// twice, in three rounds at least.
///
/// # Examples
///
/// ```
/// use benches::compare::outcome::{Comparison, GoalFacts};
/// use benches::compare::verdict::of_comparison;
/// use benches::noise::NoiseFloor;
///
/// let interrupted = Comparison {
///     workload: "realtime".to_owned(),
///     given: "realtime".to_owned(),
///     about: String::new(),
///     measured_s: 0.9,
///     classes: Vec::new(),
///     goal: GoalFacts::Throughput,
///     layouts: Vec::new(),
/// };
/// let verdict = of_comparison(&interrupted, &NoiseFloor::default());
/// assert_eq!(verdict.winner, None);
/// assert_eq!(verdict.text, "nothing was measured: no turn was completed");
/// ```
pub fn of_comparison(comparison: &Comparison, noise: &NoiseFloor) -> Verdict {
    let mut verdict = Verdict {
        subject: comparison.workload.clone(),
        winner: None,
        text: String::new(),
        certainty: String::new(),
        would_change: String::new(),
        command: command([comparison.given.as_str()]),
    };
    if let Some(decision) = Decision::of(comparison, noise) {
        verdict.winner = decision.winner().map(|layout| layout.name.clone());
        verdict.text = decision.text();
        verdict.certainty = certainty::of_pair(&decision.pair, decision.outcome, noise);
        verdict.would_change = what_would_change(comparison, &decision);
        verdict.text.push_str(&others(comparison, &decision.pair, noise));
        return verdict;
    }
    let Some(own) = reference(comparison).and_then(|only| Pair::of(comparison, only, only)) else {
        let is_measured = comparison.layouts.iter().any(|layout| !layout.turns.is_empty());
        verdict.text = match (ours(comparison).next(), is_measured) {
            (Some(_), _) => "no request of the goal's class was measured".to_owned(),
            (None, true) => "neither of our executors was measured".to_owned(),
            (None, false) => "nothing was measured: no turn was completed".to_owned(),
        };
        return verdict;
    };
    let value = own.goal.text(own.values().0.median);
    let without: Vec<_> =
        ours(comparison).filter(|layout| layout.name != own.one.name).map(label).collect();
    if without.is_empty() {
        verdict.text =
            format!("only {} was measured: {} is {value}", label(own.one), own.goal.name());
        verdict.would_change = "a second layout of ours would give something to compare".to_owned();
    } else {
        verdict.text = format!(
            "{} of {} is {value}; with {}, no request of that class came in the measured time",
            own.goal.name(),
            label(own.one),
            enumerate(&without)
        );
        verdict.would_change = "a longer turn".to_owned();
    }
    verdict
}

/// What all the others are beside the one that all are compared with.
fn others(comparison: &Comparison, decided: &Pair<'_>, noise: &NoiseFloor) -> String {
    let Some(reference) = reference(comparison) else { return String::new() };
    let named = [&decided.one.name, &decided.other.name];
    let others = comparison.layouts.iter().filter(|layout| !named.contains(&&layout.name));
    let texts: Vec<_> = others
        .filter_map(|layout| Pair::of(comparison, layout, reference))
        .map(|pair| format!("{} {}", pair.one.name, pair.in_short(noise)))
        .collect();
    if texts.is_empty() {
        return String::new();
    }
    format!(". Beside {}: {}", label(reference), texts.join(", "))
}
