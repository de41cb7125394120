//! What is written down of one task.

use std::collections::VecDeque;

use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicU64, Ordering};

/// One task's record. Slots are never freed, so that a task that is dropped twice is noticed, and not a second fault: a token points here
/// and owns nothing.
#[derive(Debug)]
pub(super) struct Slot {
    /// The serial number of the task that has the slot, above [`Marks`].
    word: AtomicU64,
}

/// What has been seen of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u64);

impl Marks {
    const RUN: u64 = 1;
    const DROP: u64 = 1 << 8;
    /// The work came to its end.
    pub(super) const RETURNED: u64 = 1 << 16;
    /// The work is about to panic, as was planned.
    pub(super) const THROWS: u64 = 1 << 17;
    /// Nobody waits for it.
    pub(super) const DETACHED: u64 = 1 << 18;
    const SERIAL: u32 = 32;

    /// Those of a task that has run so often, has been dropped so often, and has these flags.
    #[cfg(test)]
    pub(super) fn new(runs: u64, drops: u64, flags: u64) -> Self {
        Self(runs * Self::RUN + drops * Self::DROP + flags)
    }

    /// How often it has begun.
    pub(super) fn runs(self) -> u64 {
        self.0 & 0xff
    }

    /// How often it has been dropped.
    pub(super) fn drops(self) -> u64 {
        (self.0 >> 8) & 0xff
    }

    pub(super) fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn serial(self) -> u64 {
        self.0 >> Self::SERIAL
    }
}

/// A task's share of its slot, by reference and number: copying it hides no second drop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    slot: &'static Slot,
    serial: u64,
    /// Unique in the process.
    pub(super) number: u64,
}

/// The task has done something after it was accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLate;

impl Entry {
    fn add(self, amount: u64) -> Result<Marks, TooLate> {
        // Ordering: AcqRel; whoever comes second, the task that is dropped or the submitter who lets it go, sees all that was marked.
        let before = Marks(self.slot.word.fetch_add(amount, Ordering::AcqRel));
        if before.serial() == self.serial {
            Ok(before)
        } else {
            // Ordering: as above; the one who has the slot now is to find it as it was.
            self.slot.word.fetch_sub(amount, Ordering::AcqRel);
            Err(TooLate)
        }
    }

    pub(super) fn begin(self) -> Result<Marks, TooLate> {
        self.add(Marks::RUN)
    }

    /// The task has been dropped. Returns the marks with this drop.
    pub(super) fn dropped(self) -> Result<Marks, TooLate> {
        self.add(Marks::DROP).map(|before| Marks(before.0 + Marks::DROP))
    }

    /// Sets a flag, once. Returns the marks with it.
    pub(super) fn flag(self, flag: u64) -> Result<Marks, TooLate> {
        self.add(flag).map(|before| Marks(before.0 + flag))
    }

    pub(super) fn marks(self) -> Marks {
        // Ordering: Acquire pairs with the AcqRel in `add`.
        Marks(self.slot.word.load(Ordering::Acquire))
    }
}

/// The slots, reused as late as possible, so that late drops meet a slot that is free.
#[derive(Debug, Default)]
pub(super) struct Slots {
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    slots: VecDeque<&'static Slot>,
    /// The tasks so far.
    numbers: u64,
}

/// How many slots are made at once.
const BLOCK: usize = 1024;

impl Slots {
    pub(super) fn take(&self) -> Entry {
        let mut free = self.free.lock();
        if free.slots.len() < BLOCK / 2 {
            let block: Vec<_> =
                (0..BLOCK).map(|_| Slot { word: AtomicU64::new(1 << Marks::SERIAL) }).collect();
            free.slots.extend(Vec::leak(block).iter());
        }
        let Some(slot) = free.slots.pop_front() else { unreachable!("there are {BLOCK} more") };
        free.numbers += 1;
        // Ordering: Acquire pairs with the Release in `give_back`.
        let serial = Marks(slot.word.load(Ordering::Acquire)).serial();
        Entry { slot, serial, number: free.numbers }
    }

    /// The task is accounted for: whatever it does from now on is too late.
    pub(super) fn give_back(&self, entry: Entry) {
        let next = (entry.serial + 1) & u64::from(u32::MAX);
        // Ordering: Release pairs with the Acquire in `take`.
        entry.slot.word.store(next << Marks::SERIAL, Ordering::Release);
        self.free.lock().slots.push_back(entry.slot);
    }

    /// How many tasks there have been.
    pub(super) fn taken(&self) -> u64 {
        self.free.lock().numbers
    }
}
