//! Who waits for room, in order of arrival.
//!
//! Both a blocked thread and a suspended future wait as a waker, so that there is one queue and one
//! protocol:
//!
//! * the waiter **registers, then looks again**; the releaser **makes room, then looks for waiters**, with
//!   a fence in the middle of each, so that at least one of the two sees the other. The waiter's is the dear one
//!   (`sync::asymmetric`): it is about to sleep, while the releaser has work to do;
//! * one release notifies one waiter, which takes itself out of the queue by that;
//! * a waiter that was notified and goes away without using the room passes the notification on, and one that got
//!   its room looks whether there is more.

use std::collections::VecDeque;
use std::task::Waker;

use crate::panic::{caught, discard};
use crate::sync::Mutex;
use crate::sync::asymmetric::Fences;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Waiters in order of arrival.
///
/// # Examples
///
/// ```
/// use executor_common::sync::atomic::{AtomicBool, Ordering};
/// use executor_common::{Parker, Ticket, WaitQueue};
///
/// let (room, queue) = (AtomicBool::new(false), WaitQueue::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         room.store(true, Ordering::Release);
///         queue.notify_one();
///     });
///     let (parker, mut ticket) = (Parker::new(), Ticket::default());
///     let waker = parker.unparker().into();
///     while !room.load(Ordering::Acquire) {
///         queue.register(&mut ticket, &waker);
///         if room.load(Ordering::Acquire) {
///             break;
///         }
///         parker.park();
///     }
///     queue.leave(&mut ticket, || false);
/// });
/// assert!(queue.is_empty());
/// ```
#[derive(Debug)]
pub struct WaitQueue {
    /// How many are in the queue: what a releaser reads without taking the lock.
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
    fences: Fences,
}

#[derive(Debug)]
struct Queue {
    next_ticket: u64,
    waiters: VecDeque<(u64, Waker)>,
}

/// One waiter's place. It must be given back through [`WaitQueue::leave`] or [`WaitQueue::give_up`].
///
/// # Examples
///
/// ```
/// use std::task::Waker;
/// use executor_common::{Ticket, WaitQueue};
///
/// let (queue, mut ticket) = (WaitQueue::new(), Ticket::default());
/// queue.register(&mut ticket, Waker::noop());
/// queue.register(&mut ticket, Waker::noop()); // the same place
/// assert_eq!(queue.len(), 1);
/// queue.give_up(&mut ticket);
/// assert!(queue.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Ticket(Option<u64>);

/// How a waiter came out of the queue.
#[derive(Debug, PartialEq, Eq)]
enum TakenOut {
    /// By itself, just now, or it was never in.
    Now,
    /// A release has notified it.
    ByNotification,
}

impl WaitQueue {
    /// Nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::WaitQueue;
    ///
    /// assert!(WaitQueue::new().is_empty());
    /// ```
    pub fn new() -> Self {
        let queue = Queue { next_ticket: 0, waiters: VecDeque::new() };
        Self { waiting: AtomicUsize::new(0), queue: Mutex::new(queue), fences: Fences::new() }
    }

    /// Puts the waiter into the queue, or replaces its waker where it is there already. A waiter that had
    /// been notified and found the room gone keeps its place at the front.
    ///
    /// The caller looks for room once more after this call.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Waker;
    /// use executor_common::{Ticket, WaitQueue};
    ///
    /// let (queue, mut ticket) = (WaitQueue::new(), Ticket::default());
    /// queue.register(&mut ticket, Waker::noop());
    /// let is_room = true; // the second look
    /// if is_room {
    ///     queue.leave(&mut ticket, || false);
    /// }
    /// assert!(queue.is_empty());
    /// ```
    pub fn register(&self, ticket: &mut Ticket, waker: &Waker) {
        let mut queue = self.queue.lock();
        let number = *ticket.0.get_or_insert_with(|| {
            queue.next_ticket += 1;
            queue.next_ticket
        });
        let place = queue.waiters.partition_point(|(other, _)| *other < number);
        let replaced = match queue.waiters.get_mut(place) {
            Some((other, current)) if *other == number => {
                (!current.will_wake(waker)).then(|| std::mem::replace(current, waker.clone()))
            }
            _ => {
                queue.waiters.insert(place, (number, waker.clone()));
                None
            }
        };
        // Ordering: Relaxed; the fence below orders it before the caller's second look.
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        drop(queue);
        // Ordering: pairs with the fence in `notify_one`. Without it the waiter's second look and the
        // releaser's look at `waiting` could both miss, and the waiter would sleep beside free room.
        self.fences.slow();
        // A waker is foreign code, and its destructor may come back here: not under the lock.
        drop(replaced);
    }

    /// Room has been made: wakes the first waiter, if there is one, and the next one where that panics instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{Parker, Ticket, WaitQueue};
    ///
    /// let (queue, mut ticket) = (WaitQueue::new(), Ticket::default());
    /// let parker = Parker::new();
    /// queue.register(&mut ticket, &parker.unparker().into());
    /// queue.notify_one();
    /// parker.park(); // there is a token
    /// queue.leave(&mut ticket, || false);
    /// ```
    pub fn notify_one(&self) {
        // Ordering: pairs with the fence in `register`.
        self.fences.fast();
        // Ordering: Relaxed; the fence above orders it after the caller's making of room.
        while self.waiting.load(Ordering::Relaxed) > 0 {
            let first = {
                let mut queue = self.queue.lock();
                let first = queue.waiters.pop_front();
                // Ordering: as in `register`; a decrease needs no order.
                self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
                first
            };
            if first.is_none_or(|(_, waker)| wake(waker)) {
                return;
            }
        }
    }

    /// There will be no room any more: wakes everybody.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Waker;
    /// use executor_common::{Ticket, WaitQueue};
    ///
    /// let queue = WaitQueue::new();
    /// let (mut first, mut second) = (Ticket::default(), Ticket::default());
    /// queue.register(&mut first, Waker::noop());
    /// queue.register(&mut second, Waker::noop());
    /// queue.notify_all();
    /// assert!(queue.is_empty());
    /// queue.give_up(&mut first);
    /// queue.give_up(&mut second);
    /// ```
    pub fn notify_all(&self) {
        let all = {
            let mut queue = self.queue.lock();
            // Ordering: as in `notify_one`.
            self.waiting.store(0, Ordering::Relaxed);
            std::mem::take(&mut queue.waiters)
        };
        for (_, waker) in all {
            wake(waker);
        }
    }

    /// The waiter has got what it waited for, and looks whether there is more: if so, the next one is woken.
    ///
    /// The look is needed. A waiter that finds room by its own look may still be in the queue when the next
    /// room is made, and that notification is spent on it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Waker;
    /// use executor_common::{Ticket, WaitQueue};
    ///
    /// let queue = WaitQueue::new();
    /// let (mut first, mut second) = (Ticket::default(), Ticket::default());
    /// queue.register(&mut first, Waker::noop());
    /// queue.register(&mut second, Waker::noop());
    /// queue.leave(&mut first, || true); // room for another one, which is woken
    /// assert!(queue.is_empty());
    /// queue.leave(&mut second, || false);
    /// ```
    pub fn leave(&self, ticket: &mut Ticket, is_room_left: impl FnOnce() -> bool) {
        self.take_out(ticket);
        // The room whose notification was spent on this waiter was made before the waiter was taken out of
        // the queue, under the lock that `take_out` has held since.
        if is_room_left() {
            self.notify_one();
        }
    }

    /// The waiter goes without. If it had been notified, the next one is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Waker;
    /// use executor_common::{Ticket, WaitQueue};
    ///
    /// let queue = WaitQueue::new();
    /// let (mut first, mut second) = (Ticket::default(), Ticket::default());
    /// queue.register(&mut first, Waker::noop());
    /// queue.register(&mut second, Waker::noop());
    /// queue.notify_one(); // the first one
    /// queue.give_up(&mut first); // passes it on
    /// assert!(queue.is_empty());
    /// queue.leave(&mut second, || false);
    /// ```
    pub fn give_up(&self, ticket: &mut Ticket) {
        if self.take_out(ticket) == TakenOut::ByNotification {
            self.notify_one();
        }
    }

    fn take_out(&self, ticket: &mut Ticket) -> TakenOut {
        let Some(number) = ticket.0.take() else { return TakenOut::Now };
        let mut queue = self.queue.lock();
        let Some(place) = queue.waiters.iter().position(|(other, _)| *other == number) else {
            return TakenOut::ByNotification;
        };
        let waiter = queue.waiters.remove(place);
        // Ordering: as in `notify_one`.
        self.waiting.store(queue.waiters.len(), Ordering::Relaxed);
        // A waker is foreign code, and goes outside of the lock.
        drop(queue);
        drop(waiter);
        TakenOut::Now
    }

    /// How many wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::Waker;
    /// use executor_common::{Ticket, WaitQueue};
    ///
    /// let (queue, mut ticket) = (WaitQueue::new(), Ticket::default());
    /// queue.register(&mut ticket, Waker::noop());
    /// assert_eq!(queue.len(), 1);
    /// # queue.give_up(&mut ticket);
    /// ```
    pub fn len(&self) -> usize {
        // Ordering: a statistic.
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::WaitQueue;
    ///
    /// assert!(WaitQueue::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Wakes. The waker is foreign code: its panic must reach neither the releaser nor the other waiters. False if it panicked.
fn wake(waker: Waker) -> bool {
    caught(|| waker.wake()).map_err(discard).is_ok()
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}
