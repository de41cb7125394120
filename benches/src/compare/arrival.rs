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
mod tests;
