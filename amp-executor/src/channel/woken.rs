//! Futures that were admitted and are ready to go on.

use std::collections::VecDeque;

use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

/// A queue without a bound: a wake-up is never refused and never waits, or a future could wait for room that only its
/// own progress makes. It holds no more than what has been admitted.
#[derive(Debug)]
pub struct Woken<T> {
    /// The queue's length: an empty look takes no lock.
    len: AtomicUsize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    ended: bool,
}

impl<T> Woken<T> {
    /// An empty queue.
    pub fn new() -> Self {
        let state = State { queue: VecDeque::new(), ended: false };
        Self { len: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// Appends.
    ///
    /// # Errors
    ///
    /// `item` comes back after [`Woken::end`].
    pub fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.ended {
            return Err(item);
        }
        state.queue.push_back(item);
        self.set_len(&state.queue);
        Ok(())
    }

    /// Takes the oldest.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut state = self.state.lock();
        let item = state.queue.pop_front();
        self.set_len(&state.queue);
        item
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        // Ordering: Relaxed; before a worker sleeps on the answer there is a fence (`sleepers.rs`), and a
        // worker that is awake looks again.
        self.len.load(Ordering::Relaxed)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nobody takes anything any more: hands out what is left, and refuses what comes later.
    pub fn end(&self) -> VecDeque<T> {
        let mut state = self.state.lock();
        state.ended = true;
        let left = std::mem::take(&mut state.queue);
        self.set_len(&state.queue);
        left
    }

    fn set_len(&self, queue: &VecDeque<T>) {
        // Ordering: Relaxed; the queue itself is under the lock, and a raise is followed by the fence of
        // `Sleepers`.
        self.len.store(queue.len(), Ordering::Relaxed);
    }
}

impl<T> Default for Woken<T> {
    fn default() -> Self {
        Self::new()
    }
}
