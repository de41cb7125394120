//! The tables of a workload.

use maud::{Markup, html};

use super::figures;
use super::format;
use super::plot::{area_sample, line_sample};
use crate::compare::outcome::{ClassFacts, ClassOutcome, Comparison, LayoutOutcome};
use crate::compare::workload::Percentile;
use crate::rounds::Spread;

/// One figure of all layouts.
struct Column {
    name: &'static str,
    /// One for each layout.
    cells: Vec<Cell>,
    format: fn(f64) -> String,
    /// Whether more is better; nothing where neither is.
    more_is_better: Option<bool>,
}

/// One figure of one layout.
struct Cell {
    spread: Option<Spread>,
    /// Whether there were enough values for it.
    enough: bool,
}

impl From<Option<Spread>> for Cell {
    fn from(spread: Option<Spread>) -> Self {
        Self { spread, enough: true }
    }
}

/// What is known of the classes before anything runs.
pub(super) fn classes(comparison: &Comparison) -> Markup {
    html! {
        div .scroll role="group" tabindex="0" aria-label={ "Classes of " (comparison.workload) } {
            table .classes {
                caption { "Classes of tasks" }
                thead {
                    tr {
                        @for name in ["class", "role", "requests come", "a task", "takes", "dispersion", "wanted"] {
                            th scope="col" { (name) }
                        }
                    }
                }
                tbody {
                    @for (index, class) in comparison.classes.iter().enumerate() {
                        tr {
                            th scope="row" { (area_sample(index)) span .name { (class.name) } }
                            td { (class.role) }
                            td { (class.arrival.as_deref().unwrap_or("from other tasks")) }
                            td { (class.service) }
                            td .number { (format::time(class.mean_service_ns)) }
                            td .number { (format::times(class.service_dispersion)) }
                            td { (wanted(class)) }
                        }
                    }
                }
            }
        }
    }
}

fn wanted(class: &ClassFacts) -> String {
    let objectives = class.objectives.iter().map(|(percentile, ns)| {
        format!("{} < {}", percentile.name(), format::round_time(*ns as f64))
    });
    let deadline =
        class.deadline_ns.map(|ns| format!("deadline {}", format::round_time(ns as f64)));
    let wanted: Vec<String> = objectives.chain(deadline).collect();
    if wanted.is_empty() { "\u{2013}".to_owned() } else { wanted.join(", ") }
}

/// What concerns all classes.
pub(super) fn layouts(comparison: &Comparison) -> Markup {
    let of = |name, format: fn(f64) -> String, more_is_better, figure: Figure| Column {
        name,
        cells: comparison.layouts.iter().map(|layout| figure(layout).into()).collect(),
        format,
        more_is_better,
    };
    let columns = [
        of("requests/s", format::count, Some(true), |layout| {
            figures::of_turns(&layout.turns, |turn| turn.requests_per_second)
        }),
        of("tasks/s", format::count, Some(true), |layout| {
            figures::of_turns(&layout.turns, |turn| turn.tasks_per_second)
        }),
        of("CPU time per task", format::time, Some(false), |layout| {
            figures::of_turns(&layout.turns, |turn| turn.cpu_ns_per_task)
        }),
        of("imbalance", format::times, Some(false), |layout| {
            figures::of_turns(&layout.turns, |turn| turn.imbalance)
        }),
        of("memory growth", format::bytes, Some(false), |layout| {
            figures::of_turns(&layout.turns, |turn| turn.memory_growth_bytes as f64)
        }),
        of("workers", format::whole, None, |layout| {
            figures::of_turns(&layout.turns, |turn| turn.worker_count as f64)
        }),
    ];
    table("Layouts", &comparison.workload, &comparison.layouts, &columns)
}

type Figure = fn(&LayoutOutcome) -> Option<Spread>;

/// The requests of one class; nothing for a class without any.
pub(super) fn latencies(comparison: &Comparison, index: usize) -> Option<Markup> {
    let class = comparison.classes.get(index)?;
    let layouts = &comparison.layouts;
    let has_latency = |class: &ClassOutcome| class.latency.is_some() || class.offered > 0;
    let mut outcomes = layouts
        .iter()
        .flat_map(|layout| layout.turns.iter().filter_map(|turn| turn.classes.get(index)));
    if !outcomes.any(has_latency) {
        return None;
    }
    let counted = |name, more_is_better, figure: fn(&ClassOutcome) -> u64| Column {
        name,
        cells: layouts
            .iter()
            .map(|layout| {
                figures::of_class(layout, index, |class| Some(figure(class) as f64)).into()
            })
            .collect(),
        format: format::whole,
        more_is_better,
    };
    let percentiles = Percentile::ALL.map(|percentile| Column {
        name: percentile.name(),
        cells: layouts
            .iter()
            .map(|layout| match figures::latency(layout, index, percentile) {
                Some((spread, enough)) => Cell { spread: Some(spread), enough },
                None => None.into(),
            })
            .collect(),
        format: format::time,
        more_is_better: Some(false),
    });
    let mut columns = Vec::from(percentiles);
    columns.extend([
        counted("offered", None, |class| class.offered),
        counted("ended", None, |class| class.ended),
        counted("refused", Some(false), |class| class.refused),
    ]);
    if class.deadline_ns.is_some() {
        columns.push(counted("deadline missed", Some(false), |class| class.deadline_misses));
    }
    columns.push(Column {
        name: "source late, p99",
        cells: layouts
            .iter()
            .map(|layout| {
                let late =
                    |class: &ClassOutcome| Some(class.feeding.as_ref()?.at(Percentile::P99) as f64);
                figures::of_class(layout, index, late).into()
            })
            .collect(),
        format: format::time,
        more_is_better: None,
    });
    let caption = format!("Latency of {}", class.name);
    Some(table(&caption, &comparison.workload, layouts, &columns))
}

fn table(caption: &str, workload: &str, layouts: &[LayoutOutcome], columns: &[Column]) -> Markup {
    let best: Vec<Option<usize>> = columns
        .iter()
        .map(|column| {
            let enough = column.cells.iter().map(|cell| cell.spread.filter(|_| cell.enough));
            figures::clearly_best(&enough.collect::<Vec<_>>(), column.more_is_better?)
        })
        .collect();
    html! {
        div .scroll role="group" tabindex="0" aria-label={ (caption) ", " (workload) } {
            table .figures {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "layout" }
                        @for column in columns { th .number scope="col" { (column.name) } }
                    }
                }
                tbody {
                    @for (index, layout) in layouts.iter().enumerate() {
                        tr {
                            th scope="row" { (line_sample(index)) span .name { (layout.name) } }
                            @for (column, best) in columns.iter().zip(&best) {
                                @let cell = &column.cells[index];
                                td .number .best[*best == Some(index)] .doubtful[!cell.enough] {
                                    (format::spread(cell.spread, column.format))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
