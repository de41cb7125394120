//! Computing for so long.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many steps a calibration times at once, about 100 us.
const STEPS: u64 = 100_000;

/// Of so many calibrations the fastest counts: the others have been disturbed.
const TRIES: usize = 50;

/// How fast this machine computes.
///
/// A task is so many steps, not a look at the clock until the time is over: one that is interrupted has as much left to do as
/// before.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    steps_per_ns: f64,
}

/// So much to compute.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    steps: u64,
}

impl Speed {
    /// Times the steps by the clock.
    pub fn measure() -> Self {
        let time = || {
            let start = Instant::now();
            Work { steps: STEPS }.compute();
            start.elapsed()
        };
        let shortest = (0..TRIES).map(|_| time()).min().unwrap_or_default();
        Self { steps_per_ns: STEPS as f64 / shortest.as_nanos().max(1) as f64 }
    }

    /// What takes `duration` where nothing disturbs it.
    pub fn work(self, duration: Duration) -> Work {
        Work { steps: (duration.as_nanos() as f64 * self.steps_per_ns).round() as u64 }
    }
}

impl Work {
    /// Computes.
    #[inline(never)]
    pub fn compute(self) {
        // Each step needs the one before, so that their number is what the time depends on.
        let mut state = 1_u64;
        for _ in 0..self.steps {
            state = black_box(state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_time_is_twice_the_steps() {
        let speed = Speed::measure();
        let (once, twice) =
            (speed.work(Duration::from_micros(50)), speed.work(Duration::from_micros(100)));
        assert!(once.steps > 0);
        assert!(twice.steps.abs_diff(2 * once.steps) <= 1);
    }
}
