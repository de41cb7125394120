//! `benches sweep`: the layouts at loads from next to nothing to more than there is.

use anyhow::ensure;

use super::crossover::{around_highest_load, crossover, highest_load};
use super::interrupt::Interrupt;
use super::outcome::{ClassOutcome, TurnOutcome};
use super::prepared::Prepared;
use super::progress::Progress;
use super::report::{Curve, Point, Sweep};
use super::rounds::in_turn;
use super::turn::Turn;
use super::workload::{Class, Executor, Layout, Percentile};
use crate::rounds::Spread;

/// A load at which a layout begins to miss something is between two of those that were asked for. So many more are tried there.
const CLOSER_LOOKS: u32 = 3;

/// Runs one workload at these loads, in rounds in which all layouts take turns at each load; then at some more, where it matters.
pub(super) fn sweep_at(
    prepared: &Prepared,
    loads: &[f64],
    rounds: usize,
    interrupt: &Interrupt,
    progress: &Progress,
) -> anyhow::Result<Sweep> {
    let layouts = &prepared.workload.layouts;
    let scale = Scale::of(prepared, loads)?;
    let curve = |layout: &Layout| Curve {
        layout: layout.name.clone(),
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

/// Adds points at these loads to the curves. An interruption leaves out what is not there yet.
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
    let mut turns: Vec<Vec<Vec<TurnOutcome>>> = vec![vec![Vec::new(); scales.len()]; curves.len()];
    'rounds: for round in 0..rounds {
        for (place, (load, scale)) in scales.iter().enumerate() {
            for index in in_turn(layouts.len(), round + place) {
                let layout = &layouts[index];
                progress.say(format!("{} at {:.0} %", layout.name, load * 100.0));
                let turn = Turn { prepared, layout, round, scale: *scale, interrupt };
                let Some(taken) = turn.take()? else { break 'rounds };
                turns[index][place].push(taken.outcome);
                progress.step();
            }
        }
    }
    for (curve, turns) in curves.iter_mut().zip(turns) {
        let points = scales.iter().zip(turns).filter(|(_, turns)| !turns.is_empty());
        curve.points.extend(points.map(|((load, _), turns)| Point {
            load: *load,
            latencies: latencies(prepared, &turns),
            scores: turns.iter().map(|turn| score(prepared, turn)).collect(),
            turns,
        }));
        curve.points.sort_by(|one, other| one.load.total_cmp(&other.load));
        curve.highest_load = highest_load(curve);
    }
    Ok(())
}

/// Loads at equal distances between the two around each load that the verdict is about.
fn closer_loads(layouts: &[Layout], curves: &[Curve]) -> Vec<f64> {
    let decisive = (0..).zip(layouts.iter().zip(curves));
    let mut loads: Vec<f64> = decisive
        .filter(|(index, (layout, _))| *index == 0 || is_amp(layout))
        .filter_map(|(_, (_, curve))| around_highest_load(curve))
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
struct Scale {
    /// By classes that keep their rate.
    fixed: f64,
    /// By classes that do not.
    scaling: f64,
}

impl Scale {
    fn of(prepared: &Prepared, loads: &[f64]) -> anyhow::Result<Self> {
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
