//! Everything that a run of the command has found: what the outputs are made from.

use serde::Serialize;

use super::outcome::{Comparison, TurnOutcome};
use super::workload::Percentile;
use crate::hardware::Hardware;
use crate::noise::NoiseFloor;

/// Everything that a run of the command has found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// On what.
    pub hardware: Hardware,
    /// How often this machine takes a core away from a thread that wants it.
    pub noise: NoiseFloor,
    /// How often all layouts were to take turns.
    pub rounds: usize,
    /// Whether it was interrupted: then there may be fewer rounds, workloads or loads than asked for.
    pub interrupted: bool,
    /// One for each workload.
    pub comparisons: Vec<Comparison>,
    /// One for each workload that was swept.
    pub sweeps: Vec<Sweep>,
    /// What follows: for each workload, and for each row of the table in which the two executors are compared.
    pub verdicts: Vec<Verdict>,
}

/// One workload on all its layouts, at several loads.
#[derive(Clone, Debug, Serialize)]
pub struct Sweep {
    /// The workload's name.
    pub workload: String,
    /// What the command was given: a file, or the name of a built-in workload.
    pub given: String,
    /// The names of its classes.
    pub classes: Vec<String>,
    /// What the classes' requests are to meet, in words.
    pub objectives: Vec<String>,
    /// What a load of 1 is, in words.
    pub full_load: String,
    /// One for each layout, in the workload's order.
    pub curves: Vec<Curve>,
    /// Where an AMP layout does what is wanted and SMP no longer does, for each AMP layout that does so anywhere.
    pub crossovers: Vec<Crossover>,
}

/// One layout at several loads.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// The layout.
    pub layout: String,
    /// `smp`, `amp`, `rayon` or `tokio`.
    pub executor: &'static str,
    /// In ascending order of the load.
    pub points: Vec<Point>,
    /// The highest load up to which all objectives are met, as the part of the capacity that it took; nothing if they are not met at the
    /// lowest one.
    pub highest_load: Option<f64>,
}

/// One layout at one load.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The part of the capacity that is asked for.
    pub load: f64,
    /// The part that this was at the speed that the machine had in these turns: the load times the median of their slowdowns.
    pub took: f64,
    /// For each class with objectives, the first percentile that one is about, and its median over the rounds in nanoseconds.
    pub latencies: Vec<(usize, Percentile, f64)>,
    /// By how much the objectives are met, for each round: the largest of all, as a part of its limit. Up to 1 all are met.
    pub scores: Vec<f64>,
    /// The turns.
    pub turns: Vec<TurnOutcome>,
}

/// From where to where one layout does what is wanted while another one does not.
#[derive(Clone, Debug, Serialize)]
pub struct Crossover {
    /// The layout that does.
    pub above: String,
    /// The layout that does up to here, and no further.
    pub below: String,
    /// The load at which `below` no longer meets all that is wanted, as the part of the capacity that it took; 0 where it never does.
    pub load: f64,
    /// The range of that, by single rounds.
    pub range: (f64, f64),
    /// The load up to which `above` does.
    pub until: f64,
    /// What `above` costs up to `load`, where both do what is wanted.
    pub cost_below: Vec<Cost>,
    /// How many times further from the limit `below` is between `load` and `until`, as the median of the loads there.
    pub gain_above: Option<f64>,
}

/// How many times as much of something one layout takes as another.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Of what, as in `p99 of search`.
    pub what: String,
    /// How many times, as the median of the loads.
    pub times: f64,
}

/// What follows from figures, in words.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What it is about: a workload, or a row of the table.
    pub subject: String,
    /// Which layout is the better one; nothing for a draw.
    pub winner: Option<String>,
    /// By how much, with the figures.
    pub text: String,
    /// How sure that is: rounds that agree, spread, noise.
    pub certainty: String,
    /// What would change it.
    pub would_change: String,
    /// The command that shows it.
    pub command: String,
}
