//! A bounded queue for many producers and many consumers, without a lock.
//!
//! The algorithm is Dmitry Vyukov's bounded MPMC queue, with positions that carry a lap, as in the array
//! flavour of crossbeam-channel, so that the capacity is exact and need not be a power of two.
//!
//! # Positions and stamps
//!
//! `head` and `tail` are *positions*: an index into the slots in the low bits, and the number of the lap above
//! them. Between index and lap `tail` has one more bit, the **mark**: it is set by [`Ring::close`] and never
//! cleared. Positions grow; each names one push and one pop for ever.
//!
//! Each slot has a *stamp* that says what may happen to it next:
//!
//! | stamp | the slot is | who may touch its cell |
//! |---|---|---|
//! | `p` | free for the push at position `p` | the producer that moves `tail` from `p` on |
//! | `p + 1` | full since the push at position `p` | the consumer that moves `head` from `p` on |
//!
//! A producer *claims* position `p` by moving `tail`, writes the cell, and *publishes* by storing the stamp
//! `p + 1`. A consumer claims `p` by moving `head`, reads the cell, and *releases* the slot by storing the stamp
//! of the same index one lap later. Each claim is one compare-exchange, so that each position has one producer
//! and one consumer, and between a claim and the stamp that follows it the cell is the claimant's alone.
//!
//! # What holds
//!
//! * Pushes of one producer are popped in their order; so are all pushes that follow one another in time.
//! * At most `capacity` positions are claimed and not released.
//! * `close` and push change the same word, so that they have an order: after `close` has returned, no push
//!   succeeds.
//! * [`Ring::is_drained`] means that every push that ever succeeded has been claimed by a pop, and that no other will
//!   succeed.
//! * A consumer that finds nothing has read nothing but `head` and a stamp: it does not take the line of `tail` away from
//!   the producers by spinning.
//!
//! # Nobody waits for a peer
//!
//! A producer can be interrupted between claim and publication, a consumer between claim and release. Others do
//! not spin meanwhile. A pop that finds the oldest position unpublished reports nothing, and a push that
//! finds its slot unreleased reports [`PushError::Full`], as if the other one had not begun (had not ended). Who goes
//! to sleep on such an answer is woken all the same: publication and release are followed by a fence and a
//! look for sleepers (`sleepers.rs`, `executor_common::WaitQueue`), and whoever is not seen in the ring has
//! that look still before it.

use std::fmt;
use std::mem::MaybeUninit;

use crossbeam_utils::CachePadded;
use executor_common::panic::AbortOnUnwind;
use executor_common::sync::UnsafeCell;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

/// The queue. See the module documentation for its contract.
pub struct Ring<T> {
    head: CachePadded<AtomicUsize>,
    tail: CachePadded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    /// The bit of `tail` that says closed. Indices are below it.
    mark: usize,
}

struct Slot<T> {
    stamp: AtomicUsize,
    /// Initialised while the stamp says full, and guarded by the stamp; see the module documentation.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: a value moves from the thread that pushes it to the one that pops it, hence `T: Send`. Cells are
// guarded by their stamps, the rest is atomic.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as for `Send`. No reference to a `T` is ever handed out, so that `T: Sync` is not needed.
unsafe impl<T: Send> Sync for Ring<T> {}

/// Why a push was refused. What was to be pushed comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum PushError<S> {
    /// No room.
    Full(S),
    /// The ring has been closed.
    Closed(S),
}

impl<T> Ring<T> {
    /// An empty ring.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a ring without room");
        let slots = (0..capacity)
            .map(|index| Slot {
                stamp: AtomicUsize::new(index),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            })
            .collect();
        Self {
            head: CachePadded::new(AtomicUsize::new(0)),
            tail: CachePadded::new(AtomicUsize::new(0)),
            slots,
            // `+ 1`: a stamp of the last index plus one must not look like the next position.
            mark: (capacity + 1).next_power_of_two(),
        }
    }

    /// How many values fit.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    fn one_lap(&self) -> usize {
        self.mark << 1
    }

    #[inline]
    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position & (self.mark - 1)]
    }

    /// The position after `position`. Laps wrap around with the word.
    #[inline]
    fn after(&self, position: usize) -> usize {
        if (position & (self.mark - 1)) + 1 < self.capacity() {
            position + 1
        } else {
            (position & !(self.one_lap() - 1)).wrapping_add(self.one_lap())
        }
    }

    /// How many pushes came before `position`.
    fn count(&self, position: usize) -> u64 {
        let lap = (position / self.one_lap()) as u64;
        lap * self.capacity() as u64 + (position & (self.mark - 1)) as u64
    }

    /// Appends `value`.
    ///
    /// # Errors
    ///
    /// [`PushError`] hands `value` back.
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        self.push_with(value, |value| (value, ()))
    }

    /// Appends what `make` makes of `source`, once there is a place for it.
    ///
    /// For values that cannot be taken apart again. Consumers find the ring empty behind the place while `make`
    /// runs, so it has to be short. A panic in it aborts the process, since the place cannot be given back.
    ///
    /// # Errors
    ///
    /// [`PushError`] hands `source` back; `make` has not been called then.
    pub fn push_with<S, R>(
        &self,
        source: S,
        make: impl FnOnce(S) -> (T, R),
    ) -> Result<R, PushError<S>> {
        // Ordering: Relaxed; what is published goes through the stamps, and a stale value is noticed there
        // or by the exchange.
        let mut tail = self.tail.load(Ordering::Relaxed);
        let slot = loop {
            if tail & self.mark != 0 {
                return Err(PushError::Closed(source));
            }
            let slot = self.slot(tail);
            // Ordering: Acquire pairs with the Release in `pop`: the consumer's reading of the cell stays
            // before this producer's writing. It also makes the next load of `tail` newer than a stamp that
            // is ahead of it.
            let stamp = slot.stamp.load(Ordering::Acquire);
            match stamp.wrapping_sub(tail) as isize {
                0 => {
                    // Ordering: Relaxed on both sides, as for the load above. Whether the ring is closed is
                    // decided here: the mark is in this word.
                    match self.tail.compare_exchange_weak(
                        tail,
                        self.after(tail),
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    ) {
                        Ok(_) => break slot,
                        Err(current) => tail = current,
                    }
                }
                behind if behind < 0 => return Err(PushError::Full(source)),
                // Ordering: as for the first load.
                _ => tail = self.tail.load(Ordering::Relaxed),
            }
        };
        let unwinding = AbortOnUnwind::new();
        let (value, result) = make(source);
        unwinding.disarm();
        slot.value.with_mut(|cell| {
            // SAFETY: the stamp said free for this position and the exchange above made the position this
            // producer's, so that nobody else touches the cell until the stamp below. Its old value has been
            // moved out.
            unsafe { cell.write(MaybeUninit::new(value)) }
        });
        // Ordering: Release pairs with the Acquire in `pop`; without it the consumer could read the cell
        // before it is written.
        slot.stamp.store(tail + 1, Ordering::Release);
        Ok(result)
    }

    /// Takes the oldest value. `None` also while it is not published yet.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        // Ordering: Relaxed, as in `push_with`.
        let mut head = self.head.load(Ordering::Relaxed);
        let slot = loop {
            let slot = self.slot(head);
            // Ordering: Acquire pairs with the Release in `push_with`: the producer's writing of the cell stays
            // before this consumer's reading.
            let stamp = slot.stamp.load(Ordering::Acquire);
            match stamp.wrapping_sub(head + 1) as isize {
                0 => {
                    // Ordering: Relaxed on both sides, as in `push_with`.
                    match self.head.compare_exchange_weak(
                        head,
                        self.after(head),
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    ) {
                        Ok(_) => break slot,
                        Err(current) => head = current,
                    }
                }
                behind if behind < 0 => return None,
                // Ordering: as for the first load.
                _ => head = self.head.load(Ordering::Relaxed),
            }
        };
        let value = slot.value.with_mut(|cell| {
            // SAFETY: the stamp said full for this position, so the cell is initialised, and the exchange
            // above made the position this consumer's alone. The stamp below says that the cell is empty.
            unsafe { cell.cast::<T>().read() }
        });
        // Ordering: Release pairs with the Acquire in `push_with`; without it the next lap's producer could write
        // the cell while it is still being read.
        slot.stamp.store(head.wrapping_add(self.one_lap()), Ordering::Release);
        Some(value)
    }

    /// Lets no push succeed any more. True for the first call.
    pub fn close(&self) -> bool {
        // Ordering: the order of close and push is the order of their changes to this one word, for which Relaxed would do.
        // Release pairs with the Acquire in `is_drained`: who finds the ring at its end also finds what came before the close, such
        // as the role's flag; a worker that did not would look again and again.
        self.tail.fetch_or(self.mark, Ordering::Release) & self.mark == 0
    }

    /// Whether [`Ring::close`] has been called.
    pub fn is_closed(&self) -> bool {
        // Ordering: Relaxed, as in `close`.
        self.tail.load(Ordering::Relaxed) & self.mark != 0
    }

    /// Whether the ring is closed and empty for good.
    pub fn is_drained(&self) -> bool {
        // Ordering: a tail that carries the mark is the last one there will be, and `head` cannot go beyond it, so that
        // equality is final, and Relaxed would do for it. Acquire for `tail`: see `close`. (A push that succeeded before the close
        // and changed the word after it would break the chain; there is none.) Acquire for `head` pairs with a fence before a
        // pop (`RoleState::lend`): who finds the ring empty for good sees who has borrowed from it.
        let head = self.head.load(Ordering::Acquire);
        self.tail.load(Ordering::Acquire) == head | self.mark
    }

    /// Whether a pop would find a value.
    #[inline]
    pub fn is_ready(&self) -> bool {
        loop {
            // Ordering: as in `pop`. Whoever goes to sleep on the answer has a fence before this call.
            let head = self.head.load(Ordering::Relaxed);
            let stamp = self.slot(head).stamp.load(Ordering::Acquire);
            match stamp.wrapping_sub(head + 1) as isize {
                0 => return true,
                behind if behind < 0 => return false,
                // Newer than `head`: another consumer was here, and the next load sees what it did.
                _ => {}
            }
        }
    }

    /// What a push would meet now, as far as can be seen: `Ok` where there is room.
    ///
    /// # Errors
    ///
    /// As [`Ring::push`].
    pub fn probe(&self) -> Result<(), PushError<()>> {
        // Ordering: Relaxed, as in `push_with`; the answer is a hint.
        let tail = self.tail.load(Ordering::Relaxed);
        if tail & self.mark != 0 {
            return Err(PushError::Closed(()));
        }
        // Ordering: Relaxed; the cell is the push's to touch, and its own look acquires. Whoever sleeps on the answer has a fence
        // before this call.
        let stamp = self.slot(tail).stamp.load(Ordering::Relaxed);
        if (stamp.wrapping_sub(tail) as isize) < 0 { Err(PushError::Full(())) } else { Ok(()) }
    }

    /// How many values are in, at most the capacity.
    pub fn len(&self) -> usize {
        // Ordering: Relaxed; a statistic. The two loads may be of different moments, hence the limits.
        let head = self.count(self.head.load(Ordering::Relaxed));
        let tail = self.count(self.tail.load(Ordering::Relaxed) & !self.mark);
        (tail.saturating_sub(head) as usize).min(self.capacity())
    }

    /// Whether no value is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many pushes have succeeded.
    pub fn pushed(&self) -> u64 {
        // Ordering: Relaxed; a statistic.
        self.count(self.tail.load(Ordering::Relaxed) & !self.mark)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while let Some(value) = self.pop() {
            drop(value);
        }
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "ring_tests.rs"]
mod tests;
