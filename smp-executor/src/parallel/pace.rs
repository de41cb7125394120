//! How many items lie between two looks at who asks, and whether a fork pays.
//!
//! Nobody says what an item costs, and it may be 100 ps or a second. As long as nobody asks, the first 64 items go in
//! blocks that are small beside the loop; then the clock is read after every block, and a block grows or shrinks
//! towards [`BLOCK`]. If somebody asks before anything has been measured, the next item is measured by itself: to
//! share 100 ns of work costs more than to do it, and if the others sleep, a hundred times as much. Only if there are
//! few items for the workers that could run them is half of them given away unmeasured.

use std::time::{Duration, Instant};

use executor_common::sync::now;

use crate::context;

/// How long a block should take: short for whoever waits, and long enough that a look and a reading of the
/// clock, about 30 ns, cost less than a percent.
const BLOCK: Duration = Duration::from_micros(4);

/// Half of less work than this is not worth a fork.
const WORTH: Duration = Duration::from_micros(2);

/// What the readings of the clock may take of a measured time.
const CLOCK: Duration = Duration::from_nanos(50);

/// As long as nobody asks, so many items go by before the clock is read at all: a reading costs as much as
/// dozens of the cheapest items, and many loops end before.
const UNTIMED: usize = 64;

/// While the clock is not read, a block is one part in so many of the loop, and at most so many items.
const UNTIMED_PARTS: usize = 8;
const UNTIMED_BLOCK: usize = 8;

/// The first measurement takes so many items if nobody asks, or else one.
const SAMPLE: usize = 16;

/// A block has at most so many times the items that went by before, lest a cheap stretch hides an expensive one.
const GROWTH: usize = 8;

/// The first block of a piece is at most one part in so many of it: what was measured before the fork may have been
/// cheaper.
const PIECE_PARTS: usize = 16;

/// If there are no more than so many items for each worker that could run some, then to run the first one
/// alone, so as to measure it, would take too long if it is a long one.
const FEW: usize = 4;

/// What a loop knows about its items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Items between two looks.
    block: usize,
    /// Items since the beginning.
    done: usize,
    /// When `done` reaches this, the clock is read.
    due: usize,
    /// The last reading, and how many were done then.
    begin: Option<(Instant, usize)>,
    /// What the last measured items took, and how many they were.
    cost: Option<(Duration, usize)>,
    /// False if others could have taken these items, and did not.
    wanted: bool,
}

impl Pace {
    #[inline]
    pub(super) fn new(len: usize) -> Self {
        let block = (len / UNTIMED_PARTS).clamp(1, UNTIMED_BLOCK);
        Self { block, done: 0, due: UNTIMED, begin: None, cost: None, wanted: true }
    }

    /// For one half of what is left, which has `len` items. Those that lie side by side cost about the same, but the cost
    /// may grow or shrink over the list.
    pub(super) fn after_fork(self, len: usize, wanted: bool) -> Self {
        let block = self.block.min(len / PIECE_PARTS).max(1);
        match self.cost {
            Some(_) => Self { block, done: 0, due: 0, begin: None, ..self },
            None => Self { wanted, ..Self::new(len) },
        }
    }

    /// How many items to run before the next look.
    #[inline]
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// What an item took when that was last measured, in picoseconds.
    #[cfg(feature = "paralight")]
    pub(super) fn item_ps(&self) -> Option<u64> {
        let (time, items) = self.cost?;
        Some((time.as_nanos() as u64).saturating_mul(1_000) / (items as u64).max(1))
    }

    /// Somebody asks: whether to give half of `len` items away.
    #[cold]
    #[inline(never)]
    pub(super) fn is_fork_due(&mut self, len: usize) -> bool {
        if len < 2 {
            return false;
        }
        if let Some((time, items)) = self.cost {
            return is_worth(time.saturating_sub(CLOCK), items, len);
        }
        let idle = idle_workers();
        // If nobody is idle, either somebody waits for this very work, or the question is an old one. The fork finds
        // out, and an old question is gone then.
        if self.wanted && (idle == 0 || len <= FEW * (idle + 1)) {
            return true;
        }
        if self.begin.is_none() {
            self.begin_sample(1);
        }
        false
    }

    /// Notes that so many items have been run.
    #[inline]
    pub(super) fn ran(&mut self, items: usize) {
        self.done += items;
        if self.done >= self.due {
            self.read_clock();
        }
    }

    fn begin_sample(&mut self, items: usize) {
        self.block = self.block.min(items);
        self.due = self.done + items;
        self.begin = Some((now(), self.done));
    }

    #[inline(never)]
    fn read_clock(&mut self) {
        let Some((begin, before)) = self.begin else {
            return self.begin_sample(if self.cost.is_some() { self.block } else { SAMPLE });
        };
        let now = now();
        let (time, items) = (now - begin, self.done - before);
        let fitting = BLOCK.as_nanos() * items as u128 / time.as_nanos().max(1);
        let most = self.done.saturating_mul(GROWTH);
        self.block = usize::try_from(fitting).unwrap_or(most).clamp(1, most);
        self.cost = Some((time, items));
        self.due = self.done.saturating_add(self.block);
        self.begin = Some((now, self.done));
    }
}

/// Whether `len` items are worth a fork, if so many items take so long.
fn is_worth(time: Duration, items: usize, len: usize) -> bool {
    time.as_nanos() * len as u128 >= WORTH.as_nanos() * items as u128
}

/// How many of the pool's workers have nothing to do.
fn idle_workers() -> usize {
    context::with_worker(|worker| worker.map_or(0, |worker| worker.shared().sleep.demand().idle()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GROWTH, Pace, UNTIMED, is_worth};

    #[test]
    fn a_short_loop_reads_no_clock() {
        for len in 1..=UNTIMED {
            let mut pace = Pace::new(len);
            let mut left = len;
            while left > pace.block() {
                left -= pace.block();
                pace.ran(pace.block());
                assert!(pace.begin.is_none());
            }
            assert!(pace.block() <= len.div_ceil(8), "{len} items");
        }
    }

    #[test]
    fn blocks_grow_no_faster_than_the_loop() {
        let mut pace = Pace::new(usize::MAX);
        let mut done = 0;
        // Nothing is run: the items seem to cost next to nothing.
        while done < 1_000_000 {
            let block = pace.block();
            assert!(block <= (done * GROWTH).max(8));
            done += block;
            pace.ran(block);
        }
    }

    #[test]
    fn half_of_two_microseconds_is_worth_a_fork() {
        let time = Duration::from_nanos(100);
        assert!(!is_worth(time, 10, 199));
        assert!(is_worth(time, 10, 200));
        let year = Duration::from_secs(365 * 86_400);
        assert!(is_worth(year, 1, usize::MAX), "no overflow");
    }

    #[test]
    fn what_has_been_turned_down_is_measured_first() {
        let mut pace = Pace::new(1_000);
        pace = pace.after_fork(500, false);
        assert!(pace.cost.is_none() && !pace.wanted);
        pace.cost = Some((Duration::from_micros(1), 1));
        let half = pace.after_fork(250, false);
        assert_eq!(half.cost, pace.cost, "what has been measured holds for both halves");
    }
}
