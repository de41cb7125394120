//! Computing for so long.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many steps a calibration times at once, about 100 us.
const STEPS: u64 = 100_000;

/// How often a calibration does so.
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
    /// Times the steps by the clock. The fastest of all tries counts: the others have been disturbed.
    pub fn measure() -> Self {
        Self::of(tries().min().unwrap_or_default())
    }

    /// How fast each of so many threads computes while all do, in the middle of all tries: a core is slower where its neighbours are
    /// busy, and where somebody else wants it.
    pub fn measure_busy(threads: usize) -> Self {
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..threads).map(|_| scope.spawn(|| tries().collect::<Vec<_>>())).collect();
            all.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        times.sort_unstable();
        Self::of(times.get(times.len() / 2).copied().unwrap_or_default())
    }

    fn of(time: Duration) -> Self {
        Self { steps_per_ns: STEPS as f64 / time.as_nanos().max(1) as f64 }
    }

    /// What takes `duration` where nothing disturbs it.
    pub fn work(self, duration: Duration) -> Work {
        Work { steps: (duration.as_nanos() as f64 * self.steps_per_ns).round() as u64 }
    }
}

/// How long the steps took, try by try.
fn tries() -> impl Iterator<Item = Duration> {
    (0..TRIES).map(|_| {
        let start = Instant::now();
        Work { steps: STEPS }.compute();
        start.elapsed()
    })
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
