//! What running workloads gave.
//!
//! Everything that is shown, written or judged is made from these values alone. They are also what `--json` writes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::workload::Percentile;

/// One workload on all its layouts.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The workload's name.
    pub workload: String,
    /// What the command was given: a file, or the name of a built-in workload.
    pub given: String,
    /// The workload's sentence.
    pub about: String,
    /// For how long requests were measured in each turn.
    pub measured_s: f64,
    /// The classes, in the workload's order.
    pub classes: Vec<ClassFacts>,
    /// What the verdict is about.
    pub goal: GoalFacts,
    /// The layouts, in the workload's order: the first one is what the others are compared with.
    pub layouts: Vec<LayoutOutcome>,
}

/// What is known of a class before anything runs.
#[derive(Clone, Debug, Serialize)]
pub struct ClassFacts {
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// When its requests come, in words; nothing for a class that only others spawn.
    pub arrival: Option<String>,
    /// What a task does, in words.
    pub service: String,
    /// What a task takes on an idle core on average, calibrated before the first turn.
    pub mean_service_ns: f64,
    /// The standard deviation of that by its mean.
    pub service_dispersion: f64,
    /// The deadline of its requests.
    pub deadline_ns: Option<u64>,
    /// What is wanted of its requests: the percentile, and the limit in nanoseconds.
    pub objectives: Vec<(Percentile, u64)>,
}

/// What the verdict is about.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalFacts {
    /// Requests per second of all classes.
    Throughput,
    /// A percentile of the latency of one class.
    Latency {
        /// The class's index.
        class: usize,
        /// Which percentile.
        percentile: Percentile,
    },
}

/// One layout.
#[derive(Clone, Debug, Serialize)]
pub struct LayoutOutcome {
    /// Its name in the workload.
    pub name: String,
    /// `smp`, `amp`, `rayon` or `tokio`.
    pub executor: &'static str,
    /// The roles as a role list, where there are some.
    pub roles: Option<String>,
    /// Whether workers share cores, because more roles than cores were declared, or because the plan says so.
    pub oversubscribed: bool,
    /// Where the workers ran, as read back; a line each. Empty where nobody is pinned.
    pub placement: Vec<String>,
    /// One for each round that was completed.
    pub turns: Vec<TurnOutcome>,
    /// Who ran what when in the first turn that was completed. Not in the JSON: `--trace` writes it.
    #[serde(skip)]
    pub timeline: Vec<Span>,
}

/// One turn of a layout.
#[derive(Clone, Debug, Serialize)]
pub struct TurnOutcome {
    /// From 0.
    pub round: usize,
    /// One for each class, in the workload's order.
    pub classes: Vec<ClassOutcome>,
    /// Requests that ended, of all classes, per second of the measured time.
    pub requests_per_second: f64,
    /// Tasks that ended, of all classes, per second of the measured time.
    pub tasks_per_second: f64,
    /// CPU time of the whole process, feeders included, for each task that ended.
    pub cpu_ns_per_task: f64,
    /// What the process used on top of what it had before the turn, the measurement's own records excluded.
    pub memory_growth_bytes: u64,
    /// One for each worker that ran something, in the order of their names.
    pub workers: Vec<WorkerOutcome>,
    /// Busy time of the busiest worker by the mean of all: 1 where all are equally busy.
    pub imbalance: f64,
    /// How many threads the executor runs tasks on.
    pub worker_count: usize,
    /// The time that tasks took by the time that they were calibrated to take: above 1 where the machine was slower, or took cores away.
    pub slowdown: f64,
}

/// The requests and tasks of one class in one turn.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClassOutcome {
    /// Requests whose intended arrival was in the measured time.
    pub offered: u64,
    /// Of those, how many had ended when the turn was over.
    pub ended: u64,
    /// Of those offered, how many were refused by the executor.
    pub refused: u64,
    /// Of those offered, how many missed their deadline, ended or not.
    pub deadline_misses: u64,
    /// Tasks of this class that ran, whoever spawned them.
    pub tasks: u64,
    /// From the intended arrival to the end of the request's last task. A request that was refused, or has not ended, counts as
    /// if it had ended with the turn. Nothing for a class without requests.
    pub latency: Option<Latency>,
    /// From when a task was spawned, or its request due, to its first instruction.
    pub waiting: Option<Latency>,
    /// From a request's intended arrival to when it was handed over: how late the source was, whatever the executor did.
    pub feeding: Option<Latency>,
    /// On how many CPUs its tasks ran: the CPU, and how many tasks.
    pub tasks_by_cpu: BTreeMap<usize, u64>,
}

/// A distribution of times.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// How many values.
    pub count: u64,
    /// In the order of [`Percentile::ALL`], in nanoseconds.
    pub percentiles_ns: [u64; 6],
    /// Points of the curve: the part of all values, and the nanoseconds that so many take at most. From the median to the
    /// maximum, denser to the end.
    pub curve: Vec<(f64, u64)>,
}

/// What one worker did in the measured time.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerOutcome {
    /// The thread's name.
    pub name: String,
    /// The part of the measured time in which it ran tasks.
    pub utilisation: f64,
    /// How many tasks of each class, in the workload's order.
    pub tasks_by_class: Vec<u64>,
}

/// One task's run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Span {
    /// Index of the worker in the `workers` of the layout's first turn, which is the one that the timeline is of.
    pub worker: u16,
    /// The CPU that it began on.
    pub cpu: u16,
    /// The class's index.
    pub class: u16,
    /// Since the first request was due.
    pub begin_ns: u64,
    /// Since the first request was due.
    pub end_ns: u64,
}

impl Latency {
    /// The nanoseconds that this part of the values take at most.
    pub fn at(&self, percentile: Percentile) -> u64 {
        self.percentiles_ns[percentile as usize]
    }
}
