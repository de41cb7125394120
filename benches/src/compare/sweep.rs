//! `benches sweep`: the layouts at loads from next to nothing to more than there is.

use anyhow::ensure;

use super::crossover::{crossover, highest_load};
use super::interrupt::Interrupt;
use super::outcome::{ClassOutcome, TurnOutcome};
use super::prepared::Prepared;
use super::progress::Progress;
use super::report::{Curve, Point, Sweep};
use super::rounds::in_turn;
use super::turn::Turn;
use super::workload::{Class, Executor, Layout, Percentile};
use crate::rounds::Spread;

/// Runs one workload at these loads, in rounds in which all layouts take turns at each load.
pub(super) fn sweep_at(
    prepared: &Prepared,
    loads: &[f64],
    rounds: usize,
    interrupt: &Interrupt,
    progress: &Progress,
) -> anyhow::Result<Sweep> {
    let layouts = &prepared.workload.layouts;
    let scales = scales(prepared, loads)?;
    let mut curves: Vec<Curve> = layouts
        .iter()
        .map(|layout| Curve {
            layout: layout.name.clone(),
            points: scales.iter().map(|(load, _)| Point::new(*load)).collect(),
            highest_load: None,
        })
        .collect();
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
    for curve in &mut curves {
        for point in &mut curve.points {
            point.scores = point.turns.iter().map(|turn| score(prepared, turn)).collect();
            point.latencies = latencies(prepared, &point.turns);
        }
        curve.points.retain(|point| !point.turns.is_empty());
        curve.highest_load = highest_load(curve);
    }
    let classes: Vec<String> =
        prepared.workload.classes.iter().map(|class| class.name.clone()).collect();
    let amps = layouts.iter().zip(&curves).filter(|(layout, _)| is_amp(layout));
    let crossovers = curves
        .first()
        .map(|below| amps.filter_map(|(_, above)| crossover(above, below, &classes)).collect())
        .unwrap_or_default();
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

/// Each load with what the rates have to be multiplied by for it. Loads that the classes that do not scale exceed are left out.
fn scales(prepared: &Prepared, loads: &[f64]) -> anyhow::Result<Vec<(f64, f64)>> {
    let name = &prepared.workload.name;
    let wanted = prepared.workload.classes.iter().any(|class| !class.objectives.is_empty());
    ensure!(wanted, "{name} cannot be swept: no class says by `slo` what is wanted of it");
    let (fixed, scaling) = (prepared.demand(false), prepared.demand(true));
    ensure!(
        scaling > 0.0,
        "{name} cannot be swept: no class has a rate that may be changed (closed loops have none)"
    );
    let scales: Vec<(f64, f64)> = loads
        .iter()
        .map(|load| (*load, (load - fixed) / scaling))
        .filter(|(_, scale)| *scale > 0.0)
        .collect();
    ensure!(
        !scales.is_empty(),
        "{name} cannot be swept: the classes that keep their rate take {:.0} % of the capacity",
        fixed * 100.0
    );
    Ok(scales)
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

fn is_amp(layout: &Layout) -> bool {
    matches!(layout.executor, Executor::Amp(_))
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

fn full_load(prepared: &Prepared) -> String {
    let scaling = prepared.demand(true);
    let rate: f64 = prepared
        .workload
        .classes
        .iter()
        .zip(&prepared.full_rates)
        .filter(|(class, _)| class.scales)
        .filter_map(|(class, full)| {
            let arrival = class.arrival.as_ref()?;
            Some(super::arrival::mean_rate(arrival, *full, 1.0, prepared.workload.time))
        })
        .sum();
    format!(
        "the time of {:.2} cores: {:.0} requests per second",
        prepared.cores,
        rate / (scaling + prepared.demand(false)).max(f64::MIN_POSITIVE)
    )
}

impl Point {
    fn new(load: f64) -> Self {
        Self { load, latencies: Vec::new(), scores: Vec::new(), turns: Vec::new() }
    }
}
