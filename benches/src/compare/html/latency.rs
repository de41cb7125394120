//! The latency curve of one class: for each percentile, what its requests take at most.

use super::axis::Axis;
use super::figures;
use super::format;
use super::lines::{Limit, Line, Lines, Marker};
use crate::compare::outcome::{ClassFacts, Latency, LayoutOutcome};
use crate::compare::workload::Percentile;

/// How far the curves are apart on the x axis, in decades of what is above a percentile.
const STEP: f64 = 0.05;

/// A bit beyond p99.99.
const HIGHEST: f64 = 4.2;

/// The chart, where any layout has latencies that can be shown.
pub(super) fn chart(layouts: &[LayoutOutcome], index: usize, class: &ClassFacts) -> Option<Lines> {
    let lines: Vec<Line> = layouts
        .iter()
        .enumerate()
        .filter_map(|(layout, outcome)| line(layout, &latencies(outcome, index)))
        .collect();
    let limits = limits(class);
    let values = lines.iter().flat_map(|line| {
        let markers = line.markers.iter().flat_map(|(_, marker)| [marker.low, marker.high]);
        line.points.iter().map(|(_, y)| *y).chain(markers)
    });
    let values: Vec<f64> = values.map(|decades| 10_f64.powf(decades)).collect();
    if values.is_empty() {
        return None;
    }
    let wanted = limits.iter().map(|limit| 10_f64.powf(limit.y));
    let y = Axis::logarithmic("latency", values.into_iter().chain(wanted), format::round_time)?;
    let end = lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).fold(2.0, f64::max);
    let shown = Percentile::ALL.into_iter().filter(|percentile| place(*percentile) <= end);
    let ticks = shown.map(|percentile| (place(percentile), percentile.name().to_owned()));
    let x = Axis::with_ticks("percentile of the requests", STARTS..end + STEP, ticks.collect());
    Some(Lines { x, y, lines, limits, marks: Vec::new() })
}

/// Where the median is on the x axis, a bit to the left of which it begins.
const STARTS: f64 = 0.25;

/// Where a percentile is on the x axis: how many decades are above it.
fn place(percentile: Percentile) -> f64 {
    -(1.0 - percentile.quantile()).log10()
}

fn latencies(outcome: &LayoutOutcome, class: usize) -> Vec<&Latency> {
    let classes = outcome.turns.iter().filter_map(|turn| turn.classes.get(class));
    classes.filter_map(|class| class.latency.as_ref()).filter(|latency| latency.count > 0).collect()
}

/// One layout's line: at each place the median over the rounds that have so many requests, if that is at least every other one.
fn line(layout: usize, turns: &[&Latency]) -> Option<Line> {
    let curves: Vec<_> = turns.iter().map(|latency| curve(latency)).collect();
    let at_least = turns.len().div_ceil(2).max(1);
    let at = |x: f64| {
        let values: Vec<f64> = curves.iter().filter_map(|curve| interpolated(curve, x)).collect();
        if values.len() < at_least {
            return None;
        }
        figures::spread(values)
    };
    let start = place(Percentile::P50);
    let steps = ((HIGHEST - start) / STEP) as usize;
    let places = (0..=steps).map(|step| start + step as f64 * STEP);
    let points: Vec<_> = places.map_while(|x| Some((x, at(x)?.median))).collect();
    let markers = Percentile::ALL.into_iter().filter(|percentile| *percentile != Percentile::Max);
    let markers = markers.filter_map(|percentile| {
        let x = place(percentile);
        at(x).map(|spread| (x, Marker::from(spread)))
    });
    let markers: Vec<_> = markers.collect();
    (!points.is_empty()).then_some(Line { layout, points, markers })
}

/// The points of a turn in decades, from left to right. What is above the last request is nothing, so that the maximum is where one
/// of them is.
fn curve(latency: &Latency) -> Vec<(f64, f64)> {
    let end = (latency.count as f64).log10();
    let points = latency.curve.iter().filter(|(part, _)| (0.0..=1.0).contains(part));
    let mut curve: Vec<(f64, f64)> = points
        .map(|(part, ns)| ((-(1.0 - part).log10()).min(end), (*ns).max(1)))
        .map(|(x, ns)| (x, (ns as f64).log10()))
        .collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    curve
}

/// The value between the two points beside `x`. Nothing beyond the last point.
fn interpolated(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let next = curve.partition_point(|(at, _)| *at < x - 1e-9);
    let (x1, y1) = *curve.get(next)?;
    let Some((x0, y0)) = next.checked_sub(1).map(|before| curve[before]) else { return Some(y1) };
    if x1 <= x0 {
        return Some(y1);
    }
    Some(y0 + (y1 - y0) * ((x - x0) / (x1 - x0)).clamp(0.0, 1.0))
}

fn limits(class: &ClassFacts) -> Vec<Limit> {
    let objectives = class.objectives.iter().map(|(percentile, ns)| Limit {
        y: (*ns).max(1) as f64,
        until: (*percentile != Percentile::Max).then(|| place(*percentile)),
        text: format!("{} < {}", percentile.name(), format::round_time(*ns as f64)),
    });
    let deadline = class.deadline_ns.map(|ns| Limit {
        y: ns.max(1) as f64,
        until: None,
        text: format!("deadline {}", format::round_time(ns as f64)),
    });
    let mut limits: Vec<Limit> = objectives.chain(deadline).collect();
    for limit in &mut limits {
        limit.y = limit.y.log10();
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(count: u64, curve: &[(f64, u64)]) -> Latency {
        Latency { count, percentiles_ns: [1; 6], curve: curve.to_vec() }
    }

    #[test]
    fn the_line_is_the_median_of_the_rounds_and_ends_where_requests_do() {
        let turns =
            [100, 200, 400].map(|ns| latency(100, &[(0.5, ns), (0.9, ns * 10), (1.0, ns * 10)]));
        let line = line(0, &turns.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(line.points[0].1, 200_f64.log10());
        let last = line.points.last().unwrap();
        assert!(last.0 <= 2.0 && last.0 > 1.9, "{last:?}");
        assert!((last.1 - 2000_f64.log10()).abs() < 1e-9, "{last:?}");
        // p50, p90 and p99, but nothing that one in a hundred cannot show.
        assert_eq!(line.markers.len(), 3);
        assert_eq!(line.markers[0].1.high, 400_f64.log10());
    }

    #[test]
    fn a_single_request_or_none_is_no_curve() {
        assert!(line(0, &[]).is_none());
        assert!(line(0, &[&latency(1, &[(1.0, 5)])]).is_none());
        assert!(line(0, &[&latency(10, &[(f64::NAN, 5)])]).is_none());
    }

    #[test]
    fn values_between_points_are_between_their_values() {
        let curve = [(1.0, 2.0), (2.0, 4.0)];
        assert_eq!(interpolated(&curve, 0.5), Some(2.0));
        assert_eq!(interpolated(&curve, 1.5), Some(3.0));
        assert_eq!(interpolated(&curve, 2.0), Some(4.0));
        assert_eq!(interpolated(&curve, 2.1), None);
        assert_eq!(interpolated(&[], 1.0), None);
    }
}
