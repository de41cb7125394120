//! How long a worker looks for work before it lies down.

use std::cell::Cell;
use std::time::Duration;

use executor_common::sync::LOOM;

/// A search of this length, about 8 us, costs a little less than it costs the waker to wake this worker, and pays for itself if work comes
/// meanwhile.
pub(super) const MAX_ROUNDS: u32 = if LOOM { 1 } else { 40 };

/// About a microsecond: enough to see what comes just behind the last task.
const MIN_ROUNDS: u32 = if LOOM { 1 } else { 4 };

/// A sleep that ended within this time, the time of the wake-up included, would better have been a search.
const SHORT_SLEEP: Duration = Duration::from_micros(100);

/// A number of rounds, learnt from how long this worker has slept the last times: spinning is cheap where work comes at short
/// intervals, and a waste where it comes now and then (competitive spinning; Karlin, Li, Manasse and Owicki, 1991).
pub(super) struct Patience(Cell<u32>);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Cell::new(MAX_ROUNDS))
    }

    /// Rounds before it lies down.
    pub(super) fn rounds(&self) -> u32 {
        self.0.get()
    }

    /// The worker has slept for so long.
    pub(super) fn note_sleep(&self, slept: Duration) {
        if slept < SHORT_SLEEP {
            self.note_find();
        } else {
            self.0.set((self.0.get() / 2).max(MIN_ROUNDS));
        }
    }

    /// The worker has found something after it had waited, or has slept too briefly.
    pub(super) fn note_find(&self) {
        self.0.set((self.0.get() * 2).min(MAX_ROUNDS));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn long_sleeps_shorten_the_search_and_short_ones_lengthen_it() {
        let patience = Patience::new();
        for _ in 0..10 {
            patience.note_sleep(Duration::from_millis(1));
        }
        assert_eq!(patience.rounds(), MIN_ROUNDS);
        for _ in 0..10 {
            patience.note_sleep(Duration::from_micros(50));
        }
        assert_eq!(patience.rounds(), MAX_ROUNDS);
        patience.note_find();
        assert_eq!(patience.rounds(), MAX_ROUNDS);
    }
}
