//! One workload: its classes, its tables and its plots.

use maud::{Markup, html};

use super::figures;
use super::format;
use super::plot::{Caption, area_sample, line_sample};
use super::timeline::Timelines;
use super::verdicts::badge;
use super::{latency, tables, timeline, utilisation};
use crate::compare::outcome::{ClassFacts, Comparison, GoalFacts, LayoutOutcome};
use crate::compare::report::Verdict;
use crate::compare::workload::Percentile;

/// All of it.
pub(super) fn section(
    index: usize,
    comparison: &Comparison,
    verdict: Option<&Verdict>,
) -> anyhow::Result<Markup> {
    let id = format!("workload-{index}");
    let heading = format!("{id}-heading");
    let rounds = comparison.layouts.iter().map(|layout| layout.turns.len());
    let (fewest, most) = (rounds.clone().min().unwrap_or(0), rounds.max().unwrap_or(0));
    Ok(html! {
        section .workload id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (comparison.workload) }
            p .lede { (comparison.about) }
            p .facts {
                span { "judged by " (goal(comparison)) }
                span { "measured for " (format::time(comparison.measured_s * 1e9)) " a turn" }
                span {
                    @if fewest < most { (fewest) " to " }
                    (most) @if most == 1 { " round" } @else { " rounds" } " completed"
                }
            }
            @if let Some(verdict) = verdict {
                p .callout { (badge(verdict, Some(comparison))) " " (verdict.text) }
            }
            (tables::classes(comparison))
            @if most == 0 {
                p .missing { "No round of this workload was completed, so there are no figures and no plots." }
            } @else {
                (tables::layouts(comparison))
                (latencies(&id, comparison)?)
                @for class in 0..comparison.classes.len() {
                    @if let Some(table) = tables::latencies(comparison, class) { (table) }
                }
                (utilisations(&id, comparison)?)
                (timelines(&id, comparison)?)
                (placement(comparison))
            }
        }
    })
}

fn goal(comparison: &Comparison) -> String {
    match comparison.goal {
        GoalFacts::Throughput => "throughput".to_owned(),
        GoalFacts::Latency { class, percentile } => {
            let class = comparison.classes.get(class).map_or("?", |class| class.name.as_str());
            format!("the {} of {class}", percentile.name())
        }
    }
}

/// How the lines of layouts look.
pub(super) fn legend<'a>(layouts: impl Iterator<Item = &'a str>) -> Markup {
    html! {
        ul .legend {
            @for (index, name) in layouts.enumerate() { li { (line_sample(index)) (name) } }
        }
    }
}

fn names(comparison: &Comparison) -> impl Iterator<Item = &str> {
    comparison.layouts.iter().map(|layout| layout.name.as_str())
}

fn latencies(id: &str, comparison: &Comparison) -> anyhow::Result<Markup> {
    let mut plots = Vec::new();
    let mut without = Vec::new();
    for (index, class) in comparison.classes.iter().enumerate() {
        let Some(chart) = latency::chart(&comparison.layouts, index, class) else {
            without.push(class.name.as_str());
            continue;
        };
        let caption = Caption {
            id: format!("{id}-latency-{index}"),
            title: format!("Latency of {} in {}, by percentile", class.name, comparison.workload),
            description: described(comparison, index, class),
        };
        plots.push((class, chart.plot()?.show(&caption)));
    }
    Ok(html! {
        figure {
            figcaption {
                strong { "Latency" }
                " from the intended arrival of a request to the end of its last task. The further right, the rarer: one of ten requests is above p90, one of ten thousand above p99.99. Lower is better. Lines are medians over the rounds, bars their range; dashed is what is wanted."
            }
            @if !plots.is_empty() {
                (legend(names(comparison)))
                div .plots {
                    @for (class, plot) in &plots { div { h3 .plot-name { (class.name) } (plot) } }
                }
            }
            @if !without.is_empty() {
                p .missing { "Not drawn, because no or too few requests of it have a latency: " (without.join(", ")) "." }
            }
        }
    })
}

fn described(comparison: &Comparison, index: usize, class: &ClassFacts) -> String {
    let figures = |layout: &LayoutOutcome| {
        let at = |percentile: Percentile| {
            let (spread, enough) = figures::latency(layout, index, percentile)?;
            enough.then(|| format!("{} {}", percentile.name(), format::time(spread.median)))
        };
        let known: Vec<String> = Percentile::ALL.into_iter().filter_map(at).collect();
        (!known.is_empty()).then(|| format!("{}: {}", layout.name, known.join(", ")))
    };
    let layouts: Vec<String> = comparison.layouts.iter().filter_map(figures).collect();
    format!("Requests of {}. {}.", class.name, layouts.join(". "))
}

fn utilisations(id: &str, comparison: &Comparison) -> anyhow::Result<Markup> {
    let mut plots = Vec::new();
    for (index, chart) in utilisation::charts(&comparison.layouts) {
        let layout = &comparison.layouts[index];
        let busy = figures::utilisation(&layout.turns);
        let busy =
            busy.iter().map(|(name, part)| format!("{name} {}", format::percent(part.median)));
        let caption = Caption {
            id: format!("{id}-utilisation-{index}"),
            title: format!(
                "Utilisation of the workers of {} in {}",
                layout.name, comparison.workload
            ),
            description: format!("{}.", busy.collect::<Vec<_>>().join(", ")),
        };
        plots.push((index, layout, chart.plot()?.show(&caption)));
    }
    Ok(html! {
        figure {
            figcaption {
                strong { "Utilisation" }
                " of each worker: the part of the measured time in which it ran tasks. Medians over the rounds, thin bars their range."
            }
            @if plots.is_empty() {
                p .missing { "Not drawn, because no worker ran anything." }
            } @else {
                div .plots {
                    @for (index, layout, plot) in &plots {
                        div { h3 .plot-name { (line_sample(*index)) (layout.name) } (plot) }
                    }
                }
            }
        }
    })
}

fn timelines(id: &str, comparison: &Comparison) -> anyhow::Result<Markup> {
    let Timelines { window, charts } = timeline::charts(&comparison.layouts).unwrap_or_default();
    let shown_ns = (window.end - window.start) as f64;
    let mut plots = Vec::new();
    for (index, chart) in charts {
        let layout = &comparison.layouts[index].name;
        let caption = Caption {
            id: format!("{id}-timeline-{index}"),
            title: format!("Who ran what when on {layout} in {}", comparison.workload),
            description: format!(
                "{} of one round, a lane for each of {} workers, coloured by class.",
                format::round_time(shown_ns),
                chart.names.len(),
            ),
        };
        plots.push((index, layout, chart.plot()?.show(&caption)));
    }
    Ok(html! {
        figure {
            figcaption {
                strong { "Who ran what when:" }
                @if plots.is_empty() {
                    " "
                } @else {
                    " the same " (format::round_time(shown_ns)) " of one round on each layout, which all got the same requests at the same times, counted from when the first one was due. "
                }
                "A lane is a worker, a colour a class of tasks."
            }
            @if plots.is_empty() {
                p .missing { "Not drawn, because no timeline was recorded." }
            } @else {
                ul .legend {
                    @for (index, class) in comparison.classes.iter().enumerate() {
                        li { (area_sample(index)) (class.name) }
                    }
                }
                @for (index, layout, plot) in &plots {
                    h3 .plot-name { (line_sample(*index)) (layout) }
                    div .scroll .wide role="group" tabindex="0" aria-label={ "Timeline of " (layout) " in " (comparison.workload) } { (plot) }
                }
            }
        }
    })
}

fn placement(comparison: &Comparison) -> Markup {
    html! {
        @for layout in comparison.layouts.iter().filter(|layout| !layout.placement.is_empty() || layout.roles.is_some()) {
            details {
                summary {
                    "Placement of " strong { (layout.name) }
                    @if let Some(roles) = &layout.roles { ": " code { (roles) } }
                    @if layout.oversubscribed { " " span .badge .alarm { "OVERSUBSCRIBED" } }
                }
                @if layout.placement.is_empty() {
                    p { "Nobody is pinned." }
                } @else {
                    ul .placement { @for line in &layout.placement { li { (line) } } }
                }
            }
        }
    }
}
