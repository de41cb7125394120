//! crossbeam-deque behind the interface of `queue.rs`.

use crossbeam_deque as deque;

use super::{Entry, Order};

/// A worker's own end of its deque.
pub(crate) struct Local<T>(deque::Worker<T>);

/// Everybody else's end.
pub(crate) struct Stealer<T>(deque::Stealer<T>);

/// The queue that anybody may push to.
pub(crate) struct Injector<T>(deque::Injector<T>);

impl<T: Entry> Local<T> {
    pub(crate) fn new(order: Order) -> Self {
        Self(match order {
            Order::Fifo => deque::Worker::new_fifo(),
            Order::Lifo => deque::Worker::new_lifo(),
        })
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.stealer())
    }

    #[inline]
    pub(crate) fn push(&self, entry: T) {
        self.0.push(entry);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    /// At most so many: thieves may be faster.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T: Entry> Stealer<T> {
    /// Exact where the owner is idle; otherwise true at some moment during the call.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the oldest entry.
    pub(crate) fn steal(&self) -> Option<T> {
        // Stealing pins the epoch, which is a locked instruction and now and then a walk over all
        // threads of the process, also on an empty victim. Asking first costs a fence.
        if self.is_empty() {
            return None;
        }
        decided(|| self.0.steal())
    }

    /// Takes the older half; returns its oldest entry and puts the rest into `into`.
    pub(crate) fn steal_half(&self, into: &Local<T>) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        decided(|| self.0.steal_batch_and_pop(&into.0))
    }
}

impl<T: Entry> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(deque::Injector::new())
    }

    #[inline]
    pub(crate) fn push(&self, entry: T) {
        self.0.push(entry);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the oldest entry.
    #[inline]
    pub(crate) fn steal(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        decided(|| self.0.steal())
    }

    /// Takes a batch; returns its oldest entry and puts the rest into `into`.
    pub(crate) fn steal_batch(&self, into: &Local<T>) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        decided(|| self.0.steal_batch_and_pop(&into.0))
    }
}

/// Repeats a steal that lost a race until it is decided.
fn decided<T>(mut attempt: impl FnMut() -> deque::Steal<T>) -> Option<T> {
    loop {
        match attempt() {
            deque::Steal::Success(entry) => return Some(entry),
            deque::Steal::Empty => return None,
            deque::Steal::Retry => {}
        }
    }
}
