//! One workload at several loads.

use maud::{Markup, html};

use super::format;
use super::lines::Lines;
use super::load;
use super::plot::{Caption, line_sample};
use super::workload::legend;
use crate::compare::report::{Crossover, Sweep};

/// All of it.
pub(super) fn section(index: usize, sweep: &Sweep) -> anyhow::Result<Markup> {
    let id = format!("sweep-{index}");
    let heading = format!("{id}-heading");
    Ok(html! {
        section .workload id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (sweep.workload) ", by load" }
            @if !sweep.full_load.is_empty() {
                p .lede { "A load of 100 % is " (sweep.full_load) "." }
            }
            @if !sweep.objectives.is_empty() {
                p .facts { span { "Wanted:" } @for objective in &sweep.objectives { span { (objective) } } }
            }
            @for crossover in &sweep.crossovers { (crossing(crossover)) }
            @if sweep.crossovers.is_empty() && sweep.curves.iter().any(|curve| !curve.points.is_empty()) {
                p .callout { "No AMP layout does what is wanted at a load at which SMP does not." }
            }
            (highest(sweep))
            (plots(&id, sweep)?)
        }
    })
}

fn crossing(crossover: &Crossover) -> Markup {
    let Crossover { above, below, load, range, until, cost_below, gain_above } = crossover;
    html! {
        p .crossover {
            strong { (above) " begins to pay at " (format::percent(*load)) " of the capacity" }
            " (by single rounds between " (format::percent(range.0)) " and " (format::percent(range.1)) "): from there on "
            (below) " misses something that is wanted, and " (above) " does not, up to " (format::percent(*until)) ". "
            @if let Some(gain) = gain_above {
                "In between, " (below) " comes " (format::times(*gain)) " times as close to the limit, or as far beyond it. "
            }
            @if !cost_below.is_empty() {
                "Below, " (above) " takes "
                @for (index, cost) in cost_below.iter().enumerate() {
                    @if index > 0 { ", " }
                    (format::times(cost.times)) " times the " (cost.what)
                }
                "."
            }
        }
    }
}

fn highest(sweep: &Sweep) -> Markup {
    html! {
        div .scroll role="group" tabindex="0" aria-label={ "Highest loads of " (sweep.workload) } {
            table .narrow {
                caption { "The highest load up to which everything wanted is met" }
                thead { tr { th scope="col" { "layout" } th .number scope="col" { "load" } } }
                tbody {
                    @for (index, curve) in sweep.curves.iter().enumerate() {
                        tr {
                            th scope="row" { (line_sample(index)) span .name { (curve.layout) } }
                            td .number {
                                @match curve.highest_load {
                                    Some(load) => (format::percent(load)),
                                    None => "none",
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn plots(id: &str, sweep: &Sweep) -> anyhow::Result<Markup> {
    let charts = [
        ("throughput".to_owned(), load::throughput(sweep)),
        ("how close to the limit".to_owned(), load::score(sweep)),
    ];
    let latencies = load::latencies(sweep).into_iter().map(|(name, chart)| (name, Some(chart)));
    let mut plots = Vec::new();
    let mut without = Vec::new();
    for (index, (name, chart)) in charts.into_iter().chain(latencies).enumerate() {
        let Some(chart) = chart else {
            without.push(name);
            continue;
        };
        let caption = Caption {
            id: format!("{id}-plot-{index}"),
            title: format!("{}, by load: {name}", sweep.workload),
            description: described(sweep, &chart),
        };
        plots.push((name, chart.plot()?.show(&caption)));
    }
    Ok(html! {
        figure {
            figcaption {
                strong { "By load." }
                " Throughput: higher is better. The others: lower is better; up to the dashed limit everything wanted is met. Vertical and dashed is where an AMP layout begins to be the better one, with its range. Markers are medians over the rounds, bars their range."
            }
            @if !plots.is_empty() {
                (legend(sweep.curves.iter().map(|curve| curve.layout.as_str())))
                div .plots { @for (name, plot) in &plots { div { h3 .plot-name { (name) } (plot) } } }
            }
            @if !without.is_empty() {
                p .missing { "Not drawn, because no load has figures for it: " (without.join(", ")) "." }
            }
        }
    })
}

fn described(sweep: &Sweep, chart: &Lines) -> String {
    let lines = chart.lines.iter().filter_map(|line| {
        let name = &sweep.curves.get(line.layout)?.layout;
        let (first, last) = (line.points.first()?.0, line.points.last()?.0);
        Some(format!("{name} from {} to {}", format::percent(first), format::percent(last)))
    });
    format!("Loads: {}.", lines.collect::<Vec<_>>().join(", "))
}
