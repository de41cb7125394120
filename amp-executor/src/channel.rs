//! A role's channel: where its tasks wait, and where its workers and its blocked spawners sleep.
//!
//! | part | holds | bound |
//! |---|---|---|
//! | ring | tasks that were spawned | the role's capacity |
//! | woken queue | futures that were admitted through the ring and are ready to go on | the admitted ones |
//! | sleepers | workers without work | |
//! | room | spawners that wait for room, threads and futures alike | |
//!
//! A wake-up is never refused and never waits, or a future could wait for room that only its own progress
//! makes. Workers take from ring and woken queue in turns, so that neither starves.
//!
//! # The end
//!
//! [`Channel::close`] refuses what is spawned from then on and releases the blocked spawners; what is in stays and
//! can be taken. [`Channel::end`] says that nobody takes anything any more: it hands out the woken futures, and
//! from then on a wake-up hands the future back, which cancels it. Both happen under the woken queue's lock, so
//! that nothing is left in it.

mod ring;
mod sleepers;

use std::collections::VecDeque;

use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::{Parker, Ticket, Unparker, WaitQueue};

pub use ring::{Pop, PushError, Ring};
pub use sleepers::Sleepers;

/// The channel. Generic so that models can send plain numbers.
#[derive(Debug)]
pub struct Channel<T> {
    ring: Ring<T>,
    woken: Woken<T>,
    sleepers: Sleepers,
    room: WaitQueue,
}

/// Where a taken item had waited.
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

#[derive(Debug)]
struct Woken<T> {
    /// The queue's length: an empty look takes no lock.
    len: AtomicUsize,
    state: Mutex<WokenState<T>>,
}

#[derive(Debug)]
struct WokenState<T> {
    queue: VecDeque<T>,
    ended: bool,
}

impl<T> Channel<T> {
    /// An open channel with room for `capacity` spawned tasks. `unparkers` are those of the role's workers.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero.
    pub fn new(capacity: usize, unparkers: impl IntoIterator<Item = Unparker>) -> Self {
        let state = WokenState { queue: VecDeque::new(), ended: false };
        Self {
            ring: Ring::new(capacity),
            woken: Woken { len: AtomicUsize::new(0), state: Mutex::new(state) },
            sleepers: Sleepers::new(unparkers),
            room: WaitQueue::new(),
        }
    }

    /// The ring, to ask. Whoever changes it through this reference wakes nobody.
    pub fn ring(&self) -> &Ring<T> {
        &self.ring
    }

    /// Who waits for room: registers, tries to push once more, and sleeps.
    pub fn room(&self) -> &WaitQueue {
        &self.room
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

    /// Spawns.
    ///
    /// # Errors
    ///
    /// [`PushError`] hands `item` back.
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.ring.push(item)?;
        self.sleepers.wake_one();
        Ok(())
    }

    /// Spawns what `make` makes, once there is a place for it; see [`Ring::push_with`].
    ///
    /// # Errors
    ///
    /// [`PushError`] hands `source` back.
    pub fn push_with<S, R>(
        &self,
        source: S,
        make: impl FnOnce(S) -> (T, R),
    ) -> Result<R, PushError<S>> {
        let result = self.ring.push_with(source, make)?;
        self.sleepers.wake_one();
        Ok(result)
    }

    /// A future has been woken.
    ///
    /// # Errors
    ///
    /// `item` comes back where nobody would take it any more.
    pub fn push_woken(&self, item: T) -> Result<(), T> {
        self.requeue(item)?;
        self.sleepers.wake_one();
        Ok(())
    }

    /// As [`Channel::push_woken`], by a worker that is about to look for work itself.
    ///
    /// # Errors
    ///
    /// As [`Channel::push_woken`].
    pub fn requeue(&self, item: T) -> Result<(), T> {
        let mut state = self.woken.state.lock();
        if state.ended {
            return Err(item);
        }
        state.queue.push_back(item);
        self.woken.set_len(&state.queue);
        Ok(())
    }

    /// Takes an item, from `first` if it has one. `Empty` and `Closed` are the ring's answers, and the woken
    /// queue was found empty.
    ///
    /// Who has taken an item calls [`Channel::after_take`].
    pub fn take(&self, first: Source) -> Pop<(T, Source)> {
        if first == Source::Woken
            && let Some(item) = self.woken.pop()
        {
            return Pop::Item((item, Source::Woken));
        }
        let nothing = match self.ring.pop() {
            Pop::Item(item) => return Pop::Item((item, Source::Ring)),
            Pop::Empty => Pop::Empty,
            Pop::Closed => Pop::Closed,
        };
        match self.woken.pop() {
            Some(item) => Pop::Item((item, Source::Woken)),
            None => nothing,
        }
    }

    /// An item has been taken from `source`: tells those who wait for the room, and passes a wake-up on if there
    /// is more work (`sleepers.rs`, point 4).
    pub fn after_take(&self, source: Source) {
        if source == Source::Ring {
            self.room.notify_one();
        }
        if self.sleepers.anybody() && self.has_work() {
            self.sleepers.wake_one();
        }
    }

    /// Sleeps as worker number `worker` until it is woken, unless there is work or `must_look` says that there is
    /// another reason to stay awake. True if it slept.
    pub fn sleep(&self, worker: usize, parker: &Parker, must_look: impl FnOnce() -> bool) -> bool {
        self.sleepers.sleep(worker, parker, || self.has_work() || must_look())
    }

    fn has_work(&self) -> bool {
        self.ring.is_ready() || self.woken.len() > 0
    }

    /// How many items wait.
    pub fn depth(&self) -> usize {
        self.ring.len() + self.woken.len()
    }

    /// Takes nothing any more, and releases everybody who waits for room. True for the first call.
    pub fn close(&self) -> bool {
        let first = self.ring.close();
        self.room.notify_all();
        self.sleepers.wake_all();
        first
    }

    /// Wakes all sleeping workers, because there may be a reason for them to leave.
    pub fn wake_all(&self) {
        self.sleepers.wake_all();
    }

    /// Nobody takes anything any more: hands out the woken items, and refuses those that come later.
    pub fn end(&self) -> VecDeque<T> {
        let mut state = self.woken.state.lock();
        state.ended = true;
        let left = std::mem::take(&mut state.queue);
        self.woken.set_len(&state.queue);
        left
    }
}

impl<T> Woken<T> {
    fn len(&self) -> usize {
        // Ordering: Relaxed; before a worker sleeps on the answer there is a fence (`sleepers.rs`), and a
        // worker that is awake looks again.
        self.len.load(Ordering::Relaxed)
    }

    fn set_len(&self, queue: &VecDeque<T>) {
        // Ordering: Relaxed; the queue itself is under the lock, and a raise is followed by the fence of
        // `Sleepers::wake_one`.
        self.len.store(queue.len(), Ordering::Relaxed);
    }

    fn pop(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let mut state = self.state.lock();
        let item = state.queue.pop_front();
        self.set_len(&state.queue);
        item
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct CountsWakes(AtomicUsize);

    impl Wake for CountsWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(channel: &Channel<u32>) {
        let Pop::Item((_, source)) = channel.take(Source::Ring) else { panic!("empty") };
        channel.after_take(source);
    }

    /// The first waiter is admitted by its own look while it is in the queue, and the next slot's notification
    /// is spent on it.
    #[test]
    fn a_notification_that_meets_an_admitted_waiter_is_not_lost() {
        let channel = Channel::new(1, []);
        let wakes = [Arc::new(CountsWakes::default()), Arc::new(CountsWakes::default())];
        let wakers = wakes.clone().map(Waker::from);
        let mut tickets = [Ticket::default(), Ticket::default()];
        channel.push(0).unwrap();
        for (ticket, waker) in tickets.iter_mut().zip(&wakers) {
            channel.room().register(ticket, waker);
            assert_eq!(channel.push(1), Err(PushError::Full(1)));
        }
        take(&channel);
        channel.room().register(&mut tickets[0], &wakers[0]);
        channel.push(1).unwrap();
        take(&channel);
        let woken = |index: usize| wakes[index].0.load(Ordering::Relaxed);
        assert_eq!((woken(0), woken(1)), (2, 0));
        channel.leave_room(&mut tickets[0], true);
        assert_eq!((woken(0), woken(1)), (2, 1));
        channel.leave_room(&mut tickets[1], false);
        assert!(channel.room().is_empty());
    }

    #[test]
    fn a_wake_up_after_the_end_comes_back() {
        let channel = Channel::new(1, []);
        channel.push(1).unwrap();
        channel.push_woken(2).unwrap();
        channel.push_woken(3).unwrap();
        assert_eq!(channel.depth(), 3);
        assert_eq!(channel.end(), [2, 3]);
        assert_eq!(channel.push_woken(4), Err(4));
        channel.close();
        assert_eq!(channel.take(Source::Woken), Pop::Item((1, Source::Ring)));
        assert_eq!(channel.take(Source::Woken), Pop::Closed);
    }
}
