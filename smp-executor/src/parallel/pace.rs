//! How many items lie between two looks at who is idle.

use std::time::{Duration, Instant};

/// How long a block should take: short for whoever waits, and long enough that a look and a reading of the
/// clock, together about 30 ns, cost less than a percent.
const BLOCK: Duration = Duration::from_micros(4);

/// Between two readings of the clock lie at least so many items: a reading costs as much as a good many of the
/// cheapest items.
const SAMPLE: usize = 8;

/// A block has at most so many times the items that were measured last, lest one cheap stretch hides an
/// expensive one.
const GROWTH: usize = 16;

/// Less than this part of a block is not worth a fork.
const CRUMB: usize = 8;

/// Begins with single items, and finds the block size that takes [`BLOCK`].
#[derive(Clone, Copy)]
pub(super) struct Pace {
    block: usize,
    /// Items since the last reading of the clock.
    items: usize,
    /// That reading. None before the first: a short loop over cheap items ends without any.
    begin: Option<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { block: 1, items: 0, begin: None }
    }

    /// For either half of what is left: items that lie side by side cost about the same.
    pub(super) fn after_fork(self) -> Self {
        Self { block: self.block, ..Self::new() }
    }

    /// How many items to run before the next look.
    #[inline]
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// Whether `len` items are enough for two.
    #[inline]
    pub(super) fn is_worth_a_fork(&self, len: usize) -> bool {
        len > 1 && len > self.block / CRUMB
    }

    /// Notes that so many items have been run.
    #[inline]
    pub(super) fn ran(&mut self, items: usize) {
        self.items += items;
        if self.items >= SAMPLE {
            self.measure();
        }
    }

    fn measure(&mut self) {
        let now = Instant::now();
        if let Some(begin) = self.begin {
            let elapsed = now.duration_since(begin).as_nanos().max(1);
            let fitting = self.items as u128 * BLOCK.as_nanos() / elapsed;
            let most = self.items.saturating_mul(GROWTH);
            self.block = usize::try_from(fitting).unwrap_or(most).clamp(1, most);
        }
        self.begin = Some(now);
        self.items = 0;
    }
}
