//! How long a kernel takes.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use super::Moments;

/// Every case is timed so often, if there is time.
const ROUNDS: usize = 20;

/// Short cases are timed more often, until this is over.
const AT_LEAST: Duration = Duration::from_millis(50);

/// Long ones less often: none is begun when this is over.
const AT_MOST: Duration = Duration::from_secs(1);

/// Times `run` for each of the cases from 0 on, and gives the moments over the cases that were reached.
///
/// The median of a case counts, since whatever else the machine does makes single runs longer. So a case by itself has no
/// variance: the same work takes the same time where nothing disturbs it.
pub(super) fn measure(cases: usize, run: impl Fn(usize)) -> Moments {
    // In no order, so that those that are reached are like the others.
    let mut order: Vec<_> = (0..cases).collect();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(cases as u64));

    let mut times_ns = vec![Vec::new(); cases];
    run(order[0]);
    let start = Instant::now();
    'timing: for round in 1.. {
        for &case in &order {
            let begun = Instant::now();
            run(case);
            times_ns[case].push(begun.elapsed().as_nanos() as f64);
            if start.elapsed() >= AT_MOST {
                break 'timing;
            }
        }
        if round >= ROUNDS && start.elapsed() >= AT_LEAST {
            break;
        }
    }

    let medians_ns: Vec<_> =
        times_ns.iter_mut().filter(|times| !times.is_empty()).map(|times| median(times)).collect();
    let reached = medians_ns.len() as f64;
    let mean_ns = medians_ns.iter().sum::<f64>() / reached;
    let squares_ns2 = medians_ns.iter().map(|median| (median - mean_ns).powi(2));
    Moments { mean_ns, variance_ns2: squares_ns2.sum::<f64>() / reached }
}

/// The upper one of two.
fn median(times: &mut [f64]) -> f64 {
    let middle = times.len() / 2;
    *times.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[test]
    fn every_short_case_is_run_as_often_as_the_others() {
        let runs = RefCell::new([0_usize; 7]);
        let moments = measure(7, |case| runs.borrow_mut()[case] += 1);
        let runs = runs.into_inner();
        let (least, most) = (*runs.iter().min().unwrap(), *runs.iter().max().unwrap());
        assert!(least >= ROUNDS, "{runs:?}");
        // One run is for warming up, and the last round may be cut short.
        assert!(most - least <= 2, "{runs:?}");
        assert!(moments.mean_ns >= 0.0);
    }

    #[test]
    fn one_case_has_no_variance() {
        let runs = Cell::new(0);
        let moments = measure(1, |_| runs.set(runs.get() + 1));
        assert!(runs.get() > ROUNDS);
        assert_eq!(moments.variance_ns2, 0.0);
    }

    #[test]
    fn a_long_case_is_timed_once() {
        let runs = Cell::new(0);
        let moments = measure(3, |_| {
            runs.set(runs.get() + 1);
            std::thread::sleep(AT_MOST);
        });
        assert_eq!(runs.get(), 2);
        assert!(moments.mean_ns >= AT_MOST.as_nanos() as f64);
    }

    #[test]
    fn a_disturbed_run_does_not_count() {
        assert_eq!(median(&mut [3.0, 1.0, 1e9, 2.0, 4.0]), 3.0);
        assert_eq!(median(&mut [5.0]), 5.0);
    }
}
