//! A line for each load.

use std::io::{self, Write};

use super::cells::{NONE, percent, rate, spread, table};
use crate::compare::report::{Crossover, Curve, Sweep};
use crate::rounds::Spread;

/// Writes one workload on all its layouts at several loads.
///
/// # Errors
///
/// `out` cannot be written to.
pub fn write_sweep(out: &mut impl Write, sweep: &Sweep) -> io::Result<()> {
    let Sweep { workload, objectives, full_load, curves, crossovers, .. } = sweep;
    writeln!(out, "{workload}, swept: a load of 100 % is {full_load}")?;
    writeln!(
        out,
        "by how much what is wanted ({}) is met: the worst of it as a part of its limit, up to 1.00 all is met;",
        objectives.join(", ")
    )?;
    writeln!(
        out,
        "medians over the rounds, ranges in brackets. Loads are asked for at the speed of the calibration; up to which load"
    )?;
    writeln!(out, "all is met is said by the speed that the machine had in these turns\n")?;
    let mut columns = vec!["load"];
    columns.extend(curves.iter().map(|curve| curve.layout.as_str()));
    let mut lines = table(1, &columns);
    let mut loads: Vec<f64> =
        curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.load)).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    for load in loads {
        let cells = curves.iter().map(|curve| score(curve, load));
        lines.add_row([percent(load)].into_iter().chain(cells));
    }
    let most =
        curves.iter().map(|curve| curve.highest_load.map_or_else(|| "none".to_owned(), percent));
    lines.add_row(["meets all up to".to_owned()].into_iter().chain(most));
    writeln!(out, "{}\n", lines.trim_fmt())?;
    for crossover in crossovers {
        writeln!(out, "{}", in_words(crossover))?;
    }
    if crossovers.is_empty() {
        writeln!(out, "no crossover: no AMP layout does what is wanted where SMP does not")?;
    }
    writeln!(out)
}

fn score(curve: &Curve, load: f64) -> String {
    let at = curve.points.iter().find(|point| point.load == load);
    let scores = at.and_then(|point| Spread::of(point.scores.iter().copied()));
    match scores {
        Some(_) => {
            spread(scores, |score| if score < 100.0 { format!("{score:.2}") } else { rate(score) })
        }
        None => NONE.to_owned(),
    }
}

fn in_words(crossover: &Crossover) -> String {
    let Crossover { above, below, load, range: (from, to), until, .. } = crossover;
    format!(
        "crossover: from {} [{}..{}] on {below} misses something, {above} nothing up to {}",
        percent(*load),
        percent(*from),
        percent(*to),
        percent(*until)
    )
}
