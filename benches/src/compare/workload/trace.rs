//! Files of timestamps.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

/// The most requests of a workload.
pub(super) const MOST_REQUESTS: usize = 20_000_000;

/// Reads a trace: a time after the start in seconds on each line, in ascending order. Empty lines, and what follows a `#`, do not
/// count. At least one is below `end`.
///
/// # Errors
///
/// In words, with the trace's own line where it is about one.
pub(super) fn read(path: &Path, end: Duration) -> Result<Vec<Duration>, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("{shown} cannot be read: {error}");
    let file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is no file"));
    }
    let mut times: Vec<Duration> = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let wrong = |reason: String| format!("{shown}:{}: {reason}", index + 1);
        let line = line.map_err(|error| wrong(error.to_string()))?;
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let seconds: f64 = text
            .parse()
            .map_err(|_| wrong(format!("{text:?} is no number of seconds after the start")))?;
        let time = Duration::try_from_secs_f64(seconds)
            .map_err(|_| wrong(format!("{text} is no time after the start")))?;
        if times.last().is_some_and(|last| time < *last) {
            return Err(wrong(format!("{text} comes after a later time; times must ascend")));
        }
        if times.len() == MOST_REQUESTS {
            return Err(wrong(format!("there are more than {MOST_REQUESTS} requests")));
        }
        times.push(time);
    }
    match times.first() {
        None => Err(format!("{shown} has no timestamps")),
        Some(first) if *first >= end => Err(format!(
            "the first request in {shown} is at {first:?}, and the run ends after {end:?}"
        )),
        Some(_) => Ok(times),
    }
}
