//! Up to which load a layout does what is wanted, and where one does while another no longer does.
//!
//! A score says by how much objectives are met, and grows with the load but for noise. So a curve of the scores' logarithms is made to
//! ascend, by the nearest ascending curve (pool adjacent violators: Ayer, Brunk, Ewing, Reid and Silverman, 1955), before it is asked
//! where it passes the limit: one disturbed turn then moves the answer a little, and does not make a second one.

use super::report::{Cost, Crossover, Curve, Point};
use crate::rounds::Spread;

/// Scores below this say the same: there is nothing left of the limit.
const LEAST: f64 = 1e-6;

/// The load at which the scores pass 1, by the rounds' medians; the highest load there is where they never do, nothing where the
/// lowest one is too much.
pub(super) fn highest_load(curve: &Curve) -> Option<f64> {
    let median =
        |point: &Point| Spread::of(point.scores.iter().copied()).map(|spread| spread.median);
    let points = curve.points.iter().filter_map(|point| Some((point.took, median(point)?)));
    passes_limit(points.collect())
}

/// The loads that were asked for next to the highest one, below and above it: in between it has been guessed.
pub(super) fn around_highest_load(curve: &Curve) -> Option<(f64, f64)> {
    let highest = curve.highest_load?;
    let above = curve.points.iter().position(|point| point.took > highest)?;
    Some((curve.points.get(above.checked_sub(1)?)?.load, curve.points[above].load))
}

/// Where `above` does what is wanted and `below` no longer does, if there is such a load. `classes` are the names of the classes.
pub(super) fn crossover(above: &Curve, below: &Curve, classes: &[String]) -> Option<Crossover> {
    let (load, until) = (below.highest_load.unwrap_or(0.0), above.highest_load?);
    if until <= load {
        return None;
    }
    let range = Spread::of(by_round(below).chain([load]))?;
    let pairs: Vec<(&Point, &Point)> = above
        .points
        .iter()
        .filter_map(|point| {
            Some((point, below.points.iter().find(|other| other.load == point.load)?))
        })
        .collect();
    let between = pairs.iter().filter(|(point, _)| point.took > load && point.took <= until);
    Some(Crossover {
        above: above.layout.clone(),
        below: below.layout.clone(),
        load,
        range: (range.min, range.max),
        until,
        cost_below: costs(pairs.iter().filter(|(point, _)| point.took <= load), classes),
        gain_above: median(between.filter_map(|(above, below)| {
            median(above.scores.iter().zip(&below.scores).map(|(a, b)| b.max(LEAST) / a.max(LEAST)))
        })),
    })
}

/// What [`highest_load`] would say of each round alone; 0 for one in which the lowest load was too much.
fn by_round(curve: &Curve) -> impl Iterator<Item = f64> + '_ {
    let rounds = curve.points.iter().map(|point| point.scores.len()).min().unwrap_or(0);
    (0..rounds).map(|round| {
        let points = curve.points.iter().map(|point| {
            let slowdown = point.turns.get(round).map_or(1.0, |turn| turn.slowdown);
            (point.load * slowdown, point.scores[round])
        });
        passes_limit(points.collect()).unwrap_or(0.0)
    })
}

/// How many times as much the first of each pair takes, for each class of which something is wanted, and for all together.
fn costs<'a>(
    pairs: impl Iterator<Item = &'a (&'a Point, &'a Point)> + Clone,
    classes: &[String],
) -> Vec<Cost> {
    let Some((first, _)) = pairs.clone().next() else { return Vec::new() };
    let latencies = (0..first.latencies.len()).filter_map(|index| {
        let (class, percentile, _) = first.latencies[index];
        let of = |point: &Point| point.latencies.get(index).map(|(_, _, ns)| *ns);
        let times = pairs.clone().filter_map(|(above, below)| Some(of(above)? / of(below)?));
        let name = classes.get(class).map_or("?", String::as_str);
        Some(Cost { what: format!("{} of {name}", percentile.name()), times: median(times)? })
    });
    let cpu = |point: &Point| median(point.turns.iter().map(|turn| turn.cpu_ns_per_task));
    let times = pairs.clone().filter_map(|(above, below)| Some(cpu(above)? / cpu(below)?));
    let cpu = median(times).map(|times| Cost { what: "CPU time per task".to_owned(), times });
    latencies.chain(cpu).collect()
}

fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(values).map(|spread| spread.median)
}

/// The load at which scores pass 1.
fn passes_limit(mut scores: Vec<(f64, f64)>) -> Option<f64> {
    // The machine may have been slower at the smaller one of two loads.
    scores.sort_by(|one, other| one.0.total_cmp(&other.0));
    let logarithms = scores.into_iter().map(|(load, score)| (load, score.max(LEAST).ln()));
    let curve = ascending(logarithms.collect());
    match curve.iter().position(|(_, value)| *value > 0.0) {
        None => curve.last().map(|(load, _)| *load),
        Some(0) => None,
        Some(first) => {
            let ((from, low), (to, high)) = (curve[first - 1], curve[first]);
            Some(from + (to - from) * (-low / (high - low)))
        }
    }
}

/// The nearest ascending curve, in the sense of least squares.
fn ascending(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    // Each block has one value for several points: their sum, and how many.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    let mean = |(sum, count): (f64, usize)| sum / count as f64;
    for (_, value) in &points {
        let mut block = (*value, 1);
        while let Some(last) = blocks.pop_if(|last| mean(*last) >= mean(block)) {
            block = (last.0 + block.0, last.1 + block.1);
        }
        blocks.push(block);
    }
    let values = blocks.into_iter().flat_map(|block| std::iter::repeat_n(mean(block), block.1));
    points.into_iter().zip(values).map(|((load, _), value)| (load, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::workload::Percentile;
    use proptest::prelude::*;

    /// Scores by load, one for each round; the first class's p99 is as many milliseconds as the load is per cent.
    fn curve(layout: &str, points: &[(f64, &[f64])]) -> Curve {
        let point = |(load, scores): &(f64, &[f64])| Point {
            load: *load,
            took: *load,
            latencies: vec![(0, Percentile::P99, load * 1e8)],
            scores: scores.to_vec(),
            turns: Vec::new(),
        };
        let points = points.iter().map(point).collect();
        let mut curve =
            Curve { layout: layout.to_owned(), executor: "smp", points, highest_load: None };
        curve.highest_load = highest_load(&curve);
        curve
    }

    fn between(above: &Curve, below: &Curve) -> Option<Crossover> {
        crossover(above, below, &["light".to_owned()])
    }

    #[test]
    fn a_curve_that_ascends_stays_and_one_that_does_not_is_levelled() {
        let points = vec![(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)];
        assert_eq!(ascending(points.clone()), points);
        let points = vec![(1.0, 1.0), (2.0, 5.0), (3.0, 3.0), (4.0, 1.0), (5.0, 6.0)];
        let values: Vec<f64> = ascending(points).iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [1.0, 3.0, 3.0, 3.0, 6.0]);
        assert_eq!(ascending(Vec::new()), []);
    }

    #[test]
    fn the_highest_load_is_where_the_limit_is_passed() {
        let highest = |points: &[(f64, &[f64])]| curve("smp", points).highest_load;
        assert!((highest(&[(0.2, &[0.5]), (0.4, &[2.0])]).unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(highest(&[(0.2, &[0.5]), (0.4, &[0.6])]), Some(0.4));
        assert_eq!(highest(&[(0.2, &[1.5]), (0.4, &[9.0])]), None);
        assert_eq!(highest(&[]), None);
        // One disturbed turn of three does not count; a disturbed load in the middle counts little.
        let disturbed = highest(&[(0.1, &[0.1, 90.0, 0.1]), (0.2, &[0.2]), (0.3, &[4.0])]);
        assert!((0.2..0.3).contains(&disturbed.unwrap()));
    }

    #[test]
    fn a_closer_look_is_between_the_loads_around_it() {
        let around = |points: &[(f64, &[f64])]| around_highest_load(&curve("smp", points));
        let points: [(f64, &[f64]); 3] = [(0.2, &[0.5]), (0.4, &[0.9]), (0.6, &[2.0])];
        assert_eq!(around(&points), Some((0.4, 0.6)));
        assert_eq!(around(&points[..2]), None, "it does what is wanted at all loads");
        assert_eq!(around(&points[2..]), None, "at none");
    }

    #[test]
    fn roles_pay_between_the_two_highest_loads_and_cost_below() {
        let smp = curve("smp", &[(0.2, &[0.5]), (0.4, &[2.0]), (0.6, &[4.0]), (0.8, &[9.0])]);
        let mut amp = curve("amp", &[(0.2, &[0.6]), (0.4, &[0.5]), (0.6, &[0.5]), (0.8, &[8.0])]);
        for point in &mut amp.points {
            point.latencies[0].2 *= 3.0;
        }
        let found = between(&amp, &smp).unwrap();
        assert!((found.load - 0.3).abs() < 1e-9);
        assert_eq!(found.range, (found.load, found.load));
        assert!((0.6..0.8).contains(&found.until));
        let [cost] = &found.cost_below[..] else { panic!("no turns, so no CPU time: {found:?}") };
        assert_eq!(cost.what, "p99 of light");
        assert!((cost.times - 3.0).abs() < 1e-9);
        // 4 times at 40 %, 8 times at 60 %.
        assert!((found.gain_above.unwrap() - 6.0).abs() < 1e-9);
        assert!(between(&smp, &amp).is_none() && between(&smp, &smp).is_none());
    }

    #[test]
    fn the_range_is_that_of_the_rounds() {
        let points: [(f64, &[f64]); 2] = [(0.2, &[0.5, 0.5, 0.5]), (0.4, &[2.0, 8.0, 2.0])];
        let (smp, amp) = (curve("smp", &points), curve("amp", &[(0.2, &[0.1]), (0.4, &[0.1])]));
        let found = between(&amp, &smp).unwrap();
        assert!(found.range.0 < found.load && found.range.1 == found.load, "{found:?}");
    }

    #[test]
    fn one_that_does_nothing_of_what_is_wanted_loses_from_the_beginning() {
        let points: [(f64, &[f64]); 2] = [(0.2, &[1.5]), (0.4, &[2.0])];
        let (smp, amp) = (curve("smp", &points), curve("amp", &[(0.2, &[0.1]), (0.4, &[0.1])]));
        let found = between(&amp, &smp).unwrap();
        assert_eq!((found.load, found.range, found.until), (0.0, (0.0, 0.0), 0.4));
        assert!(found.cost_below.is_empty());
        assert!(between(&smp, &smp).is_none());
    }

    /// Loads in any order, and the logarithms of scores.
    fn any_points() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((0.0..4.0_f64, -14.0..14.0_f64), 0..30)
    }

    fn squares(one: &[(f64, f64)], other: &[(f64, f64)]) -> f64 {
        one.iter().zip(other).map(|((_, one), (_, other))| (one - other).powi(2)).sum()
    }

    proptest! {
        #[test]
        fn the_nearest_ascending_curve_is_that(points in any_points(), steps in prop::collection::vec(0.0..3.0_f64, 30)) {
            let curve = ascending(points.clone());
            prop_assert!(curve.is_sorted_by(|one, next| one.1 <= next.1), "{curve:?}");
            prop_assert!(curve.iter().map(|(load, _)| load).eq(points.iter().map(|(load, _)| load)));
            let sum = |points: &[(f64, f64)]| points.iter().map(|(_, value)| value).sum::<f64>();
            prop_assert!((sum(&curve) - sum(&points)).abs() < 1e-9, "the mean is kept");
            let again = ascending(curve.clone());
            prop_assert!(squares(&again, &curve) < 1e-18, "{curve:?} and {again:?}");
            // No other one is nearer.
            let mut value = points.first().map_or(0.0, |first| first.1 - 20.0);
            let other: Vec<_> = points.iter().zip(steps).map(|((load, _), step)| {
                value += step;
                (*load, value)
            }).collect();
            prop_assert!(squares(&curve, &points) <= squares(&other, &points) + 1e-9);
        }

        #[test]
        fn the_limit_is_passed_at_a_load_that_was_tried_or_between_two(
            points in any_points(), factor in 0.1..1.0_f64
        ) {
            let scores = |factor: f64| -> Vec<_> {
                points.iter().map(|(load, value)| (*load, value.exp() * factor)).collect()
            };
            let loads = || points.iter().map(|(load, _)| *load);
            let (least, most) = (loads().fold(f64::MAX, f64::min), loads().fold(0.0, f64::max));
            let found = passes_limit(scores(1.0));
            if let Some(load) = found {
                prop_assert!((least..=most).contains(&load), "{load}");
            }
            // Who is faster everywhere does it up to as high a load.
            let faster = passes_limit(scores(factor));
            prop_assert!(faster.unwrap_or(0.0) >= found.unwrap_or(0.0) - 1e-9, "{faster:?} {found:?}");
        }
    }
}
