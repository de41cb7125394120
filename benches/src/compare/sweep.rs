//! `benches sweep`: the layouts at loads from next to nothing to more than there is.

use anyhow::ensure;

use super::arrival::mean_rate;
use super::crossover::{around_highest_load, crossover, highest_load};
use super::interrupt::Interrupt;
use super::outcome::{ClassOutcome, TurnOutcome};
use super::prepared::Prepared;
use super::progress::Progress;
use super::report::{Crossover, Curve, Point, Sweep};
use super::turn::Turn;
use super::workload::{Class, Executor, Layout, Percentile};
use crate::rounds::{Spread, in_turn};

/// A load at which a layout begins to miss something is between two of those that were asked for. So many more are tried there.
const CLOSER_LOOKS: u32 = 3;

/// Runs one workload at these loads, in rounds in which all layouts take turns at each load; then at some more, where it matters. An
/// interruption ends it, with what all layouts have completed.
pub(super) fn sweep_at(
    prepared: &Prepared,
    (loads, scale): (&[f64], Scale),
    rounds: usize,
    interrupt: &Interrupt,
    progress: &Progress,
) -> anyhow::Result<Sweep> {
    let layouts = &prepared.workload.layouts;
    let curve = |layout: &Layout| Curve {
        layout: layout.name.clone(),
        executor: layout.executor.name(),
        points: Vec::new(),
        highest_load: None,
    };
    let mut curves: Vec<Curve> = layouts.iter().map(curve).collect();
    let run = |curves: &mut [Curve], loads: &[f64]| {
        run_at(prepared, curves, (loads, scale), rounds, interrupt, progress)
    };
    run(&mut curves, loads)?;
    let closer = closer_loads(layouts, &curves);
    progress.expect(closer.len() * layouts.len() * rounds);
    run(&mut curves, &closer)?;
    let classes: Vec<String> =
        prepared.workload.classes.iter().map(|class| class.name.clone()).collect();
    let crossovers = crossovers(layouts, &curves, &classes);
    Ok(Sweep {
        workload: prepared.workload.name.clone(),
        given: prepared.workload.given.clone(),
        classes,
        objectives: objectives(prepared),
        full_load: full_load(prepared),
        curves,
        crossovers,
    })
}

/// Adds points at these loads to the curves.
fn run_at(
    prepared: &Prepared,
    curves: &mut [Curve],
    (loads, scale): (&[f64], Scale),
    rounds: usize,
    interrupt: &Interrupt,
    progress: &Progress,
) -> anyhow::Result<()> {
    let layouts = &prepared.workload.layouts;
    let scales: Vec<(f64, f64)> =
        loads.iter().filter_map(|load| Some((*load, scale.at(*load)?))).collect();
    let before: Vec<Vec<Point>> =
        curves.iter_mut().map(|curve| std::mem::take(&mut curve.points)).collect();
    for curve in &mut *curves {
        curve.points = scales.iter().map(|(load, _)| Point::new(*load)).collect();
    }
    'rounds: for round in 0..rounds {
        for (place, (load, scale)) in scales.iter().enumerate() {
            for index in in_turn(layouts.len(), round + place) {
                let layout = &layouts[index];
                progress.say(format!("{} at {:.0} %", layout.name, load * 100.0));
                let turn = Turn { prepared, layout, round, scale: *scale, interrupt };
                let Some(taken) = turn.take()? else { break 'rounds };
                curves[index].points[place].turns.push(taken.outcome);
                progress.step();
            }
        }
    }
    keep_complete(curves);
    for (curve, before) in curves.iter_mut().zip(before) {
        for point in &mut curve.points {
            point.scores = point.turns.iter().map(|turn| score(prepared, turn)).collect();
            point.latencies = latencies(prepared, &point.turns);
            let slowdowns = point.turns.iter().map(|turn| turn.slowdown);
            point.took = point.load * Spread::of(slowdowns).map_or(1.0, |spread| spread.median);
        }
        curve.points.extend(before);
        curve.points.sort_by(|one, other| one.load.total_cmp(&other.load));
        curve.highest_load = highest_load(curve);
    }
    Ok(())
}

/// Leaves out turns that not all layouts have taken, and loads without any: a layout whose turn an interruption has ended has not
/// failed at that load.
fn keep_complete(curves: &mut [Curve]) {
    let loads = curves.first().map_or(0, |curve| curve.points.len());
    for place in 0..loads {
        let complete = curves.iter().map(|curve| curve.points[place].turns.len()).min();
        for curve in &mut *curves {
            curve.points[place].turns.truncate(complete.unwrap_or(0));
        }
    }
    for curve in curves {
        curve.points.retain(|point| !point.turns.is_empty());
    }
}

/// Loads at equal distances between the two around each load that the answer depends on: where SMP or an AMP layout begins to miss
/// something.
fn closer_loads(layouts: &[Layout], curves: &[Curve]) -> Vec<f64> {
    let is_ours = |layout: &Layout| matches!(layout.executor, Executor::Smp | Executor::Amp(_));
    let ours = layouts.iter().zip(curves).filter(|(layout, _)| is_ours(layout));
    let mut loads: Vec<f64> = ours
        .filter_map(|(_, curve)| around_highest_load(curve))
        .flat_map(|(from, to)| {
            let part = (to - from) / f64::from(CLOSER_LOOKS + 1);
            (1..=CLOSER_LOOKS).map(move |look| from + part * f64::from(look))
        })
        .collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    loads
}

/// What is asked for at the rates that the workload declares, as parts of the capacity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// By classes that keep their rate.
    fixed: f64,
    /// By classes that do not.
    scaling: f64,
}

impl Scale {
    /// For these loads. Those that the classes that do not scale exceed are left out of a sweep.
    ///
    /// # Errors
    ///
    /// Nothing says what is wanted, or there is no load that the rates can be changed to.
    pub(super) fn of(prepared: &Prepared, loads: &[f64]) -> anyhow::Result<Self> {
        let name = &prepared.workload.name;
        let wanted = prepared.workload.classes.iter().any(|class| !class.objectives.is_empty());
        ensure!(wanted, "{name} cannot be swept: no class says by `slo` what is wanted of it");
        let scale = Self { fixed: prepared.demand(false), scaling: prepared.demand(true) };
        ensure!(
            scale.scaling > 0.0,
            "{name} cannot be swept: no class has a rate that may be changed (closed loops have none)"
        );
        ensure!(
            loads.iter().any(|load| scale.at(*load).is_some()),
            "{name} cannot be swept: the classes that keep their rate take {:.0} % of the capacity",
            scale.fixed * 100.0
        );
        Ok(scale)
    }

    /// What the rates have to be multiplied by for this load; nothing where the classes that keep theirs exceed it.
    fn at(self, load: f64) -> Option<f64> {
        Some((load - self.fixed) / self.scaling).filter(|scale| *scale > 0.0)
    }
}

/// By how much a turn meets the objectives: the largest of all that are wanted, as a part of its limit.
fn score(prepared: &Prepared, turn: &TurnOutcome) -> f64 {
    let of_class = |(class, outcome): (&Class, &ClassOutcome)| {
        let latency = outcome.latency.as_ref();
        class
            .objectives
            .iter()
            .filter_map(|objective| {
                let ns = latency?.at(objective.percentile);
                Some(ns as f64 / objective.below.as_nanos().max(1) as f64)
            })
            .fold(0.0, f64::max)
    };
    prepared.workload.classes.iter().zip(&turn.classes).map(of_class).fold(0.0, f64::max)
}

/// For each class with objectives the percentile that the first one is about.
fn latencies(prepared: &Prepared, turns: &[TurnOutcome]) -> Vec<(usize, Percentile, f64)> {
    let classes = prepared.workload.classes.iter().enumerate();
    let of = |(index, class): (usize, &Class)| {
        let percentile = class.objectives.first()?.percentile;
        let values = turns
            .iter()
            .filter_map(|turn| Some(turn.classes[index].latency.as_ref()?.at(percentile) as f64));
        Some((index, percentile, Spread::of(values)?.median))
    };
    classes.filter_map(of).collect()
}

/// Where AMP layouts do what is wanted and SMP no longer does.
fn crossovers(layouts: &[Layout], curves: &[Curve], classes: &[String]) -> Vec<Crossover> {
    let of = |wanted: fn(&Executor) -> bool| {
        let both = layouts.iter().zip(curves);
        both.filter(move |(layout, _)| wanted(&layout.executor)).map(|(_, curve)| curve)
    };
    let Some(smp) = of(|executor| matches!(executor, Executor::Smp)).next() else {
        return Vec::new();
    };
    let amps = of(|executor| matches!(executor, Executor::Amp(_)));
    amps.filter_map(|amp| crossover(amp, smp, classes)).collect()
}

fn objectives(prepared: &Prepared) -> Vec<String> {
    let classes = prepared.workload.classes.iter();
    let texts = classes.flat_map(|class| {
        class.objectives.iter().map(|objective| {
            let below = humantime::format_duration(objective.below);
            format!("{} of {} < {below}", objective.percentile.name(), class.name)
        })
    });
    texts.collect()
}

/// The requests per second are those of all classes that have a rate, those that keep theirs included.
fn full_load(prepared: &Prepared) -> String {
    let rate = |scales: bool| -> f64 {
        let classes = prepared.workload.classes.iter().zip(&prepared.full_rates);
        let own = classes.filter(|(class, _)| class.scales == scales);
        let rates = own.filter_map(|(class, full)| {
            Some(mean_rate(class.arrival.as_ref()?, *full, 1.0, prepared.workload.time))
        });
        rates.sum()
    };
    let scale = (1.0 - prepared.demand(false)).max(0.0) / prepared.demand(true);
    format!(
        "the time of {:.2} cores: {:.0} requests per second",
        prepared.cores,
        rate(true) * scale + rate(false)
    )
}

impl Point {
    fn new(load: f64) -> Self {
        Self { load, took: load, latencies: Vec::new(), scores: Vec::new(), turns: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::verdict::made_up::realtime;
    use crate::compare::workload::Workload;
    use crate::work::Speed;

    #[test]
    fn what_not_all_layouts_have_completed_does_not_count() {
        let made = realtime(&[("smp", "smp", None, &[1e6; 3])]);
        let turns = &made.layouts[0].turns;
        let point = |load, count| Point { turns: turns[..count].to_vec(), ..Point::new(load) };
        let curve = |layout: &str, points| Curve {
            layout: layout.to_owned(),
            executor: "smp",
            points,
            highest_load: None,
        };
        // Interrupted in the second round: at the first load after one layout, and in the first round at the last one.
        let mut curves = [
            curve("smp", vec![point(0.1, 2), point(0.2, 1), point(0.3, 0)]),
            curve("amp", vec![point(0.1, 1), point(0.2, 1), point(0.3, 1)]),
        ];
        keep_complete(&mut curves);
        for Curve { layout, points, .. } in &curves {
            let turns: Vec<_> =
                points.iter().map(|point| (point.load, point.turns.len())).collect();
            assert_eq!(turns, [(0.1, 1), (0.2, 1)], "{layout}");
        }
    }

    #[test]
    fn roles_pay_beside_smp_whoever_comes_first() {
        let plan = amp_executor::RolePlan::parse("a=0").unwrap();
        let made = |name: &str, executor, highest| {
            let layout = Layout { name: name.to_owned(), executor };
            let points = vec![Point { scores: vec![0.5], ..Point::new(0.1) }];
            let executor = layout.executor.name();
            (
                layout,
                Curve { layout: name.to_owned(), executor, points, highest_load: Some(highest) },
            )
        };
        let (layouts, curves): (Vec<_>, Vec<_>) = [
            made("rayon", Executor::Rayon, 0.1),
            made("amp", Executor::Amp(plan.clone()), 0.4),
            made("smp", Executor::Smp, 0.2),
            made("amp-lending", Executor::Amp(plan), 0.5),
        ]
        .into_iter()
        .unzip();
        let found = crossovers(&layouts, &curves, &[]);
        let names: Vec<_> =
            found.iter().map(|each| (each.above.as_str(), each.below.as_str())).collect();
        assert_eq!(names, [("amp", "smp"), ("amp-lending", "smp")]);
        assert!(crossovers(&layouts[..2], &curves[..2], &[]).is_empty());
    }

    #[test]
    fn a_full_load_is_what_the_classes_that_keep_their_rate_leave() {
        let class = |name: &str, rate: u32, scales: bool| {
            format!(
                "[[class]]\nname = \"{name}\"\narrival = {{ regular = {rate} }}\nservice = {{ fixed = \"100us\" }}\nslo = \"p99 < 1s\"\nscales = {scales}\n"
            )
        };
        let text = format!(
            "about = \"two\"\ntime = \"1s\"\n{}{}",
            class("scaling", 200, true),
            class("fixed", 300, false)
        );
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("two.toml");
        std::fs::write(&path, text).unwrap();
        let workload = Workload::from_file(&path).unwrap();
        let prepared = Prepared::new(workload, Speed::measure()).unwrap();
        // Whatever mix it is, a request takes 100 us.
        let full = prepared.cores * 10_000.0;
        let expected = format!("{full:.0} requests per second");
        assert!(full_load(&prepared).ends_with(&expected), "{}", full_load(&prepared));
    }
}
