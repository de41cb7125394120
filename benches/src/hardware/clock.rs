//! What time is read from, and what that costs.

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::text;
use crate::rounds::Spread;

/// How often the clock is read without a pause, and how often that is repeated: a millisecond in all, or ten where every reading
/// enters the kernel.
const READINGS: u32 = 500;
const REPETITIONS: usize = 21;

/// The clock that all times are taken with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clock {
    /// What the kernel counts time by, where it tells.
    pub source: Option<String>,
    /// What one reading takes: the median of several measurements.
    pub reading_ns: f64,
    /// The smallest difference between two readings that differ. Nothing where no two did.
    pub step_ns: Option<u64>,
}

impl Clock {
    /// Measures it. `root` takes the place of the root directory.
    pub(super) fn read(root: &Path) -> Self {
        let source = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        let readings = (0..REPETITIONS).map(|_| {
            let start = Instant::now();
            for _ in 0..READINGS {
                black_box(Instant::now());
            }
            start.elapsed().as_nanos() as f64 / f64::from(READINGS)
        });
        Self {
            source: text(root, source),
            reading_ns: Spread::of(readings).map_or(0.0, |spread| spread.median),
            step_ns: smallest_step((0..READINGS).map(|_| Instant::now())),
        }
    }
}

fn smallest_step(readings: impl Iterator<Item = Instant>) -> Option<u64> {
    let readings: Vec<_> = readings.collect();
    let steps = readings.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_nanos() as u64);
    steps.filter(|step| *step > 0).min()
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.as_deref().unwrap_or("unknown source");
        write!(f, "{source}; a reading takes {:.0} ns", self.reading_ns)?;
        match self.step_ns {
            Some(step) => write!(f, ", smallest step {step} ns"),
            None => f.write_str(", too coarse to see a step"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_smallest_step_is_not_that_of_equal_readings() {
        let start = Instant::now();
        let readings = |nanoseconds: &[u64]| {
            smallest_step(nanoseconds.iter().map(|ns| start + Duration::from_nanos(*ns)))
        };
        assert_eq!(readings(&[5, 5, 35, 45, 45, 90]), Some(10));
        assert_eq!(readings(&[5, 5]), None);
        assert_eq!(readings(&[]), None);
    }

    #[test]
    fn this_clock_can_be_read() {
        let clock = Clock::read(Path::new("/nowhere"));
        assert!(clock.reading_ns > 0.0 && clock.reading_ns < 1e6, "{clock:?}");
        assert!(clock.to_string().starts_with("unknown source; a reading takes"), "{clock}");
    }
}
