//! What is said of many samples.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::figures::Spread;

/// More than any sample can be, in nanoseconds.
const HIGHEST_NS: u64 = 600_000_000_000;

/// For nanoseconds.
pub(crate) fn new_histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, HIGHEST_NS, 3)?)
}

/// Percentiles in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// Nine of ten samples are at most this.
    pub p90: f64,
    /// 99 of a hundred are.
    pub p99: f64,
    /// 999 of a thousand are.
    pub p999: f64,
    /// All are.
    pub max: f64,
}

impl Percentiles {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64,
        }
    }

    /// The median over the rounds of each percentile.
    pub(crate) fn medians(rounds: impl Iterator<Item = Self> + Clone) -> Self {
        let median = |part: fn(&Self) -> f64| {
            Spread::of(rounds.clone().map(|round| part(&round))).map_or(0.0, |spread| spread.median)
        };
        Self {
            p50: median(|round| round.p50),
            p90: median(|round| round.p90),
            p99: median(|round| round.p99),
            p999: median(|round| round.p999),
            max: median(|round| round.max),
        }
    }

    /// In the order of their names.
    pub(crate) fn values(&self) -> [f64; 5] {
        [self.p50, self.p90, self.p99, self.p999, self.max]
    }
}
