//! A line for each layout, and who ran where.

use std::io::{self, Write};

use indicatif::BinaryBytes;

use super::cells::{median, percent, rate, spread, table, time};
use crate::compare::outcome::{Comparison, LayoutOutcome, TurnOutcome};
use crate::rounds::Spread;

/// So many workers have a figure each; of more, the range is given.
const WORKERS_SHOWN: usize = 4;

/// So many lines of a layout's placement are written.
const PLACEMENT_SHOWN: usize = 8;

pub(super) fn write(out: &mut impl Write, comparison: &Comparison) -> io::Result<()> {
    let columns =
        ["layout", "requests/s", "tasks/s", "CPU/task", "imbalance", "memory", "workers busy"];
    let mut lines = table(1, &columns);
    for layout in &comparison.layouts {
        let of = |part: fn(&TurnOutcome) -> f64| Spread::of(layout.turns.iter().map(part));
        let oversubscribed = if layout.oversubscribed { " OVERSUBSCRIBED" } else { "" };
        lines.add_row([
            format!("{}{oversubscribed}", layout.name),
            spread(of(|turn| turn.requests_per_second), rate),
            median(of(|turn| turn.tasks_per_second), rate),
            median(of(|turn| turn.cpu_ns_per_task), time),
            spread(of(|turn| turn.imbalance), |value| format!("{value:.2}")),
            median(of(|turn| turn.memory_growth_bytes as f64), |bytes| {
                BinaryBytes(bytes as u64).to_string()
            }),
            utilisation(&layout.turns),
        ]);
    }
    writeln!(out, "{}\n", lines.trim_fmt())
}

/// The part of the time in which each worker ran tasks.
fn utilisation(turns: &[TurnOutcome]) -> String {
    let count = turns.iter().map(|turn| turn.worker_count).max().unwrap_or(0);
    // A worker that ran nothing is in no list.
    let of_worker = |index: usize| {
        let shares = turns
            .iter()
            .map(|turn| turn.workers.get(index).map_or(0.0, |worker| worker.utilisation));
        Spread::of(shares)
    };
    let medians: Vec<_> = (0..count).filter_map(|worker| Some(of_worker(worker)?.median)).collect();
    if medians.len() <= WORKERS_SHOWN {
        let each: Vec<_> = medians.into_iter().map(percent).collect();
        return each.join(", ");
    }
    match Spread::of(medians) {
        Some(Spread { median, min, max }) => {
            format!("{} [{}..{}]", percent(median), percent(min), percent(max))
        }
        None => String::new(),
    }
}

pub(super) fn write_placement(out: &mut impl Write, layouts: &[LayoutOutcome]) -> io::Result<()> {
    for LayoutOutcome { name, roles, oversubscribed, placement, .. } in layouts {
        let Some(roles) = roles else { continue };
        writeln!(out, "{name} has {roles}")?;
        if *oversubscribed {
            writeln!(out, "  OVERSUBSCRIBED: more roles than cores; its figures say little")?;
        }
        for line in placement.iter().take(PLACEMENT_SHOWN) {
            writeln!(out, "  {line}")?;
        }
        if let Some(more) = placement.len().checked_sub(PLACEMENT_SHOWN).filter(|more| *more > 0) {
            writeln!(out, "  and {more} workers more")?;
        }
    }
    writeln!(out)
}
