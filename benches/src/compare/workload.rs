//! What is to be run: classes of tasks, and the layouts to try.
//!
//! These are the values after everything has been checked: what [`Workload`] says can be run. [`mod@file`] describes the format of workload
//! files.
//!
//! | file | what it is |
//! |---|---|
//! | `file` | the format, and reading a file as a whole |
//! | `fields`, `quantity` | tables and values with their places |
//! | `class`, `arrival`, `trace`, `service` | what a file says of one class |
//! | `check`, `tree`, `demand` | what follows from all of them together |
//! | `layout`, `cores`, `suggested` | executors and their roles |
//! | `problem` | what is wrong, and where |
//! | `builtin` | the files that come with the program |

mod arrival;
mod builtin;
mod check;
mod class;
mod cores;
mod demand;
mod fields;
pub mod file;
mod layout;
mod problem;
mod quantity;
mod service;
mod suggested;
mod trace;
mod tree;

use std::path::PathBuf;
use std::time::Duration;

use amp_executor::RolePlan;
use executor_common::Role;

pub use builtin::BUILTIN;
pub use problem::{Problem, WorkloadError};

/// Classes of tasks, and the layouts that are to run them.
#[derive(Clone, Debug)]
pub struct Workload {
    /// As tables and reports call it.
    pub name: String,
    /// Where it was read from: a file, or the name of a built-in workload.
    pub given: String,
    /// One sentence: what this stands for.
    pub about: String,
    /// For how long requests arrive in each turn, the warm-up included.
    pub time: Duration,
    /// Requests that arrive before this has passed are run and not measured.
    pub warm_up: Duration,
    /// What all random choices follow from, so that each layout gets the same requests.
    pub seed: u64,
    /// At least one. Classes name each other by their index here.
    pub classes: Vec<Class>,
    /// At least one. The first one is what the others are compared with.
    pub layouts: Vec<Layout>,
    /// What the verdict is about.
    pub goal: Goal,
}

/// Tasks of one kind.
#[derive(Clone, Debug)]
pub struct Class {
    /// Unique in its workload.
    pub name: String,
    /// Where it runs on the AMP executor.
    pub role: Role,
    /// When requests of this class come. Nothing for a class that only others spawn.
    pub arrival: Option<Arrival>,
    /// What a task does.
    pub service: Service,
    /// What a task spawns when it has done that.
    pub spawns: Vec<FanOut>,
    /// The class of one task that runs when all that was spawned, with what that spawned in turn, has ended.
    pub then: Option<usize>,
    /// From a request's intended arrival to the end of all its tasks.
    pub deadline: Option<Duration>,
    /// What is wanted of the requests of this class.
    pub objectives: Vec<Objective>,
    /// Whether `sweep` changes how often its requests come.
    pub scales: bool,
}

/// Some tasks of another class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FanOut {
    /// Its index.
    pub class: usize,
    /// How many.
    pub count: usize,
    /// How likely it is that they are spawned, all of them or none: above 0 and at most 1.
    pub chance: f64,
}

/// When requests come.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// So many clients, each of which sends its next request when the one before has ended.
    Closed {
        /// How many.
        clients: usize,
    },
    /// At instants that do not depend on when requests end.
    Open {
        /// How they follow each other.
        process: Process,
        /// How often they come.
        rate: Rate,
        /// The rate is multiplied by these in turn, each for `step`. Empty where it does not vary.
        factors: Vec<f64>,
        /// How long each factor lasts.
        step: Duration,
    },
    /// At these times after the start, in ascending order; at least one is below the workload's time.
    Trace {
        /// The file that they are from.
        file: PathBuf,
        /// The times.
        times: Vec<Duration>,
    },
}

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Process {
    /// At equal distances.
    Regular,
    /// With exponentially distributed distances.
    Poisson,
    /// So many at once, at equal distances.
    Bursts {
        /// How many at once.
        size: usize,
    },
}

/// How often requests come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many per second.
    PerSecond(f64),
    /// So many that they, with all that they spawn, would use this part of the time of all cores.
    Share(f64),
}

/// What a task does.
#[derive(Clone, Debug, PartialEq)]
pub enum Service {
    /// Computes always for the same time.
    Fixed(Duration),
    /// Computes for an exponentially distributed time of this mean.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// Computes for one of two times.
    Bimodal {
        /// The shorter one.
        short: Duration,
        /// The longer one.
        long: Duration,
        /// How many are long: above 0 and below 1.
        long_share: f64,
    },
    /// Computes for a lognormally distributed time.
    Lognormal {
        /// The median.
        median: Duration,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
    /// SHA-256 of so many bytes; of what the task that spawned it has read, where that has read something.
    Sha256 {
        /// How many, where nothing was read.
        bytes: usize,
    },
    /// Compresses a block of so many bytes.
    Zstd {
        /// How many.
        bytes: usize,
    },
    /// Parses a JSON text of about so many bytes.
    Json {
        /// How many.
        bytes: usize,
    },
    /// Sorts so many numbers.
    Sort {
        /// How many.
        elements: usize,
    },
    /// Reads one of these files, the first 1 MiB of it. Which one follows from the task's random number.
    Read {
        /// At least one.
        files: Vec<PathBuf>,
    },
}

/// A percentile of the latency that is to be below a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Which one.
    pub percentile: Percentile,
    /// The limit.
    pub below: Duration,
}

/// A percentile that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Percentile {
    /// The median.
    P50,
    /// Nine of ten.
    P90,
    /// 99 of a hundred.
    P99,
    /// 999 of a thousand.
    P999,
    /// 9,999 of ten thousand.
    P9999,
    /// All.
    Max,
}

/// What the verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
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

/// An executor, with the roles that it is given.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Unique in its workload.
    pub name: String,
    /// What runs it.
    pub executor: Executor,
}

/// What runs a layout.
#[derive(Clone, Debug)]
pub enum Executor {
    /// The symmetric executor, one worker for each core.
    Smp,
    /// The asymmetric executor with these roles, all of which some class has.
    Amp(RolePlan),
    /// rayon, one worker for each core.
    Rayon,
    /// tokio's multi-thread runtime, one worker for each core.
    Tokio,
}

impl Percentile {
    /// All, from the median on.
    pub const ALL: [Self; 6] =
        [Self::P50, Self::P90, Self::P99, Self::P999, Self::P9999, Self::Max];

    /// As files and tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::P9999 => "p99.99",
            Self::Max => "max",
        }
    }

    /// The part of all values that are at most this.
    pub const fn quantile(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::P9999 => 0.9999,
            Self::Max => 1.0,
        }
    }
}
