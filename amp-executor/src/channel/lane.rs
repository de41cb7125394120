//! One of a channel's lanes.

use executor_common::{Ticket, WaitQueue};

use super::ring::{PushError, Ring};
use super::woken::Woken;

/// Where tasks of one kind wait, and where their spawners wait for room.
#[derive(Debug)]
pub struct Lane<T> {
    ring: Ring<T>,
    woken: Woken<T>,
    room: WaitQueue,
}

/// Where in a lane a taken item had waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The ring: there is room now.
    Ring,
    /// The woken queue.
    Woken,
}

impl Source {
    /// Where to look first the next time.
    pub fn other(self) -> Self {
        match self {
            Self::Ring => Self::Woken,
            Self::Woken => Self::Ring,
        }
    }
}

impl<T> Lane<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { ring: Ring::new(capacity), woken: Woken::new(), room: WaitQueue::new() }
    }

    /// The ring, to ask. Whoever changes it through this reference wakes nobody.
    pub fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    /// The woken queue, likewise.
    pub fn woken(&self) -> &Woken<T> {
        &self.woken
    }

    /// Who waits for room: registers, tries to push once more, and sleeps.
    pub fn room(&self) -> &WaitQueue {
        &self.room
    }

    /// Whether a push would meet no room now, as far as can be seen.
    pub fn is_full(&self) -> bool {
        matches!(self.ring.probe(), Err(PushError::Full(())))
    }

    /// A waiter for room goes, admitted or not, and lets the next one know of room that is still there.
    ///
    /// That look is needed. A waiter may find room by its own look, before the notification for it; if it is then
    /// still in the queue when the next slot is released, that slot's notification is spent on it.
    pub fn leave_room(&self, ticket: &mut Ticket, admitted: bool) {
        if admitted {
            self.room.leave(ticket, || self.ring.probe().is_ok());
        } else {
            self.room.give_up(ticket);
        }
    }

    /// Takes an item, from `first` if it has one.
    #[inline]
    pub(super) fn take(&self, first: Source) -> Option<(T, Source)> {
        let from_ring = || self.ring.pop().map(|item| (item, Source::Ring));
        let from_woken = || self.woken.pop().map(|item| (item, Source::Woken));
        match first {
            Source::Ring => from_ring().or_else(from_woken),
            Source::Woken => from_woken().or_else(from_ring),
        }
    }

    #[inline]
    pub(super) fn has_work(&self) -> bool {
        self.ring.is_ready() || !self.woken.is_empty()
    }

    /// Whether there is something that a lender may take.
    pub(super) fn is_lendable(&self) -> bool {
        self.ring.is_ready() && self.may_be_lent()
    }

    /// Whether lenders may take from the ring. They send futures home, to the woken queue, and make room by that: only so many,
    /// or the ring would have no bound.
    pub fn may_be_lent(&self) -> bool {
        self.woken.len() < self.ring.capacity()
    }

    pub(super) fn len(&self) -> usize {
        self.ring.len() + self.woken.len()
    }

    pub(super) fn close(&self) -> bool {
        let first = self.ring.close();
        self.room.notify_all();
        first
    }
}
