//! When requests come.
//!
//! Open arrivals are made at a rate of one per unit of time, and that time is then stretched: where the rate is 1,000 per second,
//! a unit lasts a millisecond. So rates that vary mean the same for all processes.

use std::time::Duration;

use indicatif::HumanCount;
use rand::{RngExt, SeedableRng};
use rand_distr::Exp1;
use rand_pcg::Pcg64Mcg;

use super::workload::{Arrival, Process, Rate};

/// The instants of all requests of a class after the start, in ascending order, all below `time`. Nothing for closed loops.
///
/// `full` is how many requests per second [`Rate::Share`] of 1 stands for. `scale` multiplies the rate; a trace runs so much
/// faster. The same arguments give the same instants.
///
/// # Panics
///
/// The rate that follows is infinite or no number.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use benches::compare::arrival;
/// use benches::compare::workload::{Arrival, Process, Rate};
///
/// let ticks = Arrival::Open {
///     process: Process::Regular,
///     rate: Rate::PerSecond(1000.0),
///     factors: vec![1.0, 2.0],
///     step: Duration::from_millis(1),
/// };
/// let instants = arrival::instants(&ticks, 0.0, 1.0, Duration::from_millis(3), 1);
/// assert_eq!(instants, [0, 1000, 1500, 2000].map(Duration::from_micros));
/// ```
pub fn instants(
    arrival: &Arrival,
    full: f64,
    scale: f64,
    time: Duration,
    seed: u64,
) -> Vec<Duration> {
    match arrival {
        Arrival::Closed { .. } => Vec::new(),
        Arrival::Trace { times, .. } => faster(times, scale, time).collect(),
        Arrival::Open { process, rate, factors, step } => {
            let rate = per_second(*rate, full) * scale;
            let units = units(*process, seed);
            stretched(units, &Steps { rate, factors, step: *step }, time)
        }
    }
}

/// How many requests come per second on average until `time`. None for closed loops.
///
/// # Panics
///
/// As [`instants`].
pub fn mean_rate(arrival: &Arrival, full: f64, scale: f64, time: Duration) -> f64 {
    match arrival {
        Arrival::Closed { .. } => 0.0,
        Arrival::Trace { times, .. } => {
            faster(times, scale, time).count() as f64 / time.as_secs_f64()
        }
        Arrival::Open { rate, factors, step, .. } => {
            let steps = Steps { rate: per_second(*rate, full) * scale, factors, step: *step };
            let requests: f64 = steps.until(time).map(|step| step.requests()).sum();
            requests / time.as_secs_f64()
        }
    }
}

/// For people: `Poisson, 2,000 per second`, `every 1ms`, `closed, 64 clients`. `full` is as for [`instants`].
pub fn describe(arrival: &Arrival, full: f64) -> String {
    match arrival {
        Arrival::Closed { clients } => match clients {
            1 => "closed, 1 client".to_owned(),
            _ => format!("closed, {} clients", HumanCount(*clients as u64)),
        },
        Arrival::Trace { file, times } => {
            format!("trace {}, {} requests", file.display(), HumanCount(times.len() as u64))
        }
        Arrival::Open { process, rate, factors, step } => {
            let rate = match rate {
                Rate::PerSecond(_) => rate_in_words(*process, per_second(*rate, full)),
                Rate::Share(share) => format!(
                    "{} ({} of capacity)",
                    rate_in_words(*process, per_second(*rate, full)),
                    percent(*share),
                ),
            };
            if factors.is_empty() {
                return rate;
            }
            let factors: Vec<_> = factors.iter().map(|factor| format!("{factor}")).collect();
            let step = humantime::format_duration(*step);
            format!("{rate}, times {} for {step} each", factors.join(", "))
        }
    }
}

/// How a process follows the time, and its rate.
fn rate_in_words(process: Process, rate: f64) -> String {
    let (name, at_once) = match process {
        Process::Poisson => return format!("Poisson, {} per second", count(rate)),
        Process::Regular => ("regular".to_owned(), 1),
        Process::Bursts { size } => (format!("{} at once", HumanCount(size as u64)), size),
    };
    // A period is easier to grasp than a rate, but only where it is a round one.
    let period_us = at_once as f64 * 1e6 / rate;
    let rounded = period_us.round();
    if rounded < 1.0 || (period_us - rounded).abs() > 1e-6 * rounded {
        return format!("{name}, {} per second", count(rate));
    }
    let every = humantime::format_duration(Duration::from_micros(rounded as u64));
    match process {
        Process::Regular => format!("every {every}"),
        _ => format!("{name}, every {every}"),
    }
}

/// Of a rate: whole numbers from 100 on, otherwise with two decimal places where they say something.
fn count(rate: f64) -> String {
    if rate >= 100.0 {
        return HumanCount(rate.round() as u64).to_string();
    }
    let text = format!("{rate:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(share: f64) -> String {
    format!("{} %", count(share * 100.0))
}

/// Requests per second.
fn per_second(rate: Rate, full: f64) -> f64 {
    match rate {
        Rate::PerSecond(rate) => rate,
        Rate::Share(share) => share * full,
    }
}

/// The times of a trace, at so much the speed.
fn faster(
    times: &[Duration],
    scale: f64,
    time: Duration,
) -> impl Iterator<Item = Duration> + use<'_> {
    times
        .iter()
        .map(move |instant| nanos(instant.as_nanos() as f64 / scale))
        .take_while(move |instant| *instant < time)
}

/// Saturates, where the constructors of `Duration` from floats panic.
fn nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

/// Arrivals without end at a mean rate of one per unit.
fn units(process: Process, seed: u64) -> Box<dyn Iterator<Item = f64>> {
    match process {
        Process::Regular => Box::new((0_u64..).map(|request| request as f64)),
        Process::Bursts { size } => {
            let size = size.max(1) as u64;
            Box::new((0_u64..).map(move |request| (request - request % size) as f64))
        }
        Process::Poisson => {
            let gaps = Pcg64Mcg::seed_from_u64(seed).sample_iter(Exp1);
            Box::new(gaps.scan(0.0, |now, gap: f64| {
                *now += gap;
                Some(*now)
            }))
        }
    }
}

/// A rate that varies in steps, and begins again when all have been.
#[derive(Clone, Copy, Debug)]
struct Steps<'a> {
    /// Per second, to be multiplied by the factors.
    rate: f64,
    factors: &'a [f64],
    step: Duration,
}

/// A part of the time in which the rate is the same.
#[derive(Clone, Copy, Debug)]
struct Step {
    start_ns: f64,
    length_ns: f64,
    per_ns: f64,
}

impl Steps<'_> {
    /// The steps that begin before `time`; the last one ends then.
    fn until(self, time: Duration) -> impl Iterator<Item = Step> {
        assert!(self.rate.is_finite(), "a rate of {} per second", self.rate);
        let time_ns = time.as_nanos() as f64;
        let (factors, step_ns) = if self.factors.is_empty() || self.step.is_zero() {
            (&[1.0][..], time_ns)
        } else {
            (self.factors, self.step.as_nanos() as f64)
        };
        let per_ns = self.rate / 1e9;
        factors.iter().cycle().enumerate().map_while(move |(index, factor)| {
            let start_ns = index as f64 * step_ns;
            let length_ns = step_ns.min(time_ns - start_ns);
            (start_ns < time_ns).then_some(Step { start_ns, length_ns, per_ns: per_ns * factor })
        })
    }
}

impl Step {
    /// How many are to be expected.
    fn requests(&self) -> f64 {
        self.per_ns * self.length_ns
    }
}

/// The instants at which `units` happen where a unit is as long as the rate says.
fn stretched(units: impl Iterator<Item = f64>, steps: &Steps<'_>, time: Duration) -> Vec<Duration> {
    let mut units = units.peekable();
    let mut instants = Vec::new();
    let mut before = 0.0;
    for step in steps.until(time) {
        let after = before + step.requests();
        while let Some(unit) = units.next_if(|unit| *unit < after) {
            instants.push(nanos(step.start_ns + (unit - before) / step.per_ns));
        }
        before = after;
    }
    // Rounded to nanoseconds, the last ones may be at the end.
    instants.truncate(instants.partition_point(|instant| *instant < time));
    instants
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(process: Process, rate: f64) -> Arrival {
        varying(process, rate, &[], Duration::ZERO)
    }

    fn varying(process: Process, rate: f64, factors: &[f64], step: Duration) -> Arrival {
        Arrival::Open { process, rate: Rate::PerSecond(rate), factors: factors.to_vec(), step }
    }

    fn trace(times_ms: &[u64]) -> Arrival {
        let times = times_ms.iter().copied().map(Duration::from_millis).collect();
        Arrival::Trace { file: "requests.txt".into(), times }
    }

    /// Instants that nothing but the arrival and the time decides.
    fn plain(arrival: &Arrival, time: Duration) -> Vec<Duration> {
        let instants = instants(arrival, 0.0, 1.0, time, 1);
        assert!(instants.is_sorted());
        assert!(instants.iter().all(|instant| *instant < time));
        instants
    }

    fn by_step(instants: &[Duration], step: Duration, steps: u32) -> Vec<usize> {
        let in_step = |index| {
            instants.iter().filter(|at| (step * index..step * (index + 1)).contains(*at)).count()
        };
        (0..steps).map(in_step).collect()
    }

    #[test]
    fn closed_loops_have_no_instants() {
        let closed = Arrival::Closed { clients: 3 };
        assert_eq!(plain(&closed, SECOND), []);
        assert_eq!(mean_rate(&closed, 100.0, 1.0, SECOND), 0.0);
    }

    #[test]
    fn regular_requests_are_as_many_as_asked_for() {
        for (rate, seconds, count) in [
            (1000.0, 2, 2000),
            (3.0, 7, 21),
            (49.0, 1, 49),
            (0.7, 10, 7),
            (1.1, 10, 11),
            (0.1, 30, 3),
            (1e6, 1, 1_000_000),
            (0.01, 1, 1),
        ] {
            let instants = plain(&open(Process::Regular, rate), SECOND * seconds);
            assert_eq!(instants.len(), count, "{rate} per second for {seconds} s");
        }
        let every_10_ms = plain(&open(Process::Regular, 100.0), SECOND);
        let expected: Vec<_> = (0..100).map(|tick| Duration::from_millis(10 * tick)).collect();
        assert_eq!(every_10_ms, expected);
    }

    #[test]
    fn poisson_requests_have_their_rate_and_exponential_distances() {
        for seed in 0..20 {
            let instants = instants(&open(Process::Poisson, 10_000.0), 0.0, 1.0, 10 * SECOND, seed);
            assert!(instants.is_sorted());
            let (count, expected) = (instants.len() as f64, 100_000_f64);
            assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{count} with seed {seed}");

            let gaps: Vec<_> =
                instants.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance =
                gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            let dispersion = variance.sqrt() / mean;
            assert!((dispersion - 1.0).abs() < 0.02, "{dispersion} with seed {seed}");
            let below_mean = gaps.iter().filter(|gap| **gap < mean).count() as f64 / count;
            assert!((below_mean - 0.632).abs() < 0.01, "{below_mean} with seed {seed}");
        }
    }

    #[test]
    fn bursts_come_at_once_and_as_often_as_the_rate_of_requests_says() {
        let bursts = plain(&open(Process::Bursts { size: 32 }, 640.0), SECOND);
        let expected: Vec<_> = (0..20)
            .flat_map(|burst| std::iter::repeat_n(Duration::from_millis(50 * burst), 32))
            .collect();
        assert_eq!(bursts, expected);
    }

    #[test]
    fn factors_multiply_the_rate_in_their_steps() {
        let (factors, step) = ([1.0, 0.0, 2.5], Duration::from_millis(100));
        let time = Duration::from_millis(650);
        let rate = 100_000.0;
        let expected = [10_000, 0, 25_000, 10_000, 0, 25_000, 5_000];
        for process in [Process::Regular, Process::Poisson, Process::Bursts { size: 10 }] {
            let arrival = varying(process, rate, &factors, step);
            let by_step = by_step(&plain(&arrival, time), step, 7);
            let tolerated = |expected: usize| match process {
                Process::Regular => 1.0,
                Process::Poisson => 5.0 * (expected as f64).sqrt(),
                Process::Bursts { size } => size as f64,
            };
            for (count, expected) in by_step.iter().zip(expected) {
                assert!(count.abs_diff(expected) as f64 <= tolerated(expected), "{by_step:?}");
            }
            assert_eq!(by_step[1], 0);
        }
        let arrival = varying(Process::Regular, rate, &factors, step);
        let requests = mean_rate(&arrival, 0.0, 1.0, time) * time.as_secs_f64();
        assert!((requests - 75_000.0).abs() < 1e-3, "{requests}");
    }

    #[test]
    fn a_time_without_any_rate_has_no_requests() {
        let never = varying(Process::Poisson, 1000.0, &[0.0, 0.0], Duration::from_millis(10));
        assert_eq!(plain(&never, SECOND), []);
        assert_eq!(mean_rate(&never, 0.0, 1.0, SECOND), 0.0);
        assert_eq!(plain(&open(Process::Regular, 0.0), SECOND), []);
    }

    #[test]
    fn a_scale_multiplies_the_rate() {
        let half_full = Arrival::Open {
            process: Process::Regular,
            rate: Rate::Share(0.5),
            factors: Vec::new(),
            step: Duration::ZERO,
        };
        assert_eq!(instants(&half_full, 2000.0, 1.0, SECOND, 1).len(), 1000);
        assert_eq!(instants(&half_full, 2000.0, 0.2, SECOND, 1).len(), 200);
        assert_eq!(mean_rate(&half_full, 2000.0, 1.2, SECOND), 1200.0);
    }

    #[test]
    fn a_scale_moves_the_same_poisson_requests_closer() {
        let poisson = open(Process::Poisson, 1000.0);
        let slow = instants(&poisson, 0.0, 1.0, SECOND, 7);
        let fast = instants(&poisson, 0.0, 2.0, SECOND, 7);
        assert!(fast.len() > slow.len());
        for (slow, fast) in slow.iter().zip(&fast) {
            assert!(slow.abs_diff(*fast * 2) < Duration::from_nanos(3), "{slow:?} {fast:?}");
        }
    }

    #[test]
    fn a_trace_is_as_it_is() {
        let trace = trace(&[0, 1, 1, 7, 999, 1000, 1500]);
        let expected = [0, 1, 1, 7, 999].map(Duration::from_millis);
        assert_eq!(plain(&trace, SECOND), expected);
        assert_eq!(mean_rate(&trace, 0.0, 1.0, SECOND), 5.0);
    }

    #[test]
    fn a_scale_makes_a_trace_faster() {
        let trace = trace(&[0, 1, 1, 7, 999, 1000, 1500, 2000]);
        let twice = instants(&trace, 0.0, 2.0, SECOND, 1);
        let expected = [0, 500, 500, 3500, 499_500, 500_000, 750_000].map(Duration::from_micros);
        assert_eq!(twice, expected);
        assert_eq!(mean_rate(&trace, 0.0, 2.0, SECOND), 7.0);
    }

    #[test]
    fn the_same_seed_gives_the_same_requests() {
        let poisson = open(Process::Poisson, 1000.0);
        let of_seed = |seed| instants(&poisson, 0.0, 1.0, SECOND, seed);
        assert_eq!(of_seed(1), of_seed(1));
        assert_ne!(of_seed(1), of_seed(2));
        // A longer time only adds requests.
        let longer = instants(&poisson, 0.0, 1.0, 2 * SECOND, 1);
        assert!(longer.starts_with(&of_seed(1)));
    }

    #[test]
    #[should_panic(expected = "a rate of inf per second")]
    fn an_infinite_rate_is_refused() {
        instants(&open(Process::Poisson, f64::INFINITY), 0.0, 1.0, SECOND, 1);
    }

    #[test]
    fn descriptions_are_short() {
        let step = Duration::from_millis(500);
        let share = Arrival::Open {
            process: Process::Poisson,
            rate: Rate::Share(0.625),
            factors: vec![0.5, 1.0, 2.0],
            step,
        };
        for (arrival, description) in [
            (Arrival::Closed { clients: 1 }, "closed, 1 client"),
            (Arrival::Closed { clients: 6400 }, "closed, 6,400 clients"),
            (open(Process::Poisson, 2000.0), "Poisson, 2,000 per second"),
            (open(Process::Poisson, 0.25), "Poisson, 0.25 per second"),
            (open(Process::Poisson, 60.0), "Poisson, 60 per second"),
            (open(Process::Regular, 1000.0), "every 1ms"),
            (open(Process::Regular, 0.5), "every 2s"),
            (open(Process::Regular, 60.0), "regular, 60 per second"),
            (open(Process::Regular, 3e6), "regular, 3,000,000 per second"),
            (open(Process::Bursts { size: 32 }, 640.0), "32 at once, every 50ms"),
            (open(Process::Bursts { size: 2 }, 60.0), "2 at once, 60 per second"),
            (
                varying(Process::Regular, 1000.0, &[1.0, 2.0], step),
                "every 1ms, times 1, 2 for 500ms each",
            ),
            (share, "Poisson, 500 per second (62.5 % of capacity), times 0.5, 1, 2 for 500ms each"),
            (trace(&[1, 2]), "trace requests.txt, 2 requests"),
        ] {
            assert_eq!(describe(&arrival, 800.0), description);
        }
    }
}
