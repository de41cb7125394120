//! From what was noted in a turn to what is said of it.

use executor_common::imbalance;
use hdrhistogram::Histogram;

use super::outcome::{ClassOutcome, Latency, Span, TurnOutcome, WorkerOutcome};
use super::record::{Ending, RequestEnd, Run};
use super::turn::{Seen, Turn};
use super::workload::{Class, Percentile};
use crate::rounds::new_histogram;

/// Points of a latency curve for each factor of ten.
const POINTS_PER_DECADE: i32 = 10;

/// From what to when is measured, in nanoseconds after the start.
#[derive(Clone, Copy, Debug)]
struct Window {
    from_ns: u64,
    to_ns: u64,
}

/// The figures of a turn, and who ran what when.
pub(super) fn summarise(turn: &Turn<'_>, seen: &Seen) -> anyhow::Result<(TurnOutcome, Vec<Span>)> {
    let workload = &turn.prepared.workload;
    let window = Window {
        from_ns: workload.warm_up.as_nanos() as u64,
        to_ns: workload.time.as_nanos() as u64,
    };
    let logs = seen.recorder.logs();
    let mut requests: Vec<RequestEnd> = logs.iter().flat_map(|log| log.all_requests()).collect();
    // Until then at least it would have taken. How soon it was refused says nothing.
    for request in requests.iter_mut().filter(|request| request.how != Ending::Done) {
        request.end_ns = seen.over_ns;
    }
    let names = logs.iter().map(|log| log.thread.clone());
    let mut threads: Vec<(String, Vec<Run>)> =
        names.zip(logs.iter().map(|log| log.all_runs())).collect();
    threads.retain(|(_, runs)| !runs.is_empty());

    let mut classes = Vec::new();
    for (index, class) in workload.classes.iter().enumerate() {
        let fed = seen.fed.iter().find(|fed| fed.class == index);
        let runs = threads.iter().flat_map(|(_, runs)| runs);
        let runs = runs.filter(|run| usize::from(run.class) == index);
        let requests = requests.iter().filter(|request| usize::from(request.class) == index);
        let mut outcome = of_class(class, window, requests, runs)?;
        outcome.feeding = fed.map(|fed| latency(&fed.late_ns)).filter(|fed| fed.count > 0);
        classes.push(outcome);
    }
    let workers: Vec<WorkerOutcome> = threads
        .iter()
        .map(|(name, runs)| of_worker(name, runs, window, workload.classes.len()))
        .collect();
    let seconds = window.seconds();
    let runs = || threads.iter().flat_map(|(_, runs)| runs);
    let ended = requests
        .iter()
        .filter(|request| request.how == Ending::Done && window.contains(request.end_ns));
    let busy = workers.iter().map(|worker| worker.utilisation);
    let idle = seen.worker_count.saturating_sub(workers.len());
    let outcome = TurnOutcome {
        round: turn.round,
        classes,
        requests_per_second: ended.count() as f64 / seconds,
        tasks_per_second: runs().filter(|run| window.contains(run.end_ns)).count() as f64 / seconds,
        cpu_ns_per_task: seen.cpu.as_nanos() as f64 / (runs().count() as f64).max(1.0),
        memory_growth_bytes: seen.memory_growth_bytes,
        imbalance: of_parts(busy.chain(std::iter::repeat_n(0.0, idle))),
        workers,
        worker_count: seen.worker_count,
        slowdown: slowdown(turn, runs()),
    };
    Ok((outcome, spans(&threads)))
}

impl Window {
    fn contains(self, ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&ns)
    }

    fn seconds(self) -> f64 {
        self.to_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }

    /// How much of a run is in it.
    fn of(self, run: &Run) -> u64 {
        run.end_ns.min(self.to_ns).saturating_sub(run.begin_ns.max(self.from_ns))
    }
}

fn of_class<'a>(
    class: &Class,
    window: Window,
    requests: impl Iterator<Item = &'a RequestEnd>,
    runs: impl Iterator<Item = &'a Run>,
) -> anyhow::Result<ClassOutcome> {
    let mut outcome = ClassOutcome::default();
    let (mut latencies, mut waits) = (new_histogram()?, new_histogram()?);
    let deadline_ns = class.deadline.map(|deadline| deadline.as_nanos() as u64);
    for request in requests.filter(|request| window.contains(request.due_ns)) {
        outcome.offered += 1;
        let taken_ns = request.end_ns.saturating_sub(request.due_ns);
        match request.how {
            Ending::Done => outcome.ended += 1,
            Ending::Refused => outcome.refused += 1,
            Ending::Overtaken => {}
        }
        if deadline_ns.is_some_and(|deadline| taken_ns > deadline || request.how != Ending::Done) {
            outcome.deadline_misses += 1;
        }
        latencies.saturating_record(taken_ns);
    }
    for run in runs.filter(|run| window.contains(run.due_ns)) {
        outcome.tasks += 1;
        waits.saturating_record(run.begin_ns.saturating_sub(run.due_ns));
        if let Some(cpu) = run.cpu {
            *outcome.tasks_by_cpu.entry(usize::from(cpu)).or_default() += 1;
        }
    }
    outcome.latency = (!latencies.is_empty()).then(|| latency(&latencies));
    outcome.waiting = (!waits.is_empty()).then(|| latency(&waits));
    Ok(outcome)
}

fn of_worker(name: &str, runs: &[Run], window: Window, classes: usize) -> WorkerOutcome {
    let mut tasks_by_class = vec![0; classes];
    let mut busy_ns = 0;
    for run in runs {
        busy_ns += window.of(run);
        if window.contains(run.end_ns) {
            tasks_by_class[usize::from(run.class)] += 1;
        }
    }
    let utilisation = busy_ns as f64 / 1e9 / window.seconds();
    WorkerOutcome { name: name.to_owned(), utilisation, tasks_by_class }
}

/// The time that these took by that which tasks of their classes take on average.
fn slowdown<'a>(turn: &Turn<'_>, runs: impl Iterator<Item = &'a Run>) -> f64 {
    let (took_ns, calibrated_ns) = runs.fold((0.0, 0.0), |(took, calibrated), run| {
        let mean_ns = turn.prepared.services[usize::from(run.class)].mean_ns;
        (took + run.end_ns.saturating_sub(run.begin_ns) as f64, calibrated + mean_ns)
    });
    if calibrated_ns > 0.0 { took_ns / calibrated_ns } else { 1.0 }
}

/// The imbalance of parts of a time.
fn of_parts(parts: impl Iterator<Item = f64>) -> f64 {
    imbalance(parts.map(std::time::Duration::from_secs_f64))
}

pub(super) fn latency(histogram: &Histogram<u64>) -> Latency {
    let count = histogram.len();
    let at = |quantile| histogram.value_at_quantile(quantile);
    let mut curve: Vec<(f64, u64)> = (0..)
        .map(|point| 0.5 * 10_f64.powf(f64::from(-point) / f64::from(POINTS_PER_DECADE)))
        .take_while(|above| above * count as f64 >= 1.0)
        .map(|above| (1.0 - above, at(1.0 - above)))
        .collect();
    curve.push((1.0, histogram.max()));
    let percentiles_ns = Percentile::ALL.map(|percentile| match percentile {
        Percentile::Max => histogram.max(),
        _ => at(percentile.quantile()),
    });
    Latency { count, percentiles_ns, curve }
}

/// By worker, then by time.
fn spans(threads: &[(String, Vec<Run>)]) -> Vec<Span> {
    let of = |(worker, (_, runs)): (u16, &(String, Vec<Run>))| {
        let span = move |run: &Run| Span {
            worker,
            cpu: run.cpu.unwrap_or(0),
            class: run.class,
            begin_ns: run.begin_ns,
            end_ns: run.end_ns,
        };
        runs.iter().map(span).collect::<Vec<_>>()
    };
    (0..).zip(threads).flat_map(of).collect()
}
