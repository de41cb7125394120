//! Computing for a random time.
//!
//! A time that is drawn follows from the task's number alone. A lognormal or exponential time is cut at 1,000 times the mean of the
//! uncut distribution and at 10 s, so that no task outlasts all others; the moments are those of the times after the cut.

use std::f64::consts::SQRT_2;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_distr::{Bernoulli, Exp1, LogNormal};
use rand_pcg::Pcg64Mcg;

use super::{Moments, in_words};

/// No time that has no bound by itself is longer than so many times the mean.
const LONGEST_BY_MEAN: f64 = 1000.0;

/// Nor is it longer than this.
const LONGEST_NS: f64 = 10e9;

/// Sets these numbers apart from others that follow from a task's number, such as what it spawns.
const STREAM: u64 = 0x7365_7276_6963_6573;

/// How times are distributed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Distribution {
    /// Always the same.
    Fixed(Duration),
    /// Exponentially, with a cut.
    Exponential { mean: Duration, longest_ns: f64 },
    /// One of two.
    Bimodal { short: Duration, long: Duration, is_long: Bernoulli },
    /// Lognormally, with a cut.
    Lognormal { median: Duration, sigma: f64, uncut: LogNormal<f64>, longest_ns: f64 },
}

impl Distribution {
    pub(super) fn exponential(mean: Duration) -> Self {
        Self::Exponential { mean, longest_ns: longest_ns(mean.as_nanos() as f64) }
    }

    pub(super) fn bimodal(
        short: Duration,
        long: Duration,
        long_share: f64,
    ) -> anyhow::Result<Self> {
        let is_long = Bernoulli::new(long_share)
            .with_context(|| format!("{long_share} of the times cannot be long"))?;
        Ok(Self::Bimodal { short, long, is_long })
    }

    pub(super) fn lognormal(median: Duration, sigma: f64) -> anyhow::Result<Self> {
        let median_ns = median.as_nanos() as f64;
        let uncut = LogNormal::new(median_ns.ln(), sigma)
            .with_context(|| format!("no lognormal distribution has a sigma of {sigma}"))?;
        let longest_ns = longest_ns(median_ns * (sigma * sigma / 2.0).exp());
        Ok(Self::Lognormal { median, sigma, uncut, longest_ns })
    }

    /// The time of the task that has this number.
    pub(super) fn sample(&self, random: u64) -> Duration {
        let mut numbers = Pcg64Mcg::seed_from_u64(random ^ STREAM);
        match self {
            Self::Fixed(time) => *time,
            Self::Exponential { mean, longest_ns } => {
                let factor: f64 = numbers.sample(Exp1);
                nanos((factor * mean.as_nanos() as f64).min(*longest_ns))
            }
            Self::Bimodal { short, long, is_long } => {
                if numbers.sample(is_long) {
                    *long
                } else {
                    *short
                }
            }
            Self::Lognormal { uncut, longest_ns, .. } => {
                nanos(numbers.sample(uncut).min(*longest_ns))
            }
        }
    }

    /// Of the times that are drawn.
    pub(super) fn moments(&self) -> Moments {
        match self {
            Self::Fixed(time) => Moments { mean_ns: time.as_nanos() as f64, variance_ns2: 0.0 },
            Self::Exponential { mean, longest_ns } => {
                let mean_ns = mean.as_nanos() as f64;
                let cut = longest_ns / mean_ns;
                let first = mean_ns * (1.0 - (-cut).exp());
                let second = 2.0 * mean_ns * mean_ns * (1.0 - (-cut).exp() * (1.0 + cut));
                Moments::of_powers(first, second)
            }
            Self::Bimodal { short, long, is_long } => {
                let (short_ns, long_ns) = (short.as_nanos() as f64, long.as_nanos() as f64);
                let (long_share, distance) = (is_long.p(), long_ns - short_ns);
                Moments {
                    mean_ns: short_ns + long_share * distance,
                    variance_ns2: long_share * (1.0 - long_share) * distance * distance,
                }
            }
            Self::Lognormal { median, sigma, longest_ns, .. } => {
                let power = |power: f64| {
                    let location = (median.as_nanos() as f64).ln();
                    let cut = (longest_ns.ln() - location) / sigma;
                    let below = (power * location
                        + (power * sigma).powi(2) / 2.0
                        + standard_normal_below(cut - power * sigma).ln())
                    .exp();
                    below + longest_ns.powf(power) * standard_normal_below(-cut)
                };
                Moments::of_powers(power(1.0), power(2.0))
            }
        }
    }
}

impl Moments {
    /// The expectations of a time and of its square.
    fn of_powers(first: f64, second: f64) -> Self {
        Self { mean_ns: first, variance_ns2: (second - first * first).max(0.0) }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => write!(f, "fixed, {}", in_words(*time)),
            Self::Exponential { mean, .. } => write!(f, "exponential, mean {}", in_words(*mean)),
            Self::Bimodal { short, long, is_long } => {
                let percent = (is_long.p() * 1e6).round() / 1e4;
                write!(f, "bimodal, {}, {percent} % {}", in_words(*short), in_words(*long))
            }
            Self::Lognormal { median, sigma, .. } => {
                write!(f, "lognormal, median {}, sigma {sigma}", in_words(*median))
            }
        }
    }
}

/// Where times of this mean are cut.
fn longest_ns(mean_ns: f64) -> f64 {
    (LONGEST_BY_MEAN * mean_ns).min(LONGEST_NS)
}

fn nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

/// How likely a standard normal number is below `limit`.
fn standard_normal_below(limit: f64) -> f64 {
    libm::erfc(-limit / SQRT_2) / 2.0
}
