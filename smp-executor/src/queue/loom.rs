//! A port of crossbeam-deque 0.8.8's protocols onto the facade's atomics, for the models.
//!
//! Operation by operation with the original's orderings and fences, and none beyond them; in particular
//! a push has no fence between its publication and what the pusher reads next. Left out is what a model
//! does not reach: growing, epochs, blocks. Capacity is fixed, and overflowing it fails the model. Entries
//! are stored as addresses in atomics, since a thief's read of a slot races by design and is validated
//! afterwards.

use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use executor_common::sync::atomic::{AtomicUsize, Ordering, fence};
use executor_common::sync::{Arc, hint};

use super::{Entry, Order};

const CAPACITY: usize = 8;

struct Slots([AtomicUsize; CAPACITY]);

impl Slots {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicUsize::new(0)))
    }

    fn at(&self, index: usize) -> &AtomicUsize {
        &self.0[index % CAPACITY]
    }
}

fn expose<T: Entry>(entry: T) -> usize {
    entry.into_raw().as_ptr().expose_provenance()
}

/// # Safety
///
/// `address` comes from [`expose`], and is turned back once.
unsafe fn recover<T: Entry>(address: usize) -> T {
    let pointer = NonNull::new(std::ptr::with_exposed_provenance_mut(address))
        .expect("an entry is published before its index is");
    // SAFETY: by the caller's promise.
    unsafe { T::from_raw(pointer) }
}

struct Deque {
    front: AtomicUsize,
    back: AtomicUsize,
    slots: Slots,
}

/// A worker's own end of its deque.
pub(crate) struct Local<T: Entry> {
    deque: Arc<Deque>,
    order: Order,
    _entries: PhantomData<T>,
}

/// Everybody else's end.
pub(crate) struct Stealer<T> {
    deque: Arc<Deque>,
    _entries: PhantomData<fn() -> T>,
}

fn length(back: usize, front: usize) -> isize {
    back.wrapping_sub(front) as isize
}

impl<T: Entry> Local<T> {
    pub(crate) fn new(order: Order) -> Self {
        let deque =
            Deque { front: AtomicUsize::new(0), back: AtomicUsize::new(0), slots: Slots::new() };
        Self { deque: Arc::new(deque), order, _entries: PhantomData }
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer { deque: Arc::clone(&self.deque), _entries: PhantomData }
    }

    pub(crate) fn push(&self, entry: T) {
        let deque = &*self.deque;
        let back = deque.back.load(Ordering::Relaxed);
        let front = deque.front.load(Ordering::Acquire);
        assert!(length(back, front) < CAPACITY as isize, "the model overflows the deque");
        deque.slots.at(back).store(expose(entry), Ordering::Relaxed);
        fence(Ordering::Release);
        deque.back.store(back.wrapping_add(1), Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        let back = self.deque.back.load(Ordering::Relaxed);
        let front = self.deque.front.load(Ordering::SeqCst);
        length(back, front).max(0) as usize
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let deque = &*self.deque;
        let back = deque.back.load(Ordering::Relaxed);
        let front = deque.front.load(Ordering::Relaxed);
        if length(back, front) <= 0 {
            return None;
        }
        let taken = match self.order {
            Order::Fifo => {
                let front = deque.front.fetch_add(1, Ordering::SeqCst);
                if length(back, front.wrapping_add(1)) < 0 {
                    deque.front.store(front, Ordering::Relaxed);
                    return None;
                }
                deque.slots.at(front).load(Ordering::Relaxed)
            }
            Order::Lifo => {
                let back = back.wrapping_sub(1);
                deque.back.store(back, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                let front = deque.front.load(Ordering::Relaxed);
                let left = length(back, front);
                if left < 0 {
                    deque.back.store(back.wrapping_add(1), Ordering::Relaxed);
                    return None;
                }
                let address = deque.slots.at(back).load(Ordering::Relaxed);
                if left == 0 {
                    let won = deque
                        .front
                        .compare_exchange(
                            front,
                            front.wrapping_add(1),
                            Ordering::SeqCst,
                            Ordering::Relaxed,
                        )
                        .is_ok();
                    deque.back.store(back.wrapping_add(1), Ordering::Relaxed);
                    if !won {
                        return None;
                    }
                }
                address
            }
        };
        // SAFETY: the index that this thread won was published by a push, and is won once.
        Some(unsafe { recover(taken) })
    }
}

impl<T: Entry> Drop for Local<T> {
    fn drop(&mut self) {
        while let Some(entry) = self.pop() {
            drop(entry);
        }
    }
}

impl<T: Entry> Stealer<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        let front = self.deque.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.deque.back.load(Ordering::Acquire);
        length(back, front).max(0) as usize
    }

    pub(crate) fn steal(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let deque = &*self.deque;
        loop {
            let front = deque.front.load(Ordering::Acquire);
            fence(Ordering::SeqCst);
            let back = deque.back.load(Ordering::Acquire);
            if length(back, front) <= 0 {
                return None;
            }
            let address = deque.slots.at(front).load(Ordering::Relaxed);
            let next = front.wrapping_add(1);
            if deque
                .front
                .compare_exchange(front, next, Ordering::SeqCst, Ordering::Relaxed)
                .is_ok()
            {
                // SAFETY: the index that this thread won was published by a push, and is won once.
                return Some(unsafe { recover(address) });
            }
        }
    }

    /// One entry is as good as half of a model's queue.
    pub(crate) fn steal_half(&self, _into: &Local<T>) -> Option<T> {
        self.steal()
    }
}

/// The queue that anybody may push to.
pub(crate) struct Injector<T: Entry> {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: Slots,
    _entries: PhantomData<fn() -> T>,
}

impl<T: Entry> Injector<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: Slots::new(),
            _entries: PhantomData,
        }
    }

    pub(crate) fn push(&self, entry: T) {
        let mut tail = self.tail.load(Ordering::Acquire);
        while let Err(actual) =
            self.tail.compare_exchange(tail, tail + 1, Ordering::SeqCst, Ordering::Acquire)
        {
            tail = actual;
        }
        assert!(tail < CAPACITY, "the model overflows the injector");
        // The original writes the slot and then sets a flag with Release; the address is both.
        self.slots.at(tail).store(expose(entry), Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::SeqCst);
        length(tail, head).max(0) as usize
    }

    pub(crate) fn steal(&self) -> Option<T> {
        let won = self.claim(1)?;
        Some(self.take(won.start))
    }

    /// Up to two entries. The original takes half of what is there, or all that is left of a block; a model has the second
    /// with fewer entries.
    pub(crate) fn steal_batch(&self, into: &Local<T>) -> Option<T> {
        let won = self.claim(2)?;
        let first = self.take(won.start);
        for index in won.skip(1) {
            into.push(self.take(index));
        }
        Some(first)
    }

    /// Wins the oldest entries, at most so many.
    fn claim(&self, most: usize) -> Option<Range<usize>> {
        loop {
            let head = self.head.load(Ordering::Acquire);
            fence(Ordering::SeqCst);
            let tail = self.tail.load(Ordering::Relaxed);
            if head == tail {
                return None;
            }
            let end = tail.min(head + most);
            if self.head.compare_exchange(head, end, Ordering::SeqCst, Ordering::Acquire).is_ok() {
                return Some(head..end);
            }
        }
    }

    /// The entry at an index that this thread has won.
    fn take(&self, index: usize) -> T {
        loop {
            let address = self.slots.at(index).load(Ordering::Acquire);
            if address != 0 {
                // SAFETY: the index that this thread won belongs to one push, and is won once.
                return unsafe { recover(address) };
            }
            // The pusher has the index but has not written the slot yet.
            hint::spin_loop();
        }
    }
}

impl<T: Entry> Drop for Injector<T> {
    fn drop(&mut self) {
        while let Some(entry) = self.steal() {
            drop(entry);
        }
    }
}
