//! The parts of the page, in the order in which they are read.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{machine, palette, reading, sweep, verdicts, workload};
use crate::compare::report::Report;

/// What the reader has come for.
const QUESTION: &str =
    "Should this work share all cores, or should some cores be kept for some of it?";

/// The whole page.
pub(super) fn page(report: &Report) -> anyhow::Result<Markup> {
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "SMP or AMP? " (QUESTION) }
                style { (PreEscaped(include_str!("style.css"))) (PreEscaped(palette::rules())) }
            }
            body {
                a .skip href="#verdicts" { "To the verdicts" }
                (head(report))
                main {
                    (verdicts::section(report))
                    (verdicts::rows(report))
                    @for (index, comparison) in report.comparisons.iter().enumerate() {
                        @let verdict = report.verdicts.iter().find(|verdict| verdict.subject == comparison.workload);
                        (workload::section(index, comparison, verdict)?)
                    }
                    @for (index, swept) in report.sweeps.iter().enumerate() {
                        (sweep::section(index, swept)?)
                    }
                    (machine::section(report))
                    (reading::section())
                }
            }
        }
    })
}

fn head(report: &Report) -> Markup {
    let hardware = &report.hardware;
    let cores = hardware.allowed.len();
    html! {
        header {
            p .eyebrow { "SMP or AMP?" }
            h1 { (QUESTION) }
            p .facts {
                span { (hardware.cpu_model) }
                span { (cores) @if cores == 1 { " core" } @else { " cores" } " allowed" }
                span { (report.rounds) @if report.rounds == 1 { " round" } @else { " rounds" } }
                span { (humantime::format_rfc3339_seconds(hardware.date)) }
            }
            @if report.interrupted {
                p .warning { strong { "INTERRUPTED" } " This run was ended early: rounds, workloads or loads are missing." }
            }
            (oversubscribed(report))
            nav aria-label="Contents" {
                ul {
                    li { a href="#verdicts" { "Verdicts" } }
                    li { a href="#rows" { "Row by row" } }
                    @for (index, comparison) in report.comparisons.iter().enumerate() {
                        li { a href={ "#workload-" (index) } { (comparison.workload) } }
                    }
                    @for (index, swept) in report.sweeps.iter().enumerate() {
                        li { a href={ "#sweep-" (index) } { (swept.workload) ", by load" } }
                    }
                    li { a href="#machine" { "The machine" } }
                    li { a href="#reading" { "How to read this" } }
                }
            }
        }
    }
}

/// Roles without a core of their own are no AMP, whatever the figures say.
fn oversubscribed(report: &Report) -> Markup {
    let names: Vec<String> = report
        .comparisons
        .iter()
        .flat_map(|comparison| {
            let layouts = comparison.layouts.iter().filter(|layout| layout.oversubscribed);
            layouts.map(|layout| format!("{} of {}", layout.name, comparison.workload))
        })
        .collect();
    html! {
        @if !names.is_empty() {
            p .warning {
                strong { "OVERSUBSCRIBED" } " " (names.join(", "))
                ": more roles than cores, so that some share a core. Their figures say little about roles with cores of their own."
            }
        }
    }
}
