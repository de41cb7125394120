//! For each class a line for each layout: requests and percentiles.

use std::io::{self, Write};

use super::cells::{NONE, count, median, table, time};
use crate::compare::outcome::{ClassFacts, ClassOutcome, Comparison, Latency, TurnOutcome};
use crate::compare::workload::Percentile;
use crate::rounds::Spread;

/// What marks in the tables mean, as far as they occur.
#[derive(Debug, Default)]
struct Legend {
    brackets: bool,
    missed: bool,
}

pub(super) fn write(out: &mut impl Write, comparison: &Comparison) -> io::Result<()> {
    let mut legend = Legend::default();
    for (index, class) in comparison.classes.iter().enumerate() {
        writeln!(out, "{}", heading(class))?;
        let lines = match class.arrival {
            Some(_) => of_requests(comparison, class, index, &mut legend),
            None => of_tasks(comparison, index, &mut legend),
        };
        writeln!(out, "{lines}\n")?;
    }
    if legend.brackets {
        writeln!(out, "(...)  fewer than one value of a turn is expected above this percentile")?;
    }
    if legend.missed {
        writeln!(out, "!      not what the class is to meet")?;
    }
    if legend.brackets || legend.missed {
        writeln!(out)?;
    }
    Ok(())
}

fn heading(class: &ClassFacts) -> String {
    let mut parts = vec![format!("role {}", class.role)];
    parts.extend(class.arrival.clone());
    parts.push(class.service.clone());
    if let Some(deadline) = class.deadline_ns {
        parts.push(format!("deadline {}", time(deadline as f64)));
    }
    for (percentile, limit) in &class.objectives {
        parts.push(format!("{} < {}", percentile.name(), time(*limit as f64)));
    }
    format!("{}: {}", class.name, parts.join("; "))
}

/// A class that has requests of its own: from the intended arrival to the end of the request's last task.
fn of_requests(
    comparison: &Comparison,
    class: &ClassFacts,
    index: usize,
    legend: &mut Legend,
) -> String {
    let mut columns = vec!["layout", "offered", "ended", "refused"];
    columns.extend(class.deadline_ns.map(|_| "missed"));
    columns.extend(Percentile::ALL.map(Percentile::name));
    columns.push("fed p99");
    let mut lines = table(1, &columns);
    for layout in &comparison.layouts {
        let turns = outcomes(&layout.turns, index);
        let sum = |part: fn(&ClassOutcome) -> u64| count(turns.iter().map(|turn| part(turn)).sum());
        let mut row = vec![
            layout.name.clone(),
            sum(|turn| turn.offered),
            sum(|turn| turn.ended),
            sum(|turn| turn.refused),
        ];
        row.extend(class.deadline_ns.map(|_| sum(|turn| turn.deadline_misses)));
        let latencies: Vec<_> = turns.iter().filter_map(|turn| turn.latency.as_ref()).collect();
        row.extend(percentiles(&latencies, &class.objectives, legend));
        let fed = turns.iter().filter_map(|turn| turn.feeding.as_ref());
        let fed = Spread::of(fed.map(|times| times.at(Percentile::P99) as f64));
        row.push(median(fed, time));
        lines.add_row(row);
    }
    lines.trim_fmt()
}

/// A class that only others spawn: from when its tasks were spawned to their first instruction.
fn of_tasks(comparison: &Comparison, index: usize, legend: &mut Legend) -> String {
    let mut columns = vec!["layout", "tasks"];
    let waits = Percentile::ALL.map(|percentile| format!("wait {}", percentile.name()));
    columns.extend(waits.iter().map(String::as_str));
    let mut lines = table(1, &columns);
    for layout in &comparison.layouts {
        let turns = outcomes(&layout.turns, index);
        let tasks = turns.iter().map(|turn| turn.tasks).sum();
        let mut row = vec![layout.name.clone(), count(tasks)];
        let waits: Vec<_> = turns.iter().filter_map(|turn| turn.waiting.as_ref()).collect();
        row.extend(percentiles(&waits, &[], legend));
        lines.add_row(row);
    }
    lines.trim_fmt()
}

fn outcomes(turns: &[TurnOutcome], class: usize) -> Vec<&ClassOutcome> {
    turns.iter().filter_map(|turn| turn.classes.get(class)).collect()
}

/// Medians over the rounds; in brackets those that too few values stand for.
fn percentiles(
    rounds: &[&Latency],
    objectives: &[(Percentile, u64)],
    legend: &mut Legend,
) -> [String; 6] {
    let fewest = rounds.iter().map(|round| round.count).min().unwrap_or(0);
    Percentile::ALL.map(|percentile| {
        let Some(spread) = Spread::of(rounds.iter().map(|round| round.at(percentile) as f64))
        else {
            return NONE.to_owned();
        };
        let mut text = time(spread.median);
        if !is_backed(percentile, fewest) {
            legend.brackets = true;
            text = format!("({text})");
        }
        let limits = objectives.iter().filter(|(of, _)| *of == percentile);
        if limits.clone().any(|(_, limit)| spread.median > *limit as f64) {
            legend.missed = true;
            text.push('!');
        }
        text
    })
}

/// Whether at least one of so many values is expected above the percentile. The maximum is what it is.
fn is_backed(percentile: Percentile, values: u64) -> bool {
    percentile == Percentile::Max || values as f64 * (1.0 - percentile.quantile()) >= 1.0 - 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_a_value_above_it() {
        assert!(is_backed(Percentile::P99, 100));
        assert!(!is_backed(Percentile::P99, 99));
        assert!(is_backed(Percentile::P9999, 10_000));
        assert!(!is_backed(Percentile::P9999, 9_000));
        assert!(is_backed(Percentile::Max, 1));
    }
}
