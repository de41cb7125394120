//! The arithmetic of metrics: nothing overflows, nothing is no number, parts add up.

#![cfg(not(loom))]

use std::collections::HashSet;
use std::time::Duration;

use executor_common::sync::{IdBlock, UniqueIds};
use executor_common::{
    DelayHistogram, DelayMetrics, ExecutorMetrics, TaskId, WorkerMetrics, imbalance, utilisation,
};
use proptest::prelude::*;

/// As a histogram shows it: the longest that it tells from an hour.
const AN_HOUR: Duration = Duration::from_millis(3_602_000);

/// Times of all magnitudes, up to the longest that there is.
fn any_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (any::<u64>(), 0_u32..64).prop_map(|(ns, magnitude)| Duration::from_nanos(ns >> magnitude)),
    ]
}

/// Up to an hour, which is the longest that a histogram tells from longer ones.
fn recorded_times() -> impl Strategy<Value = Vec<Duration>> {
    let time = (1_u64..3_600_000_000_000, 0_u32..40)
        .prop_map(|(ns, magnitude)| Duration::from_nanos((ns >> magnitude).max(1)));
    prop::collection::vec(time, 1..200)
}

/// Within the relative error of a histogram, and a nanosecond.
fn is_close(actual: Duration, expected: Duration) -> bool {
    let (actual, expected) = (actual.as_nanos() as f64, expected.as_nanos() as f64);
    (actual - expected).abs() <= expected * 1e-3 + 1.0
}

fn recorded(times: &[Duration]) -> DelayHistogram {
    let histogram = DelayHistogram::new();
    times.iter().for_each(|time| histogram.record(*time));
    histogram
}

/// What a histogram would say if it kept every value. A quantile is the smallest value that so many are not above.
fn exact(times: &[Duration]) -> DelayMetrics {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |quantile: f64| {
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted[rank.clamp(1, sorted.len()) - 1]
    };
    let mut metrics = DelayMetrics::default();
    metrics.count = times.len() as u64;
    metrics.mean = times.iter().sum::<Duration>() / times.len() as u32;
    metrics.p50 = at(0.5);
    metrics.p90 = at(0.9);
    metrics.p99 = at(0.99);
    metrics.p999 = at(0.999);
    metrics.max = at(1.0);
    metrics
}

fn all_times(metrics: &DelayMetrics) -> [Duration; 6] {
    let DelayMetrics { p50, p90, p99, p999, max, mean, .. } = *metrics;
    [p50, p90, p99, p999, max, mean]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn imbalance_is_between_one_and_the_number_of_workers(
        times in prop::collection::vec(any_time(), 0..20)
    ) {
        let found = imbalance(times.iter().copied());
        let most = times.len().max(1) as f64;
        prop_assert!((1.0..=most).contains(&found), "{found}");
        let doubled = imbalance(times.iter().chain(&times).copied());
        prop_assert!((doubled - found).abs() <= 1e-9 * found, "{doubled} for {found}");
    }

    #[test]
    fn one_who_does_everything_is_as_unbalanced_as_can_be(
        time in any_time(), workers in 1_usize..100, place in any::<prop::sample::Index>()
    ) {
        let mut times = vec![Duration::ZERO; workers];
        times[place.index(workers)] = time;
        let expected = if time.is_zero() { 1.0 } else { workers as f64 };
        let found = imbalance(times.into_iter());
        prop_assert!((found - expected).abs() <= 1e-9 * expected, "{}", found);
        let found = imbalance(std::iter::repeat_n(time, workers));
        prop_assert!((found - 1.0).abs() < 1e-9, "{}", found);
    }

    #[test]
    fn utilisation_is_a_part_of_the_time_there_was(
        uptime in any_time(), parts in prop::collection::vec(0.0..=1.0_f64, 1..20)
    ) {
        let all = uptime.as_secs_f64();
        // A sum of too many such times is none.
        prop_assume!(all < 1e18);
        let busy: Vec<_> = parts.iter().map(|part| uptime.mul_f64(*part).min(uptime)).collect();
        let sum = busy.iter().sum();
        let found = utilisation(sum, uptime, parts.len());
        prop_assert!((0.0..=1.0 + 1e-9).contains(&found), "{found}");

        let mut metrics = ExecutorMetrics::default();
        metrics.uptime = uptime;
        metrics.workers = busy.iter().enumerate().map(|(index, busy)| {
            let mut worker = WorkerMetrics::default();
            (worker.index, worker.busy, worker.tasks_run) = (index, *busy, index as u64);
            worker
        }).collect();
        prop_assert_eq!(metrics.utilisation(), found);
        prop_assert_eq!(metrics.imbalance(), imbalance(busy.into_iter()));
        let count = parts.len() as u64;
        prop_assert_eq!(metrics.tasks_run(), count * (count - 1) / 2);
        prop_assert_eq!(utilisation(sum, uptime, 0), 0.0);
    }

    #[test]
    fn a_histogram_is_right_to_three_digits(times in recorded_times()) {
        let (found, expected) = (recorded(&times).snapshot(), exact(&times));
        prop_assert_eq!(found.count, expected.count);
        for (found, expected) in all_times(&found).into_iter().zip(all_times(&expected)) {
            prop_assert!(is_close(found, expected), "{found:?} for {expected:?}");
        }
    }

    #[test]
    fn what_is_said_of_any_times_is_in_order(times in prop::collection::vec(any_time(), 0..50)) {
        let found = recorded(&times).snapshot();
        prop_assert_eq!(found.count, times.len() as u64);
        let quantiles = [found.p50, found.p90, found.p99, found.p999, found.max];
        prop_assert!(quantiles.is_sorted() && found.mean <= found.max, "{found:?}");
        prop_assert!(found.max <= AN_HOUR);
    }

    #[test]
    fn a_merge_says_what_one_histogram_would(
        parts in prop::collection::vec(prop::collection::vec(any_time(), 0..30), 0..6)
    ) {
        let histograms: Vec<_> = parts.iter().map(|times| recorded(times)).collect();
        let together = recorded(&parts.concat()).snapshot();
        prop_assert_eq!(&DelayHistogram::merged(&histograms), &together);
        prop_assert_eq!(&DelayHistogram::merged(histograms.iter().rev()), &together);
        let counts: u64 = histograms.iter().map(|each| each.snapshot().count).sum();
        prop_assert_eq!(counts, together.count);
    }

    /// Blocks and single numbers in any order: all are different, none is zero, and those of a block ascend.
    #[test]
    fn ids_are_never_handed_out_twice(takes in prop::collection::vec((0_usize..4, 1_u64..9_000), 1..8)) {
        let ids = UniqueIds::new();
        let blocks = [const { IdBlock::new() }; 3];
        let (mut seen, mut last) = (HashSet::new(), [0; 3]);
        for (from, count) in takes {
            for _ in 0..count {
                let id = match blocks.get(from) {
                    Some(block) => ids.next(block),
                    None => ids.next_single(),
                };
                prop_assert!(id != 0 && seen.insert(id), "{id} again");
                if let Some(last) = last.get_mut(from) {
                    prop_assert!(id > *last);
                    *last = id;
                }
            }
        }
    }

    #[test]
    fn a_task_id_is_its_number(number in any::<u64>()) {
        let id = TaskId::from_u64(number);
        prop_assert_eq!(id.map(TaskId::as_u64), Some(number).filter(|number| *number != 0));
        prop_assert!(id.is_none_or(|id| id.to_string() == number.to_string()));
    }
}
