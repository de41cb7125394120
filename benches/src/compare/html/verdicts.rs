//! What follows, in words.

use maud::{Markup, html};

use super::plot::line_sample;
use crate::compare::outcome::Comparison;
use crate::compare::report::{Report, Verdict};

/// The rows of the table in which the two executors are compared: the aspect, and what is said of SMP and of AMP.
const ROWS: [[&str; 3]; 5] = [
    ["Processor equality", "all workers equal", "workers have designated roles"],
    ["Task allocation", "any worker runs any task", "a task runs only on its role's cores"],
    [
        "Software complexity",
        "no placement to declare",
        "roles declared; as little code as that allows",
    ],
    [
        "Load balancing",
        "no worker overloaded while another idles",
        "may be imbalanced; the imbalance is measured and visible",
    ],
    [
        "Use case",
        "unpredictable, fluctuating load",
        "specialised work: I/O, real-time, database queries, a game's frame tasks",
    ],
];

/// One card for each workload, and for whatever else there is a verdict about.
pub(super) fn section(report: &Report) -> Markup {
    let about_rows = |verdict: &Verdict| ROWS.iter().any(|[aspect, ..]| is_about(verdict, aspect));
    let own: Vec<_> = report.verdicts.iter().filter(|verdict| !about_rows(verdict)).collect();
    let without = report
        .comparisons
        .iter()
        .filter(|comparison| !own.iter().any(|verdict| verdict.subject == comparison.workload));
    html! {
        section #verdicts aria-labelledby="verdicts-heading" {
            h2 #verdicts-heading { "Verdicts" }
            @if own.is_empty() && report.comparisons.is_empty() {
                p { "No workload was run to its end, so there is nothing to say." }
            }
            div .cards {
                @for verdict in &own { (workload_card(report, verdict)) }
                @for comparison in without {
                    article .card {
                        h3 { (comparison.workload) }
                        p { "There is no verdict: no round was completed." }
                    }
                }
            }
        }
    }
}

/// One card for each row of the table.
pub(super) fn rows(report: &Report) -> Markup {
    html! {
        section #rows aria-labelledby="rows-heading" {
            h2 #rows-heading { "The two executors, row by row" }
            p .lede {
                "What is commonly said of symmetric and asymmetric multiprocessing, and what this run has measured of it."
            }
            div .cards .rows {
                @for [aspect, smp, amp] in ROWS {
                    article .card {
                        @let found = report.verdicts.iter().find(|verdict| is_about(verdict, aspect));
                        h3 { (aspect) @if let Some(winner) = found.and_then(|found| found.winner.as_deref()) {
                            " " span .badge { (winner) }
                        } }
                        dl .said {
                            div { dt { "SMP" } dd { (smp) } }
                            div { dt { "AMP" } dd { (amp) } }
                        }
                        @match found {
                            Some(verdict) => (body(verdict)),
                            None => p { "Nothing in this run shows it." },
                        }
                    }
                }
            }
        }
    }
}

fn is_about(verdict: &Verdict, aspect: &str) -> bool {
    verdict.subject.eq_ignore_ascii_case(aspect)
}

fn workload_card(report: &Report, verdict: &Verdict) -> Markup {
    let index =
        report.comparisons.iter().position(|comparison| comparison.workload == verdict.subject);
    let comparison = index.and_then(|index| report.comparisons.get(index));
    html! {
        article .card {
            h3 {
                @match index {
                    Some(index) => a href={ "#workload-" (index) } { (verdict.subject) },
                    None => (verdict.subject),
                }
                " " (badge(verdict, comparison))
            }
            (body(verdict))
        }
    }
}

/// The winner with the colour that it has in the plots.
pub(super) fn badge(verdict: &Verdict, comparison: Option<&Comparison>) -> Markup {
    let layouts = comparison.map_or(&[][..], |comparison| &comparison.layouts);
    html! {
        @match &verdict.winner {
            Some(winner) => span .badge {
                @if let Some(layout) = layouts.iter().position(|layout| layout.name == *winner) {
                    (line_sample(layout))
                }
                (winner)
            },
            None => span .badge .draw { "draw" },
        }
    }
}

fn body(verdict: &Verdict) -> Markup {
    html! {
        p .verdict { (verdict.text) }
        dl .reasons {
            @if !verdict.certainty.is_empty() {
                div { dt { "How sure" } dd { (verdict.certainty) } }
            }
            @if !verdict.would_change.is_empty() {
                div { dt { "What would change it" } dd { (verdict.would_change) } }
            }
            @if !verdict.command.is_empty() {
                div { dt { "See for yourself" } dd { code { (verdict.command) } } }
            }
        }
    }
}
