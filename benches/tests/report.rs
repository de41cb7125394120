//! The report for the browser and the trace, from figures made by hand.

#[path = "support/sample.rs"]
mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use benches::compare::outcome::{Span, WorkerOutcome};
use benches::compare::report::Report;
use benches::compare::{html, trace};
use roxmltree::{Document, Node};
use sample::{CLASSES, LAYOUTS};
use serde_json::Value;

fn page(report: &Report) -> String {
    let mut page = Vec::new();
    html::write(&mut page, report).unwrap();
    String::from_utf8(page).unwrap()
}

/// Each plot as an XML document of its own.
fn plots(page: &str) -> BTreeMap<String, Document<'_>> {
    let svgs = page.match_indices("<svg ").map(|(start, _)| {
        let length = page[start..].find("</svg>").unwrap() + "</svg>".len();
        &page[start..start + length]
    });
    let documents = svgs.filter(|svg| svg.contains("class=\"plot\"")).map(|svg| {
        let document = Document::parse(svg).unwrap();
        (document.root_element().attribute("id").unwrap().to_owned(), document)
    });
    documents.collect()
}

/// The elements of this kind that have a colour of a layout or a class.
fn coloured<'a, 'b>(plot: &'a Document<'b>, tag: &str, attribute: &str) -> Vec<Node<'a, 'b>> {
    plot.descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", tag)))
        .filter(|node| node.attribute(attribute).is_some_and(|value| value.starts_with("#0202")))
        .collect()
}

fn colours(nodes: &[Node<'_, '_>], attribute: &str) -> BTreeSet<String> {
    nodes.iter().filter_map(|node| node.attribute(attribute)).map(str::to_owned).collect()
}

#[test]
fn the_page_has_all_plots_with_all_series() {
    let report = sample::report();
    let page = page(&report);
    // To be looked at, with whatever shows HTML.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html");
    fs::write(file, &page).unwrap();
    let plots = plots(&page);
    let count = |part: &str| plots.keys().filter(|id| id.contains(part)).count();
    // The second workload's last class has no latency.
    assert_eq!(count("-latency-"), 2 * CLASSES.len() - 1);
    assert_eq!(count("-utilisation-"), 2 * LAYOUTS.len());
    assert_eq!(count("-timeline-"), 2 * LAYOUTS.len());
    assert_eq!(count("sweep-0-plot-"), 3);
    assert_eq!(plots.len(), 5 + 8 + 8 + 3);
    for (id, plot) in &plots {
        if id.contains("-latency-") || id.contains("sweep-") {
            let lines = coloured(plot, "polyline", "stroke");
            assert_eq!(colours(&lines, "stroke").len(), LAYOUTS.len(), "{id}");
        } else if id.contains("-utilisation-") {
            assert_eq!(coloured(plot, "rect", "fill").len(), 2, "{id}");
        } else {
            let bars = coloured(plot, "rect", "fill");
            assert!((20..=2_000).contains(&bars.len()), "{id}: {}", bars.len());
            assert!(colours(&bars, "fill").len() >= 2, "{id}");
        }
    }
}

#[test]
fn what_users_have_written_is_text_and_nothing_else() {
    let page = page(&sample::report());
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; 'co'"));
    // Nothing is fetched: the only addresses are those of the SVG namespace.
    for attribute in ["src=", "url(", "@import", "<link", "<iframe"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    assert_eq!(page.matches("://").count(), page.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn ids_are_unique_and_all_links_lead_somewhere() {
    let page = page(&sample::report());
    let values = |attribute: &str| {
        let parts = page.split(attribute).skip(1);
        parts.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let ids = values(" id=\"");
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len());
    for target in values("href=\"#").iter().chain(&values("aria-labelledby=\"")) {
        assert!(unique.contains(target), "{target}");
    }
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let full = sample::report();
    let nothing = |report: &mut Report| {
        for layout in report.comparisons.iter_mut().flat_map(|comparison| &mut comparison.layouts) {
            layout.turns.clear();
            layout.timeline.clear();
        }
        report.verdicts.clear();
        report.interrupted = true;
        for curve in &mut report.sweeps[0].curves {
            curve.points.clear();
        }
    };
    let mut report = full.clone();
    nothing(&mut report);
    let page = page(&report);
    assert!(plots(&page).is_empty());
    assert_eq!(page.matches("No round of this workload was completed").count(), 2);
    assert!(page.contains("INTERRUPTED"));
    assert!(page.contains("There is no verdict"));
    assert!(page.contains("no load has figures for it: throughput, how close to the limit"));
}

#[test]
fn figures_that_are_no_numbers_do_no_harm() {
    let mut report = sample::report();
    for comparison in &mut report.comparisons {
        comparison.measured_s = f64::NAN;
        for class in &mut comparison.classes {
            class.mean_service_ns = f64::INFINITY;
            class.service_dispersion = f64::NAN;
        }
        for turn in comparison.layouts.iter_mut().flat_map(|layout| &mut layout.turns) {
            turn.requests_per_second = f64::NAN;
            turn.cpu_ns_per_task = f64::INFINITY;
            turn.imbalance = f64::NAN;
            for worker in &mut turn.workers {
                worker.utilisation = f64::NAN;
            }
            for latency in turn.classes.iter_mut().filter_map(|class| class.latency.as_mut()) {
                latency.curve = vec![(f64::NAN, 1), (f64::INFINITY, 0), (-1.0, u64::MAX)];
            }
        }
    }
    for point in report.sweeps[0].curves.iter_mut().flat_map(|curve| &mut curve.points) {
        point.scores = vec![f64::NAN, f64::INFINITY, 0.0, -1.0];
        point.latencies = vec![(0, benches::compare::workload::Percentile::P99, f64::NAN)];
        for turn in &mut point.turns {
            turn.requests_per_second = f64::INFINITY;
        }
    }
    // A number, but none that an axis can end with.
    report.sweeps[0].curves[0].points[0].turns[0].requests_per_second = f64::MAX;
    report.sweeps[0].crossovers[0].load = f64::NAN;
    let page = page(&report);
    assert!(!page.contains("NaN") && !page.contains("inf "), "{page}");
    assert!(plots(&page).keys().all(|id| id.contains("-timeline-") || id == "sweep-0-plot-0"));
    assert!(page.contains("no worker ran anything"));
}

#[test]
fn equal_values_a_single_class_and_a_single_load_are_drawn() {
    let mut report = sample::report();
    report.comparisons.truncate(1);
    let comparison = &mut report.comparisons[0];
    comparison.classes.truncate(1);
    for layout in &mut comparison.layouts {
        layout.timeline.retain(|span| span.class == 0);
        layout.timeline.truncate(1);
        for turn in &mut layout.turns {
            turn.classes.truncate(1);
            turn.classes[0].latency = Some(sample::latency(vec![1_000.0; 100]));
            turn.workers.truncate(1);
        }
    }
    for curve in &mut report.sweeps[0].curves {
        curve.points.truncate(1);
        curve.points[0].scores = vec![1.0; 3];
    }
    let page = page(&report);
    let plots = plots(&page);
    assert_eq!(plots.len(), 1 + 4 + 4 + 3);
    let latency = &plots["workload-0-latency-0"];
    assert_eq!(colours(&coloured(latency, "polyline", "stroke"), "stroke").len(), 4);
    // One point is no line, but a marker.
    let throughput = &plots["sweep-0-plot-0"];
    assert_eq!(coloured(throughput, "polyline", "stroke").len(), 0);
    assert_eq!(coloured(throughput, "circle", "fill").len(), 1);
}

#[test]
fn many_workers_layouts_and_tasks_stay_within_limits() {
    let mut report = sample::report();
    report.comparisons.truncate(1);
    let comparison = &mut report.comparisons[0];
    let layouts = comparison.layouts.clone();
    comparison.layouts.extend(layouts.into_iter().map(|mut layout| {
        layout.name.push_str("-with-a-name-that-goes-on-and-on");
        layout
    }));
    for layout in &mut comparison.layouts {
        let turn = layout.turns.last_mut().unwrap();
        turn.workers = (0..128)
            .map(|index| WorkerOutcome {
                name: format!("a-role-of-its-own-{index}"),
                utilisation: f64::from(index) / 128.0,
                tasks_by_class: vec![1; 3],
            })
            .collect();
        // Each worker has a task of 3 us every 5 us, for 4 ms.
        layout.timeline = (0..128 * 800)
            .map(|task: u64| {
                let (worker, begin_ns) = ((task % 128) as u16, task / 128 * 5_000);
                let class = (task % 3) as u16;
                Span { worker, cpu: worker, class, begin_ns, end_ns: begin_ns + 3_000 }
            })
            .collect();
    }
    let page = page(&report);
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("report_128.html"), &page).unwrap();
    let plots = plots(&page);
    assert_eq!(plots.len(), 3 + 8 + 8 + 3);
    let latency = &plots["workload-0-latency-0"];
    // The eighth has the first one's colour and another shape.
    assert!(coloured(latency, "polyline", "stroke").len() >= 8);
    for (id, plot) in plots.iter().filter(|(id, _)| id.contains("-timeline-")) {
        let bars = coloured(plot, "rect", "fill");
        assert!((128..=2_000).contains(&bars.len()), "{id}: {}", bars.len());
    }
}

/// The events of this kind.
fn events<'a>(trace: &'a Value, kind: &str) -> Vec<&'a Value> {
    let events = trace["traceEvents"].as_array().unwrap();
    events.iter().filter(|event| event["ph"] == kind).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn nanoseconds(value: &Value) -> u64 {
    (value.as_f64().unwrap() * 1e3).round() as u64
}

#[test]
fn the_trace_names_all_that_it_shows() {
    let report = sample::report();
    let mut written = Vec::new();
    trace::write(&mut written, &report.comparisons).unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trace.json");
    fs::write(file, &written).unwrap();
    let trace: Value = serde_json::from_slice(&written).unwrap();
    let named = |what: &str| -> BTreeMap<(u64, u64), String> {
        let names = events(&trace, "M").into_iter().filter(|event| event["name"] == what);
        let name = |event: &Value| {
            let name = event["args"]["name"].as_str().unwrap().to_owned();
            ((number(&event["pid"]), number(&event["tid"])), name)
        };
        names.map(name).collect()
    };
    let processes = named("process_name");
    assert_eq!(processes.len(), 2 * LAYOUTS.len());
    assert_eq!(processes[&(2, 0)], "realtime: amp");
    assert_eq!(processes[&(8, 0)], format!("unpredictable: {}", sample::HARMFUL));
    let threads = named("thread_name");
    assert_eq!(threads[&(2, 1)], "realtime-0");

    let slices = events(&trace, "X");
    let layouts = report.comparisons.iter().flat_map(|comparison| &comparison.layouts);
    assert_eq!(slices.len(), layouts.map(|layout| layout.timeline.len()).sum::<usize>());
    let mut last = 0;
    let mut ends: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for slice in slices {
        let place = (number(&slice["pid"]), number(&slice["tid"]));
        assert!(threads.contains_key(&place), "{slice}");
        assert!(CLASSES.iter().any(|class| slice["name"] == *class), "{slice}");
        assert!(slice["args"]["cpu"].is_u64(), "{slice}");
        let begin = nanoseconds(&slice["ts"]);
        assert!(begin >= last, "not in order: {slice}");
        last = begin;
        let end = ends.entry(place).or_default();
        assert!(begin >= *end, "two at once: {slice}");
        *end = begin + nanoseconds(&slice["dur"]);
    }
    assert_eq!(ends.len(), threads.len());
}
