//! What a sweep has found: throughput, and how well the objectives are met, at each load.

use super::axis::Axis;
use super::figures;
use super::format;
use super::lines::{Limit, Line, Lines, Mark, Marker};
use crate::compare::report::{Curve, Point, Sweep};
use crate::compare::workload::Percentile;
use crate::rounds::Spread;

/// The chart of throughput.
pub(super) fn throughput(sweep: &Sweep) -> Option<Lines> {
    let lines =
        lines(sweep, |point| figures::of_turns(&point.turns, |turn| turn.requests_per_second));
    let highest = markers(&lines).map(|marker| marker.high).fold(0.0, f64::max);
    let y = Axis::from_zero("requests per second", highest, format::round_count);
    chart(sweep, lines, y, Vec::new())
}

/// The chart of how well the objectives are met: by the one that is met least, as a part of its limit.
pub(super) fn score(sweep: &Sweep) -> Option<Lines> {
    let lines = lines(sweep, |point| {
        figures::spread(point.scores.iter().copied().filter(|score| *score > 0.0))
    });
    let values = markers(&lines).flat_map(|marker| [marker.low, marker.high]);
    let y = Axis::logarithmic("latency, by its limit", values.chain([1.0]), format::round_count)?;
    let limit = Limit { y: 0.0, until: None, text: "limit".to_owned() };
    chart(sweep, in_decades(lines), y, vec![limit])
}

/// The charts of the percentiles that the objectives are about, each with the class's name.
pub(super) fn latencies(sweep: &Sweep) -> Vec<(String, Lines)> {
    let mut about: Vec<(usize, Percentile)> = Vec::new();
    let points = sweep.curves.iter().flat_map(|curve| &curve.points);
    for (class, percentile, _) in points.flat_map(|point| &point.latencies) {
        if !about.contains(&(*class, *percentile)) {
            about.push((*class, *percentile));
        }
    }
    about.sort_by_key(|(class, percentile)| (*class, *percentile as usize));
    about
        .into_iter()
        .filter_map(|(class, percentile)| {
            let name = sweep.classes.get(class).map_or("?", String::as_str);
            Some((format!("{} of {name}", percentile.name()), latency(sweep, class, percentile)?))
        })
        .collect()
}

/// The range over the rounds is from the turns; the median is the sweep's own.
fn latency(sweep: &Sweep, class: usize, percentile: Percentile) -> Option<Lines> {
    let lines = lines(sweep, |point| {
        let own = point.latencies.iter().find(|(at, of, _)| (*at, *of) == (class, percentile));
        let median = own.map(|(.., ns)| *ns).filter(|ns| ns.is_finite() && *ns > 0.0)?;
        let turns = point.turns.iter().filter_map(|turn| turn.classes.get(class)?.latency.as_ref());
        let turns = turns.map(|latency| latency.at(percentile).max(1) as f64);
        let Spread { min, max, .. } = figures::spread(turns.chain([median]))?;
        Some(Spread { median, min, max })
    });
    let values = markers(&lines).flat_map(|marker| [marker.low, marker.high]);
    let y = Axis::logarithmic(percentile.name(), values, format::round_time)?;
    chart(sweep, in_decades(lines), y, Vec::new())
}

fn chart(sweep: &Sweep, lines: Vec<Line>, y: Axis, limits: Vec<Limit>) -> Option<Lines> {
    let points = lines.iter().flat_map(|line| &line.markers).map(|(x, _)| *x);
    let highest = points.reduce(f64::max)?;
    let x = Axis::within("load, % of the capacity", 0.0..highest.max(0.1) * 1.04, 7, |load| {
        format!("{:.0}", load * 100.0)
    });
    let marks = sweep.crossovers.iter().filter(|crossover| {
        let (low, high) = crossover.range;
        [crossover.load, low, high].iter().all(|load| load.is_finite())
    });
    let marks = marks.map(|crossover| Mark {
        x: crossover.load,
        range: crossover.range,
        text: format!("{} from {}", crossover.above, format::percent(crossover.load)),
    });
    let marks = marks.filter(|mark| x.range.contains(&mark.x)).collect();
    Some(Lines { x, y, lines, limits, marks })
}

/// One for each layout for which the figure is there at any load.
fn lines(sweep: &Sweep, figure: impl Fn(&Point) -> Option<Spread>) -> Vec<Line> {
    let line = |(layout, curve): (usize, &Curve)| {
        let points =
            curve.points.iter().filter(|point| point.took.is_finite() && point.took >= 0.0);
        let markers: Vec<(f64, Marker)> =
            points.filter_map(|point| Some((point.took, figure(point)?.into()))).collect();
        let points = markers.iter().map(|(x, marker)| (*x, marker.median)).collect();
        Line { layout, points, markers }
    };
    let lines = sweep.curves.iter().enumerate().map(line);
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn markers(lines: &[Line]) -> impl Iterator<Item = &Marker> {
    lines.iter().flat_map(|line| &line.markers).map(|(_, marker)| marker)
}

fn in_decades(mut lines: Vec<Line>) -> Vec<Line> {
    for line in &mut lines {
        for (_, y) in &mut line.points {
            *y = y.log10();
        }
        for (_, marker) in &mut line.markers {
            let Marker { low, median, high } = *marker;
            *marker = Marker { low: low.log10(), median: median.log10(), high: high.log10() };
        }
    }
    lines
}
