//! Medians over the rounds.

use super::lines::Marker;
use crate::compare::outcome::{ClassOutcome, LayoutOutcome, TurnOutcome};
use crate::compare::workload::Percentile;
use crate::rounds::Spread;

/// Of those values that are numbers.
pub(super) fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    Spread::of(values.into_iter().filter(|value| value.is_finite()))
}

/// Of one figure of all turns.
pub(super) fn of_turns(
    turns: &[TurnOutcome],
    figure: impl Fn(&TurnOutcome) -> f64,
) -> Option<Spread> {
    spread(turns.iter().map(figure))
}

/// Of one figure of a class, in the turns that have it.
pub(super) fn of_class(
    outcome: &LayoutOutcome,
    class: usize,
    figure: impl Fn(&ClassOutcome) -> Option<f64>,
) -> Option<Spread> {
    let classes = outcome.turns.iter().filter_map(|turn| turn.classes.get(class));
    spread(classes.filter_map(figure))
}

/// A percentile of the latency, and whether a typical round had enough requests for it to be more than its maximum.
pub(super) fn latency(
    outcome: &LayoutOutcome,
    class: usize,
    percentile: Percentile,
) -> Option<(Spread, bool)> {
    let at =
        |class: &ClassOutcome| class.latency.as_ref().map(|latency| latency.at(percentile) as f64);
    let count = of_class(outcome, class, |class| Some(class.latency.as_ref()?.count as f64))?;
    let enough =
        percentile == Percentile::Max || count.median * (1.0 - percentile.quantile()) >= 0.999;
    Some((of_class(outcome, class, at)?, enough))
}

/// The workers that ran something in any turn, by name, and the part of the time in which they did.
pub(super) fn utilisation(turns: &[TurnOutcome]) -> Vec<(&str, Spread)> {
    let mut names: Vec<&str> = Vec::new();
    for worker in turns.iter().flat_map(|turn| &turn.workers) {
        if !names.contains(&worker.name.as_str()) {
            names.push(&worker.name);
        }
    }
    let busy = |turn: &TurnOutcome, name: &str| {
        turn.workers
            .iter()
            .find(|worker| worker.name == name)
            .map_or(0.0, |worker| worker.utilisation)
    };
    names
        .into_iter()
        .filter_map(|name| Some((name, of_turns(turns, |turn| busy(turn, name))?)))
        .collect()
}

/// Which of these is better than all others in every round: none if the ranges touch, as that is a draw.
pub(super) fn clearly_best(spreads: &[Option<Spread>], more_is_better: bool) -> Option<usize> {
    let ranges: Vec<_> = spreads
        .iter()
        .enumerate()
        .filter_map(|(index, spread)| {
            let Spread { min, max, .. } = (*spread)?;
            Some(if more_is_better { (index, -max, -min) } else { (index, min, max) })
        })
        .collect();
    let best = ranges.iter().min_by(|a, b| a.2.total_cmp(&b.2))?;
    let mut others = ranges.iter().filter(|other| other.0 != best.0).peekable();
    (others.peek().is_some() && others.all(|other| best.2 < other.1)).then_some(best.0)
}

impl From<Spread> for Marker {
    fn from(spread: Spread) -> Self {
        Self { low: spread.min, median: spread.median, high: spread.max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(min: f64, max: f64) -> Option<Spread> {
        Some(Spread { median: (min + max) / 2.0, min, max })
    }

    #[test]
    fn the_best_one_is_clear_of_all_others_or_there_is_none() {
        let apart = [range(5.0, 6.0), None, range(1.0, 2.0), range(2.5, 9.0)];
        assert_eq!(clearly_best(&apart, false), Some(2));
        assert_eq!(clearly_best(&apart, true), None);
        assert_eq!(clearly_best(&[range(1.0, 2.0), range(2.0, 3.0)], false), None);
        assert_eq!(clearly_best(&[range(1.0, 2.0), range(4.0, 5.0)], true), Some(1));
        assert_eq!(clearly_best(&[range(1.0, 2.0), None], false), None);
        assert_eq!(clearly_best(&[], false), None);
    }

    #[test]
    fn what_is_no_number_does_not_count() {
        assert_eq!(spread([f64::NAN, 2.0, f64::INFINITY]), range(2.0, 2.0));
        assert_eq!(spread([f64::NAN]), None);
    }
}
