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

use std::hint::black_box;
use std::time::Duration;

use anyhow::Context;

use self::distribution::Distribution;
use self::files::Files;
use self::kernel::Kernel;
use super::workload::Service;
use crate::work::Speed;

/// What the tasks of a class do.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use benches::compare::service::PreparedService;
/// use benches::compare::workload::Service;
/// use benches::work::Speed;
///
/// # fn main() -> anyhow::Result<()> {
/// let exponential = Service::Exponential { mean: Duration::from_micros(20) };
/// let service = PreparedService::prepare(&exponential, Speed::measure())?;
/// assert_eq!(service.facts().description, "exponential, mean 20us");
/// assert_eq!(service.run(7, None), None);
/// # Ok(())
/// # }
/// ```
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
            Service::Exponential { mean } => Kind::Distribution(Distribution::exponential(*mean)?),
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
    /// are run and timed, for about 50 ms, or for longer where a task takes long. A digest is timed on its own block, even where
    /// tasks will be given what others have read.
    pub fn facts(&self) -> ServiceFacts {
        let (moments, description) = match &self.kind {
            Kind::Distribution(distribution) => (distribution.moments(), distribution.to_string()),
            Kind::Kernel(kernel) => {
                (calibration::measure(1, |_| _ = black_box(kernel.run(None))), kernel.to_string())
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
                black_box(kernel.run(input));
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn prepared(service: &Service) -> PreparedService {
        PreparedService::prepare(service, Speed::measure()).unwrap()
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn workers_may_share_a_service() {
        fn shared<T: Send + Sync>() {}
        shared::<PreparedService>();
    }

    #[test]
    fn facts_of_a_distribution_are_not_measured() {
        let facts = prepared(&Service::Fixed(3 * MS)).facts();
        let description = "fixed, 3ms".to_owned();
        assert_eq!(facts, ServiceFacts { mean_ns: 3e6, dispersion: 0.0, description });

        let bimodal = Service::Bimodal { short: MS, long: 3 * MS, long_share: 0.5 };
        let facts = prepared(&bimodal).facts();
        assert_eq!(facts.mean_ns, 2e6);
        assert!((facts.dispersion - 0.5).abs() < 1e-9, "{facts:?}");

        let lognormal = Service::Lognormal { median: MS, sigma: 0.5 };
        assert_eq!(prepared(&lognormal).facts().description, "lognormal, median 1ms, sigma 0.5");
    }

    #[test]
    fn a_service_that_takes_no_time_has_no_dispersion() {
        let facts = prepared(&Service::Fixed(Duration::ZERO)).facts();
        assert_eq!((facts.mean_ns, facts.dispersion), (0.0, 0.0));
    }

    #[test]
    fn a_task_computes() {
        let service = prepared(&Service::Fixed(20 * MS));
        let start = Instant::now();
        assert_eq!(service.run(1, None), None);
        // The steps are counted, so that this is far below what they need on any clock frequency.
        assert!(start.elapsed() >= 5 * MS, "{:?}", start.elapsed());
    }

    #[test]
    fn kernels_are_measured_and_return_nothing() {
        for (service, description) in [
            (Service::Sha256 { bytes: 4096 }, "SHA-256 of 4 KiB"),
            (Service::Zstd { bytes: 4096 }, "zstd of 4 KiB"),
            (Service::Json { bytes: 4096 }, "JSON parse of 4"),
            (Service::Sort { elements: 1000 }, "sort of 1,000 numbers"),
        ] {
            let service = prepared(&service);
            let facts = service.facts();
            assert!(facts.mean_ns > 100.0, "{facts:?}");
            assert_eq!(facts.dispersion, 0.0);
            assert!(facts.description.starts_with(description), "{facts:?}");
            assert_eq!(service.run(1, None), None);
            assert_eq!(service.run(1, Some(b"input")), None);
        }
    }

    #[test]
    fn a_read_returns_what_is_in_the_file_of_the_number() {
        let directory = tempfile::tempdir().unwrap();
        let files = [b"even", b"odd!"].map(|content| {
            let path = directory.path().join(String::from_utf8_lossy(content).as_ref());
            std::fs::write(&path, content).unwrap();
            path
        });
        let service = prepared(&Service::Read { files: files.to_vec() });
        assert_eq!(service.run(6, None).as_deref(), Some(b"even".as_slice()));
        assert_eq!(service.run(7, Some(b"input")).as_deref(), Some(b"odd!".as_slice()));
        let facts = service.facts();
        assert!(facts.mean_ns > 0.0 && facts.dispersion >= 0.0, "{facts:?}");
        assert_eq!(facts.description, "read of one of 2 files");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (service, reason) in [
            (Service::Exponential { mean: Duration::ZERO }, "mean of 0"),
            (Service::Lognormal { median: MS, sigma: -1.0 }, "sigma of -1"),
            (Service::Bimodal { short: MS, long: MS, long_share: 2.0 }, "2 of the times"),
            (Service::Read { files: Vec::new() }, "nothing to read: no files"),
        ] {
            let error = PreparedService::prepare(&service, Speed::measure()).unwrap_err();
            assert!(format!("{error:#}").contains(reason), "{error:#}");
        }
    }
}
