//! When requests come: the field `arrival`.

use std::path::Path;
use std::time::Duration;

use super::fields::{Field, Table};
use super::trace::{self, MOST_REQUESTS};
use super::{Arrival, Process, Rate};

/// The most requests per second of one class.
const HIGHEST_RATE: f64 = 10e6;

/// The largest part of the machine's time that can be asked for.
const LARGEST_SHARE: f64 = 10.0;

/// The most clients of one class, and the most requests of one burst.
const MOST_AT_ONCE: usize = 1_000_000;

/// The shortest time of a factor.
const SHORTEST_STEP: Duration = Duration::from_millis(1);

/// What the fields' values are measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// For how long requests arrive.
    pub(super) time: Duration,
    /// How many workers an executor has.
    pub(super) workers: usize,
    /// Against what relative paths are resolved.
    pub(super) directory: &'a Path,
}

/// Reads the field.
pub(super) fn read(field: &Field<'_>, context: &Context<'_>) -> Option<Arrival> {
    let table = field.table()?;
    // Beside `bursts`, `every` is how often they come.
    let kinds: &[&'static str] = if table.get("bursts").is_some() {
        &["closed", "regular", "poisson", "bursts", "trace"]
    } else {
        &["closed", "regular", "every", "poisson", "bursts", "trace"]
    };
    let (kind, value) = table.one_of(kinds)?;
    let arrival = match kind {
        "closed" => closed(&value, context),
        "trace" => traced(&value, context),
        "bursts" => bursts(&table, &value, context),
        "poisson" => open(&table, Process::Poisson, &value, rate(&value), context),
        _ => open(&table, Process::Regular, &value, rate_or_distance(kind, &value), context),
    };
    table.end();
    arrival
}

fn closed(clients: &Field<'_>, context: &Context<'_>) -> Option<Arrival> {
    let Some(text) = clients.as_text() else {
        return Some(Arrival::Closed { clients: clients.count(MOST_AT_ONCE)? });
    };
    let each = text.trim().strip_suffix("per core").and_then(|each| each.trim().parse().ok());
    match each.map(|each: usize| each.saturating_mul(context.workers)) {
        Some(clients @ 1..=MOST_AT_ONCE) => Some(Arrival::Closed { clients }),
        Some(number) => clients.refuse(format!("{number} is not from 1 to {MOST_AT_ONCE}")),
        None => clients.refuse(format!("{text:?} is no number of clients such as \"4 per core\"")),
    }
}

fn traced(file: &Field<'_>, context: &Context<'_>) -> Option<Arrival> {
    let path = context.directory.join(file.text()?);
    match trace::read(&path, context.time) {
        Ok(times) => Some(Arrival::Trace { file: path, times }),
        Err(reason) => file.refuse(reason),
    }
}

fn bursts(table: &Table<'_>, size: &Field<'_>, context: &Context<'_>) -> Option<Arrival> {
    let count = size.count(MOST_AT_ONCE);
    let (kind, often) = table.one_of(&["every", "rate"])?;
    let rate = rate_or_distance(kind, &often);
    let size = count?;
    let rate = match rate {
        Some(Rate::PerSecond(bursts)) if kind == "every" => {
            Some(Rate::PerSecond(bursts * size as f64))
        }
        other => other,
    };
    open(table, Process::Bursts { size }, &often, rate, context)
}

/// A rate, or the time from one to the next.
fn rate_or_distance(kind: &str, field: &Field<'_>) -> Option<Rate> {
    if kind == "every" {
        Some(Rate::PerSecond(1.0 / field.time()?.as_secs_f64()))
    } else {
        rate(field)
    }
}

fn rate(field: &Field<'_>) -> Option<Rate> {
    match field.percentage() {
        Some(share) => match share? {
            share if share > 0.0 && share <= LARGEST_SHARE => Some(Rate::Share(share)),
            share => field.refuse(format!(
                "a share of {}% is not above 0 and at most {}%",
                share * 100.0,
                LARGEST_SHARE * 100.0
            )),
        },
        None => match field.as_number() {
            Some(rate) if rate > 0.0 => Some(Rate::PerSecond(rate)),
            Some(rate) => field.refuse(format!("a rate of {rate} is none; it must be above 0")),
            None => field.unexpected("requests per second, or a share such as \"30%\""),
        },
    }
}

/// What all open arrivals have.
fn open(
    table: &Table<'_>,
    process: Process,
    given: &Field<'_>,
    rate: Option<Rate>,
    context: &Context<'_>,
) -> Option<Arrival> {
    let (factors, step) = factors(table, context)?;
    let rate = rate?;
    if let Rate::PerSecond(rate) = rate
        && let Err(reason) = check_rate(rate, &factors, process, context.time)
    {
        return given.refuse(reason);
    }
    Some(Arrival::Open { process, rate, factors, step })
}

fn factors(table: &Table<'_>, context: &Context<'_>) -> Option<(Vec<f64>, Duration)> {
    let (factors, step) = match (table.get("factors"), table.get("step")) {
        (None, None) => return Some((Vec::new(), Duration::ZERO)),
        (Some(factors), Some(step)) => (factors, step),
        (Some(one), None) => return one.refuse("`factors` needs a `step`: how long each lasts"),
        (None, Some(one)) => return one.refuse("`step` is of no use without `factors`"),
    };
    let duration = step.time();
    let elements = factors.elements()?;
    let mut values = Vec::new();
    for element in &elements {
        match element.number()? {
            factor if (0.0..=1000.0).contains(&factor) => values.push(factor),
            factor => return element.refuse(format!("a factor of {factor} is not from 0 to 1000")),
        }
    }
    if values.iter().sum::<f64>() == 0.0 {
        return factors.refuse("at least one factor must be above 0");
    }
    let duration = duration?;
    if duration < SHORTEST_STEP {
        return step.refuse(format!("a step is at least {SHORTEST_STEP:?} long"));
    }
    let before_last = duration.as_secs_f64() * (values.len() - 1) as f64;
    if before_last >= context.time.as_secs_f64() {
        let time = context.time;
        return step.refuse(format!("the run ends after {time:?}, before the last factor's turn"));
    }
    Some((values, duration))
}

/// Refuses what no machine can do, and what would not come in the run's time.
///
/// # Errors
///
/// In words.
pub(super) fn check_rate(
    rate: f64,
    factors: &[f64],
    process: Process,
    time: Duration,
) -> Result<(), String> {
    let (mean, highest) = if factors.is_empty() {
        (1.0, 1.0)
    } else {
        let sum: f64 = factors.iter().sum();
        (sum / factors.len() as f64, factors.iter().copied().fold(0.0, f64::max))
    };
    let peak = rate * highest;
    if peak > HIGHEST_RATE {
        return Err(format!(
            "{peak:.0} requests per second are more than {HIGHEST_RATE:.0}, which no machine can do"
        ));
    }
    let requests = rate * mean * time.as_secs_f64();
    let (least, one) = match process {
        Process::Bursts { size } => (size as f64, "burst"),
        Process::Regular | Process::Poisson => (1.0, "request"),
    };
    // What is written as a whole number of periods is one.
    if requests < least * (1.0 - 1e-9) {
        return Err(format!("that makes less than one {one} in {time:?}"));
    }
    if requests > MOST_REQUESTS as f64 {
        return Err(format!(
            "that makes {requests:.0} requests in {time:?}, and there can be {MOST_REQUESTS}"
        ));
    }
    Ok(())
}
