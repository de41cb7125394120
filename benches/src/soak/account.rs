//! Sums over tasks.

use executor_common::sync::atomic::{AtomicU64, Ordering};
use serde::Serialize;

use super::judge::Fate;

/// What became of the tasks of one actor, or of one executor or role. Never freed: see [`Slot`](super::slot::Slot).
#[derive(Debug, Default)]
pub(super) struct Account {
    submitted: AtomicU64,
    ended: [AtomicU64; Fate::ALL.len()],
    /// Closures without a slot that workers of the executor ran, and counted.
    extra: AtomicU64,
    /// Tasks of which only the executor knows whether it ran an empty shell or cancelled them, or whether it took them.
    loose: AtomicU64,
    /// Tasks that a worker may have run in place, in a wait for them.
    in_place: AtomicU64,
}

/// An account at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sums {
    pub(super) submitted: u64,
    pub(super) ran: u64,
    pub(super) panicked: u64,
    pub(super) cancelled: u64,
    pub(super) expired: u64,
    pub(super) refused: u64,
    pub(super) unaccounted: u64,
    #[serde(skip)]
    pub(super) extra: u64,
    #[serde(skip)]
    pub(super) loose: u64,
    #[serde(skip)]
    pub(super) in_place: u64,
}

impl Account {
    // Ordering: Relaxed in all but `ended`; a sum that must be exact is read when who has written it has been joined, or after `ended` has
    // told of it.
    fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn submit(&self) {
        Self::add(&self.submitted, 1);
    }

    pub(super) fn end(&self, fate: Fate) {
        // Ordering: Release pairs with the Acquire in `sums`: who sees the last task's end sees all that was counted before it.
        self.ended[fate as usize].fetch_add(1, Ordering::Release);
    }

    pub(super) fn add_extra(&self, amount: u64) {
        Self::add(&self.extra, amount);
    }

    pub(super) fn add_loose(&self, amount: u64) {
        Self::add(&self.loose, amount);
    }

    pub(super) fn add_in_place(&self, amount: u64) {
        Self::add(&self.in_place, amount);
    }

    pub(super) fn sums(&self) -> Sums {
        // Ordering: Acquire, see `end`.
        let ended = |fate: Fate| self.ended[fate as usize].load(Ordering::Acquire);
        let mut sums = Sums {
            ran: ended(Fate::Ran),
            panicked: ended(Fate::Panicked),
            cancelled: ended(Fate::Cancelled),
            expired: ended(Fate::Expired),
            refused: ended(Fate::Refused),
            submitted: self.submitted.load(Ordering::Relaxed),
            unaccounted: 0,
            extra: self.extra.load(Ordering::Relaxed),
            loose: self.loose.load(Ordering::Relaxed),
            in_place: self.in_place.load(Ordering::Relaxed),
        };
        sums.unaccounted = sums.submitted.saturating_sub(sums.all_ended());
        sums
    }

    /// For the next executor.
    pub(super) fn reset(&self) {
        let counters = [&self.submitted, &self.extra, &self.loose, &self.in_place];
        for counter in counters.into_iter().chain(&self.ended) {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

impl Sums {
    fn all_ended(&self) -> u64 {
        self.ran + self.panicked + self.cancelled + self.expired + self.refused
    }

    /// Tasks that ended by themselves.
    pub(super) fn done(&self) -> u64 {
        self.ran + self.panicked
    }

    /// Tasks that an executor took.
    pub(super) fn accepted(&self) -> u64 {
        self.submitted - self.refused
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.submitted += other.submitted;
        self.ran += other.ran;
        self.panicked += other.panicked;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        self.refused += other.refused;
        self.unaccounted += other.unaccounted;
    }
}
