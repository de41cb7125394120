//! What was measured, and what follows from it.

use serde::Serialize;

use super::program::Kind;

/// One program with one number of workers.
#[derive(Clone, Debug, Serialize)]
pub struct Figures<K> {
    /// Name and size.
    pub program: String,
    /// How many.
    pub workers: usize,
    /// What each peer took.
    pub times: Vec<Times<K>>,
}

/// What one peer took.
#[derive(Clone, Debug, Serialize)]
pub struct Times<K> {
    /// Who.
    pub peer: K,
    /// One value for each round, the median of its repetitions. For one operation, where a run has several.
    pub seconds_by_round: Vec<f64>,
    /// The shortest repetition of all.
    pub min_seconds: f64,
}

/// A median with its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of the values, if there are any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            (values[middle - 1] + values[middle]) / 2.0
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }
}

impl<K: Kind> Figures<K> {
    pub(super) fn new(program: String, workers: usize) -> Self {
        Self { program, workers, times: Vec::new() }
    }

    /// Adds one round of a peer.
    pub(super) fn add(&mut self, peer: K, repetitions: Vec<f64>) {
        let Some(spread) = Spread::of(repetitions) else { return };
        match self.times.iter_mut().find(|times| times.peer == peer) {
            Some(times) => {
                times.seconds_by_round.push(spread.median);
                times.min_seconds = times.min_seconds.min(spread.min);
            }
            None => self.times.push(Times {
                peer,
                seconds_by_round: vec![spread.median],
                min_seconds: spread.min,
            }),
        }
    }

    /// What `peer` took, if it took part.
    pub fn of(&self, peer: K) -> Option<&Times<K>> {
        self.times.iter().find(|times| times.peer == peer)
    }

    /// Our time by the peer's, round by round: below 1 is faster than the peer.
    pub fn ratio_to(&self, peer: K) -> Option<Spread> {
        ratio(self.of(K::OURS)?, self.of(peer)?)
    }

    /// How many times faster we are here than in `single`, round by round.
    pub fn speed_up_over(&self, single: &Self) -> Option<Spread> {
        ratio(single.of(K::OURS)?, self.of(K::OURS)?)
    }
}

/// The ratios of values that were taken right after each other, so that what disturbs a whole round cancels out.
fn ratio<K>(above: &Times<K>, below: &Times<K>) -> Option<Spread> {
    let pairs = above.seconds_by_round.iter().zip(&below.seconds_by_round);
    Spread::of(pairs.map(|(above, below)| above / below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fork_join::PeerKind;
    use proptest::prelude::*;

    #[test]
    fn ratios_are_taken_within_rounds() {
        let mut row = Figures::new("p".to_owned(), 1);
        // The machine was four times slower in the second round.
        for (smp, rayon) in [(1.0, 2.0), (4.0, 8.0), (1.0, 1.0)] {
            row.add(PeerKind::Smp, vec![smp]);
            row.add(PeerKind::Rayon, vec![rayon]);
        }
        let ratio = row.ratio_to(PeerKind::Rayon);
        assert_eq!(ratio, Some(Spread { median: 0.5, min: 0.5, max: 1.0 }));
        assert_eq!(row.ratio_to(PeerKind::Chili), None);
    }

    #[test]
    fn the_median_of_an_even_number_of_values_is_between_the_two_in_the_middle() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of([]), None);
    }

    proptest! {
        #[test]
        fn as_many_values_are_above_the_median_as_below(
            values in prop::collection::vec(-1e9..1e9_f64, 1..30), factor in 0.1..10.0_f64
        ) {
            let Spread { median, min, max } = Spread::of(values.iter().copied()).unwrap();
            prop_assert!(min <= median && median <= max);
            prop_assert!(values.contains(&min) && values.contains(&max));
            prop_assert!(values.iter().all(|value| (min..=max).contains(value)));
            let below = values.iter().filter(|value| **value < median).count();
            let above = values.iter().filter(|value| **value > median).count();
            prop_assert!(2 * below <= values.len() && 2 * above <= values.len());
            let scaled = Spread::of(values.iter().rev().map(|value| value * factor)).unwrap();
            prop_assert!((scaled.median - median * factor).abs() <= 1e-6 * (1.0 + median.abs()));
        }
    }
}
