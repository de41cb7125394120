//! What a task does, made ready to be done.
//!
//! Everything that a task needs is made before the first turn. What a task does depends on nothing but a number that it has on
//! each layout alike, and on what the task that spawned it has read.
//!
//! | file | what it is |
//! |---|---|
//! | `distribution` | computing for a random time |
//! | `kernel` | real work |
//! | `files` | reading files |
//! | `calibration` | how long a kernel takes |

mod calibration;
mod distribution;
mod files;
mod kernel;

use std::time::Duration;

use anyhow::Context;

use self::distribution::Distribution;
use self::files::Files;
use self::kernel::Kernel;
use super::workload::Service;
use crate::work::Speed;

/// What the tasks of a class do.
#[derive(Debug)]
pub struct PreparedService {
    kind: Kind,
    speed: Speed,
}

#[derive(Debug)]
enum Kind {
    Distribution(Distribution),
    Kernel(Kernel),
    Files(Files),
}

/// What is known of a service before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceFacts {
    /// What a task takes on an idle core on average.
    pub mean_ns: f64,
    /// The standard deviation of that by its mean.
    pub dispersion: f64,
    /// For people.
    pub description: String,
}

impl PreparedService {
    /// Makes inputs, or looks at files. Files are read once, up to 256 MiB of them, so that no turn finds them warmer than another.
    ///
    /// # Errors
    ///
    /// The parameters of a distribution make no sense, or there is no file that can be read.
    pub fn prepare(service: &Service, speed: Speed) -> anyhow::Result<Self> {
        let kind = match service {
            Service::Fixed(time) => Kind::Distribution(Distribution::Fixed(*time)),
            Service::Exponential { mean } => Kind::Distribution(Distribution::exponential(*mean)),
            Service::Bimodal { short, long, long_share } => {
                Kind::Distribution(Distribution::bimodal(*short, *long, *long_share)?)
            }
            Service::Lognormal { median, sigma } => {
                Kind::Distribution(Distribution::lognormal(*median, *sigma)?)
            }
            Service::Sha256 { bytes } => Kind::Kernel(Kernel::sha256(*bytes)),
            Service::Zstd { bytes } => Kind::Kernel(Kernel::zstd(*bytes)),
            Service::Json { bytes } => Kind::Kernel(Kernel::json(*bytes)),
            Service::Sort { elements } => Kind::Kernel(Kernel::sort(*elements)),
            Service::Read { files } => {
                Kind::Files(Files::look_at(files).context("nothing to read")?)
            }
        };
        Ok(Self { kind, speed })
    }

    /// How long a task takes on an idle core.
    ///
    /// For a distribution that is what its formulas say of the times that are drawn, the cut long ones included. Kernels and reads
    /// are run and timed, for about 50 ms, or for longer where a task takes long.
    pub fn facts(&self) -> ServiceFacts {
        let (moments, description) = match &self.kind {
            Kind::Distribution(distribution) => (distribution.moments(), distribution.to_string()),
            Kind::Kernel(kernel) => {
                (calibration::measure(1, |_| kernel.run(None)), kernel.to_string())
            }
            Kind::Files(files) => (
                calibration::measure(files.len(), |file| drop(files.read(file as u64))),
                files.to_string(),
            ),
        };
        ServiceFacts { mean_ns: moments.mean_ns, dispersion: moments.dispersion(), description }
    }

    /// Does one task, and returns what it has read if that is what it does.
    ///
    /// `random` is a number that the same task has on every layout. `input` is what the task that spawned it has read.
    pub fn run(&self, random: u64, input: Option<&[u8]>) -> Option<Vec<u8>> {
        match &self.kind {
            Kind::Distribution(distribution) => {
                self.speed.work(distribution.sample(random)).compute();
                None
            }
            Kind::Kernel(kernel) => {
                kernel.run(input);
                None
            }
            Kind::Files(files) => Some(files.read(random)),
        }
    }
}

/// Of a time.
#[derive(Clone, Copy, Debug)]
struct Moments {
    mean_ns: f64,
    variance_ns2: f64,
}

impl Moments {
    /// The standard deviation by the mean.
    fn dispersion(self) -> f64 {
        if self.mean_ns == 0.0 {
            return 0.0;
        }
        self.variance_ns2.sqrt() / self.mean_ns
    }
}

/// For people.
fn in_words(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}
