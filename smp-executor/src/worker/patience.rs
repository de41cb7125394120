//! How long a worker looks for work before it lies down.

use std::cell::Cell;
use std::time::Duration;

use executor_common::sync::MODEL;

/// A search of this length, about 8 us, costs a little less than it costs the waker to wake this worker, and pays for itself if work comes
/// meanwhile.
const USUAL_ROUNDS: u32 = if MODEL { 1 } else { 40 };

/// About a microsecond: enough to see what comes just behind the last task.
const MIN_ROUNDS: u32 = if MODEL { 1 } else { 4 };

/// About 400 us. So long beside a worker that has something for others all the time, and then runs it itself: to be woken for
/// that costs the other one more than to be watched.
const MAX_ROUNDS: u32 = if MODEL { 1 } else { 2048 };

/// A sleep that ended within this time, the time of the wake-up included, would better have been a search.
const SHORT_SLEEP: Duration = Duration::from_micros(100);

/// A number of rounds, learnt from how long this worker has slept the last times: spinning is cheap where work comes at short
/// intervals, and a waste where it comes now and then (competitive spinning; Karlin, Li, Manasse and Owicki, 1991).
pub(super) struct Patience {
    rounds: Cell<u32>,
    /// Rounds in any case at most.
    limit: u32,
}

impl Patience {
    /// For a worker that waits in a reactor, or for one that does not: the reactor's events come while it sleeps, and not while it searches.
    pub(super) fn new(has_reactor: bool) -> Self {
        let limit = if has_reactor { MIN_ROUNDS } else { MAX_ROUNDS };
        Self { rounds: Cell::new(USUAL_ROUNDS), limit }
    }

    /// Rounds before the worker lies down. Beside somebody who works something may come at any time, and what is private takes some
    /// microseconds to get; where nobody works it can only come from outside.
    pub(super) fn rounds(&self, is_beside_work: bool) -> u32 {
        let learnt = self.rounds.get();
        let rounds =
            if is_beside_work { learnt.max(USUAL_ROUNDS) } else { learnt.min(USUAL_ROUNDS) };
        rounds.min(self.limit)
    }

    /// The worker has slept for so long.
    pub(super) fn note_sleep(&self, slept: Duration) {
        if slept < SHORT_SLEEP {
            self.rounds.set((self.rounds.get() * 2).min(MAX_ROUNDS));
        } else {
            self.rounds.set((self.rounds.get() / 2).max(MIN_ROUNDS));
        }
    }

    /// The worker has found something after it had waited.
    pub(super) fn note_find(&self) {
        let rounds = self.rounds.get();
        self.rounds.set((rounds * 2).min(USUAL_ROUNDS).max(rounds));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn long_sleeps_shorten_the_search_and_short_ones_lengthen_it() {
        let patience = Patience::new(false);
        for _ in 0..10 {
            patience.note_sleep(Duration::from_millis(1));
        }
        assert_eq!((patience.rounds(false), patience.rounds(true)), (MIN_ROUNDS, USUAL_ROUNDS));
        for _ in 0..10 {
            patience.note_find();
        }
        assert_eq!(patience.rounds(true), patience.rounds(false));
        for _ in 0..10 {
            patience.note_sleep(Duration::from_micros(50));
        }
        assert_eq!((patience.rounds(false), patience.rounds(true)), (USUAL_ROUNDS, MAX_ROUNDS));
    }

    #[test]
    fn who_waits_in_a_reactor_has_none() {
        let patience = Patience::new(true);
        assert_eq!((patience.rounds(false), patience.rounds(true)), (MIN_ROUNDS, MIN_ROUNDS));
    }
}
