//! Axes: which part of the numbers is shown, and which of them are named.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// More than any range has, but for one whose end is no number of use.
const MOST_TICKS: usize = 50;

/// An axis. Logarithmic ones count in decades, so that all are linear for plotters.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What is on it.
    pub(super) name: String,
    /// What is shown of it.
    pub(super) range: Range<f64>,
    /// Where lines are, and what they are called.
    ticks: Vec<(f64, String)>,
    /// Lines without a name.
    minor: Vec<f64>,
}

impl Axis {
    /// From 0 to `highest` and a bit more.
    pub(super) fn from_zero(name: &str, highest: f64, format: impl Fn(f64) -> String) -> Self {
        let highest = if highest > 0.0 { highest } else { 1.0 };
        let step = round_step(highest / 5.0);
        let end = (highest / step).ceil() * step;
        Self::linear(name, 0.0..end, step, format)
    }

    /// This range, with round numbers in it.
    pub(super) fn within(
        name: &str,
        range: Range<f64>,
        count: usize,
        format: impl Fn(f64) -> String,
    ) -> Self {
        let step = round_step((range.end - range.start).max(f64::MIN_POSITIVE) / count as f64);
        Self::linear(name, range, step, format)
    }

    fn linear(name: &str, range: Range<f64>, step: f64, format: impl Fn(f64) -> String) -> Self {
        let first = (range.start / step - 1e-9).ceil() as i64;
        let last = (range.end / step + 1e-9).floor() as i64;
        let ticks = (first..=last)
            .take(MOST_TICKS)
            .map(|multiple| multiple as f64 * step)
            .map(|value| (value, format(value)))
            .collect();
        Self { name: name.to_owned(), range, ticks, minor: Vec::new() }
    }

    /// At least from the lowest to the highest of these, which are above 0, in decades.
    pub(super) fn logarithmic(
        name: &str,
        values: impl IntoIterator<Item = f64>,
        format: impl Fn(f64) -> String,
    ) -> Option<Self> {
        let values = values.into_iter().filter(|value| value.is_normal() && *value > 0.0);
        let (lowest, highest) = values.fold(None, |range: Option<(f64, f64)>, value| {
            let (lowest, highest) = range.unwrap_or((value, value));
            Some((lowest.min(value), highest.max(value)))
        })?;
        // Some air, so that no line runs along the edge, and a range even where all values are equal.
        let (lowest, highest) = ((lowest / 1.25).log10(), (highest * 1.25).log10());
        let wide = highest - lowest > 2.2;
        let decades = lowest.floor() as i32..=highest.ceil() as i32;
        let within = |value: &f64| (lowest..=highest).contains(value);
        let at = |decade: i32, digit: i32| f64::from(decade) + f64::from(digit).log10();
        let named: &[i32] = if wide { &[1] } else { &[1, 2, 5] };
        let ticks: Vec<_> = decades
            .clone()
            .flat_map(|decade| named.iter().map(move |digit| at(decade, *digit)))
            .filter(within)
            .map(|value| (value, format(10_f64.powf(value))))
            .collect();
        let minor = decades.flat_map(|decade| (2..10).map(move |digit| at(decade, digit)));
        let minor = minor.filter(within).collect();
        Some(Self { name: name.to_owned(), range: lowest..highest, ticks, minor })
    }

    /// These points and no others.
    pub(super) fn with_ticks(name: &str, range: Range<f64>, ticks: Vec<(f64, String)>) -> Self {
        Self { name: name.to_owned(), range, ticks, minor: Vec::new() }
    }

    /// All names.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.ticks.iter().map(|(_, label)| label.as_str())
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.minor.clone()
        } else {
            self.ticks.iter().map(|(value, _)| *value).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// 1, 2 or 5 with zeros, and no less than this.
fn round_step(at_least: f64) -> f64 {
    let decade = 10_f64.powf(at_least.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * decade >= at_least * 0.999);
    digit.unwrap_or(10.0) * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.labels().collect()
    }

    #[test]
    fn linear_axes_name_round_numbers() {
        let axis = Axis::from_zero("n", 47.0, |value| value.to_string());
        assert_eq!(labels(&axis), ["0", "10", "20", "30", "40", "50"]);
        let axis = Axis::within("n", 3.0..23.0, 4, |value| value.to_string());
        assert_eq!(labels(&axis), ["5", "10", "15", "20"]);
        assert_eq!(labels(&Axis::from_zero("n", 0.0, |_| String::new())).len(), 6);
    }

    #[test]
    fn logarithmic_axes_name_decades_or_some_of_their_digits() {
        let axis = Axis::logarithmic("n", [1.0, 1e4], |value| format!("{value:.0}")).unwrap();
        assert_eq!(labels(&axis), ["1", "10", "100", "1000", "10000"]);
        let axis = Axis::logarithmic("n", [8.0, 60.0], |value| format!("{value:.0}")).unwrap();
        assert_eq!(labels(&axis), ["10", "20", "50"]);
    }

    #[test]
    fn equal_values_have_a_range_and_senseless_ones_do_not_count() {
        let senseless = [f64::NAN, f64::INFINITY, 0.0, -1.0];
        assert!(Axis::logarithmic("n", senseless, |_| String::new()).is_none());
        let axis = Axis::logarithmic("n", [5.0, 5.0, f64::NAN], |_| String::new()).unwrap();
        assert!(axis.range.start < axis.range.end, "{axis:?}");
        assert!(!labels(&axis).is_empty());
    }
}
