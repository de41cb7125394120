//! Computing for a random time.
//!
//! A time that is drawn follows from the task's number alone. A lognormal or exponential time is cut at 1,000 times the mean of the
//! uncut distribution and at 10 s, so that no task outlasts all others; the moments are those of the times after the cut.

use std::f64::consts::SQRT_2;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
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
    pub(super) fn exponential(mean: Duration) -> anyhow::Result<Self> {
        ensure!(!mean.is_zero(), "no exponential distribution has a mean of 0");
        Ok(Self::Exponential { mean, longest_ns: longest_ns(mean.as_nanos() as f64) })
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
        ensure!(!median.is_zero(), "no lognormal distribution has a median of 0");
        ensure!(sigma >= 0.0, "no lognormal distribution has a sigma of {sigma}");
        if sigma == 0.0 {
            return Ok(Self::Fixed(median));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLES: u64 = 200_000;

    const US: Duration = Duration::from_micros(1);

    const SECOND: Duration = Duration::from_secs(1);

    fn all() -> Vec<Distribution> {
        vec![
            Distribution::Fixed(20 * US),
            Distribution::exponential(20 * US).unwrap(),
            // Of these the cut changes the moments.
            Distribution::exponential(SECOND * 5).unwrap(),
            Distribution::exponential(SECOND * 100).unwrap(),
            Distribution::bimodal(10 * US, 1000 * US, 0.005).unwrap(),
            Distribution::bimodal(10 * US, 1000 * US, 0.5).unwrap(),
            Distribution::lognormal(20 * US, 0.5).unwrap(),
            Distribution::lognormal(20 * US, 1.5).unwrap(),
            // And of these.
            Distribution::lognormal(20 * US, 3.0).unwrap(),
            Distribution::lognormal(SECOND * 8, 0.5).unwrap(),
            Distribution::lognormal(20 * US, 10.0).unwrap(),
        ]
    }

    /// The mean and the standard deviation of the times of these tasks.
    fn moments(distribution: &Distribution, randoms: impl Iterator<Item = u64>) -> (f64, f64) {
        let times: Vec<_> =
            randoms.map(|random| distribution.sample(random).as_nanos() as f64).collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let squares = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
        (mean, (squares / times.len() as f64).sqrt())
    }

    #[test]
    fn drawn_times_have_the_moments_that_the_formulas_say() {
        let scattered = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for distribution in all() {
            let expected = distribution.moments();
            let deviation = expected.variance_ns2.sqrt();
            for (mean, drawn_deviation) in [
                moments(&distribution, 0..SAMPLES),
                moments(&distribution, (0..SAMPLES).map(scattered)),
            ] {
                // Half a nanosecond for rounding.
                let tolerated = 5.0 * deviation / (SAMPLES as f64).sqrt() + 0.5;
                assert!((mean - expected.mean_ns).abs() < tolerated, "{distribution}: {mean}");
                let off = (drawn_deviation - deviation).abs();
                assert!(off <= 0.1 * deviation, "{distribution}: {drawn_deviation}, {deviation}");
            }
        }
    }

    #[test]
    fn facts_without_a_cut_are_those_of_the_textbook() {
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 1e-9;
        let fixed = Distribution::Fixed(20 * US).moments();
        assert!(near(fixed.mean_ns, 20_000.0) && fixed.dispersion() == 0.0);
        let exponential = Distribution::exponential(20 * US).unwrap().moments();
        assert!(near(exponential.mean_ns, 20_000.0) && near(exponential.dispersion(), 1.0));
        let bimodal = Distribution::bimodal(10 * US, 1000 * US, 0.01).unwrap().moments();
        assert!(near(bimodal.mean_ns, 19_900.0), "{bimodal:?}");
        assert!(near(
            bimodal.dispersion(),
            0.99 * 0.01_f64.sqrt() * 0.99_f64.sqrt() * 1e6 / 19_900.0
        ));
        let lognormal = Distribution::lognormal(20 * US, 0.5).unwrap().moments();
        assert!(near(lognormal.mean_ns, 20_000.0 * 0.125_f64.exp()), "{lognormal:?}");
        assert!(near(lognormal.dispersion(), (0.25_f64.exp() - 1.0).sqrt()), "{lognormal:?}");
    }

    #[test]
    fn no_time_is_longer_than_the_cut() {
        let drawn_longest = |distribution: Distribution| {
            (0..SAMPLES).map(|random| distribution.sample(random)).max().unwrap()
        };
        assert_eq!(drawn_longest(Distribution::exponential(5 * SECOND).unwrap()), 10 * SECOND);
        let lognormal = Distribution::lognormal(SECOND, 3.0).unwrap();
        assert_eq!(drawn_longest(lognormal), 10 * SECOND);
        // The mean is 20 us times the exponential of 4.5.
        let lognormal = Distribution::lognormal(20 * US, 3.0).unwrap();
        assert_eq!(drawn_longest(lognormal).as_micros(), (20_000.0 * 4.5_f64.exp()) as u128);
        // What the user has asked for by name is not cut.
        assert_eq!(Distribution::Fixed(20 * SECOND).sample(1), 20 * SECOND);
    }

    #[test]
    fn a_task_takes_the_same_time_on_every_layout() {
        for distribution in all() {
            for random in 0..100 {
                assert_eq!(distribution.sample(random), distribution.sample(random));
            }
        }
    }

    #[test]
    fn neighbours_have_nothing_to_do_with_each_other() {
        let exponential = Distribution::exponential(20 * US).unwrap();
        let times: Vec<_> = (0..=SAMPLES)
            .map(|random| exponential.sample(random).as_nanos() as f64 / 20_000.0 - 1.0)
            .collect();
        let products = times.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        let correlation = products / SAMPLES as f64;
        assert!(correlation.abs() < 5.0 / (SAMPLES as f64).sqrt(), "{correlation}");
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        assert!(Distribution::bimodal(US, 2 * US, 1.5).is_err());
        assert!(Distribution::bimodal(US, 2 * US, f64::NAN).is_err());
        assert!(Distribution::exponential(Duration::ZERO).is_err());
        assert!(Distribution::lognormal(Duration::ZERO, 1.0).is_err());
        assert!(Distribution::lognormal(US, f64::NAN).is_err());
        assert!(Distribution::lognormal(US, f64::INFINITY).is_err());
        assert!(Distribution::lognormal(US, -1.0).is_err());
    }

    #[test]
    fn descriptions_have_the_parameters() {
        let description = |distribution: Distribution| distribution.to_string();
        assert_eq!(description(Distribution::Fixed(1500 * US)), "fixed, 1ms 500us");
        assert_eq!(
            description(Distribution::exponential(20 * US).unwrap()),
            "exponential, mean 20us"
        );
        let bimodal = Distribution::bimodal(10 * US, 1000 * US, 0.005).unwrap();
        assert_eq!(description(bimodal), "bimodal, 10us, 0.5 % 1ms");
        let lognormal = Distribution::lognormal(20 * US, 1.5).unwrap();
        assert_eq!(description(lognormal), "lognormal, median 20us, sigma 1.5");
        let same = Distribution::lognormal(20 * US, 0.0).unwrap();
        assert_eq!(description(same), "fixed, 20us");
    }

    /// From a nanosecond to an hour.
    fn any_time() -> impl Strategy<Value = Duration> {
        (1_u64..=3_600_000_000_000, 0_u32..42)
            .prop_map(|(ns, magnitude)| Duration::from_nanos((ns >> magnitude).max(1)))
    }

    /// All that a workload file can ask for.
    fn any_distribution() -> impl Strategy<Value = Distribution> {
        prop_oneof![
            any_time().prop_map(|mean| Distribution::exponential(mean).unwrap()),
            (any_time(), any_time(), 0.0..=1.0_f64)
                .prop_map(|(short, long, share)| Distribution::bimodal(short, long, share).unwrap()),
            (any_time(), prop_oneof![0.0..=4.0_f64, Just(1e-300), Just(f64::MIN_POSITIVE)])
                .prop_map(|(median, sigma)| Distribution::lognormal(median, sigma).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn moments_are_numbers_that_a_time_can_have(distribution in any_distribution(), random: u64) {
            let Moments { mean_ns, variance_ns2 } = distribution.moments();
            prop_assert!(mean_ns > 0.0 && mean_ns.is_finite(), "{distribution}: {mean_ns}");
            prop_assert!(variance_ns2 >= 0.0 && variance_ns2.is_finite(), "{distribution}");
            let longest_ns = match distribution {
                Distribution::Exponential { longest_ns, .. }
                | Distribution::Lognormal { longest_ns, .. } => longest_ns,
                Distribution::Bimodal { short, long, .. } => short.max(long).as_nanos() as f64,
                Distribution::Fixed(time) => time.as_nanos() as f64,
            };
            prop_assert!(mean_ns <= longest_ns * (1.0 + 1e-9), "{distribution}: {mean_ns}");
            // Popoviciu: no times between nothing and the longest vary by more.
            prop_assert!(variance_ns2 <= longest_ns * longest_ns / 4.0 * (1.0 + 1e-9));
            let drawn = distribution.sample(random).as_nanos() as f64;
            prop_assert!(drawn <= longest_ns + 0.5, "{distribution}: {drawn}");
        }
    }
}
