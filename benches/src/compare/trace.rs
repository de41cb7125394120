//! Who ran what when, in Chrome's trace event format, which Perfetto opens.
//!
//! Each layout of each workload is a process there, each of its workers a thread, and each task's run a slice with its class's name.

use std::collections::BTreeSet;
use std::io::Write;

use serde::Serialize;

use super::outcome::{Comparison, LayoutOutcome, Span};

/// The object around the events.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace<'a> {
    display_time_unit: &'static str,
    trace_events: Vec<Event<'a>>,
}

/// What the format calls an event. Times are in microseconds.
#[derive(Debug, Serialize)]
struct Event<'a> {
    name: &'a str,
    ph: &'static str,
    pid: usize,
    tid: usize,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    args: Args,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Args {
    Name(String),
    SortIndex(usize),
    Cpu(u16),
}

/// Writes the timelines of all layouts: first what processes and threads are called, then all tasks in the order in which they
/// began. All layouts begin at 0, when the first request was due.
///
/// # Examples
///
/// ```
/// let mut trace = Vec::new();
/// benches::compare::trace::write(&mut trace, &[])?;
/// assert_eq!(trace, br#"{"displayTimeUnit":"ms","traceEvents":[]}"#);
/// # anyhow::Ok(())
/// ```
///
/// # Errors
///
/// What `out` says when it cannot be written to.
pub fn write(out: &mut impl Write, comparisons: &[Comparison]) -> anyhow::Result<()> {
    let layouts: Vec<(&Comparison, &LayoutOutcome)> = comparisons
        .iter()
        .flat_map(|comparison| comparison.layouts.iter().map(move |layout| (comparison, layout)))
        .filter(|(_, layout)| !layout.timeline.is_empty())
        .collect();
    let mut trace_events = Vec::new();
    let mut slices = Vec::new();
    // 0 is the kernel's idle task to those who read such files.
    for (pid, (comparison, layout)) in (1..).zip(&layouts) {
        trace_events.extend(names(pid, &comparison.workload, layout));
        slices.extend(layout.timeline.iter().map(|span| slice(pid, comparison, span)));
    }
    slices.sort_by(|a, b| a.ts.total_cmp(&b.ts));
    trace_events.append(&mut slices);
    serde_json::to_writer(&mut *out, &Trace { display_time_unit: "ms", trace_events })?;
    out.flush()?;
    Ok(())
}

/// What a worker of the timeline is called.
pub(super) fn worker_name(layout: &LayoutOutcome, worker: u16) -> String {
    let turn = layout.turns.first();
    let worker_of_turn = turn.and_then(|turn| turn.workers.get(usize::from(worker)));
    worker_of_turn.map_or_else(|| format!("worker {worker}"), |worker| worker.name.clone())
}

fn thread(worker: u16) -> usize {
    usize::from(worker) + 1
}

fn names(pid: usize, workload: &str, layout: &LayoutOutcome) -> Vec<Event<'static>> {
    let about = |name, tid, args| Event { name, ph: "M", pid, tid, ts: 0.0, dur: None, args };
    let process = format!("{workload}: {}", layout.name);
    let mut events = vec![
        about("process_name", 0, Args::Name(process)),
        about("process_sort_index", 0, Args::SortIndex(pid)),
    ];
    let workers: BTreeSet<u16> = layout.timeline.iter().map(|span| span.worker).collect();
    for worker in workers {
        let tid = thread(worker);
        events.push(about("thread_name", tid, Args::Name(worker_name(layout, worker))));
        events.push(about("thread_sort_index", tid, Args::SortIndex(tid)));
    }
    events
}

fn slice<'a>(pid: usize, comparison: &'a Comparison, span: &Span) -> Event<'a> {
    let class = comparison.classes.get(usize::from(span.class));
    let microseconds = |ns: u64| ns as f64 / 1e3;
    Event {
        name: class.map_or("?", |class| class.name.as_str()),
        ph: "X",
        pid,
        tid: thread(span.worker),
        ts: microseconds(span.begin_ns),
        dur: Some(microseconds(span.end_ns.saturating_sub(span.begin_ns))),
        args: Args::Cpu(span.cpu),
    }
}
