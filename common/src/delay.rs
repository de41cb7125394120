//! How long things take or wait, as a distribution.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::sync::Mutex;

/// A distribution of times.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::DelayHistogram;
///
/// let delays = DelayHistogram::new();
/// (1..=100).for_each(|ms| delays.record(Duration::from_millis(ms)));
/// let delays = delays.snapshot();
/// assert_eq!((delays.p50.as_millis(), delays.p99.as_millis()), (50, 99));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DelayMetrics {
    /// How many were recorded.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// Half of them were no longer than this.
    pub p50: Duration,
    /// 90 % of them were no longer than this.
    pub p90: Duration,
    /// 99 % of them were no longer than this.
    pub p99: Duration,
    /// 99.9 % of them were no longer than this.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

/// The longest time that is told from longer ones: an hour, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Relative error 10⁻³.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Times from a nanosecond to an hour, with three significant digits. What is longer counts as an hour.
///
/// Each thread that records often has one of its own, so that it meets nobody at the lock but who takes a snapshot. It reserves
/// 270 KB, of which the system provides what is used.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use executor_common::DelayHistogram;
///
/// let workers = [DelayHistogram::new(), DelayHistogram::new()];
/// workers[0].record(Duration::from_micros(10));
/// workers[1].record(Duration::from_micros(30));
/// let all = DelayHistogram::merged(&workers);
/// assert_eq!((all.count, all.mean.as_micros()), (2, 20));
/// assert_eq!(workers[0].snapshot().count, 1);
/// ```
pub struct DelayHistogram(Mutex<Histogram<u64>>);

impl DelayHistogram {
    /// Nothing recorded.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::DelayHistogram;
    ///
    /// assert_eq!(DelayHistogram::new().snapshot().count, 0);
    /// ```
    pub fn new() -> Self {
        Self(Mutex::new(empty()))
    }

    /// Records one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use executor_common::DelayHistogram;
    ///
    /// let delays = DelayHistogram::new();
    /// let began = Instant::now();
    /// delays.record(began.elapsed());
    /// assert_eq!(delays.snapshot().count, 1);
    /// ```
    pub fn record(&self, delay: Duration) {
        // The histogram has room for some time beyond the bound that it was given.
        let ns = delay.as_nanos().min(u128::from(LONGEST_NS)) as u64;
        self.0.lock().saturating_record(ns);
    }

    /// What has been recorded so far.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::DelayHistogram;
    ///
    /// let delays = DelayHistogram::new();
    /// delays.record(Duration::from_micros(10));
    /// delays.record(Duration::from_micros(30));
    /// assert_eq!(delays.snapshot().mean.as_micros(), 20);
    /// ```
    pub fn snapshot(&self) -> DelayMetrics {
        metrics(&self.0.lock())
    }

    /// What has been recorded so far in all of `histograms`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use executor_common::DelayHistogram;
    ///
    /// let workers = [DelayHistogram::new(), DelayHistogram::new()];
    /// workers[0].record(Duration::from_micros(10));
    /// workers[1].record(Duration::from_micros(30));
    /// assert_eq!(DelayHistogram::merged(&workers).count, 2);
    /// ```
    pub fn merged<'a>(histograms: impl IntoIterator<Item = &'a Self>) -> DelayMetrics {
        let mut all = empty();
        for each in histograms {
            let added = all.add(&*each.0.lock());
            debug_assert!(added.is_ok(), "all have the same bounds");
        }
        metrics(&all)
    }
}

impl Default for DelayHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DelayHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DelayHistogram").field(&self.snapshot()).finish()
    }
}

fn empty() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST_NS, SIGNIFICANT_DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants: {error}"),
    }
}

fn metrics(histogram: &Histogram<u64>) -> DelayMetrics {
    let at = |quantile| Duration::from_nanos(histogram.value_at_quantile(quantile));
    DelayMetrics {
        count: histogram.len(),
        mean: Duration::from_nanos(histogram.mean() as u64),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: Duration::from_nanos(histogram.max()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// To three digits.
    fn close(actual: Duration, expected: Duration) {
        let error = actual.abs_diff(expected).as_secs_f64() / expected.as_secs_f64();
        assert!(error <= 1e-3, "{actual:?} for {expected:?}");
    }

    #[test]
    fn nothing_recorded_is_all_zeroes() {
        assert_eq!(DelayHistogram::new().snapshot(), DelayMetrics::default());
        assert_eq!(DelayHistogram::merged([]), DelayMetrics::default());
    }

    #[test]
    fn quantiles_of_a_thousand() {
        let histogram = DelayHistogram::new();
        (1..=1_000).for_each(|us| histogram.record(Duration::from_micros(us)));
        let metrics = histogram.snapshot();
        assert_eq!(metrics.count, 1_000);
        close(metrics.p50, Duration::from_micros(500));
        close(metrics.p90, Duration::from_micros(900));
        close(metrics.p99, Duration::from_micros(990));
        close(metrics.p999, Duration::from_micros(999));
        close(metrics.max, Duration::from_micros(1_000));
        close(metrics.mean, Duration::from_nanos(500_500));
    }

    #[test]
    fn nothing_is_too_short_or_too_long() {
        let histogram = DelayHistogram::new();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        let metrics = histogram.snapshot();
        assert_eq!(metrics.count, 2);
        close(metrics.max, Duration::from_secs(3600));
        let little_longer = DelayHistogram::new();
        little_longer.record(Duration::from_secs(4000));
        close(little_longer.snapshot().max, Duration::from_secs(3600));
    }

    #[test]
    fn merging_leaves_the_parts_alone() {
        let parts = [DelayHistogram::new(), DelayHistogram::new()];
        parts[0].record(Duration::from_millis(1));
        parts[1].record(Duration::from_millis(3));
        let all = DelayHistogram::merged(&parts);
        assert_eq!(all.count, 2);
        close(all.mean, Duration::from_millis(2));
        close(all.max, Duration::from_millis(3));
        assert_eq!(DelayHistogram::merged(&parts), all);
        assert_eq!(parts[0].snapshot().count, 1);
    }
}
