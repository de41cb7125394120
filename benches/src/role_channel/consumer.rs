//! One trait for whoever runs closures on a core of its own, so that a measurement has one text.

use std::hint::spin_loop;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use executor_common::sync::atomic::{AtomicU64, Ordering};

use super::place::Place;

/// What a consumer is asked for.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its core.
    pub place: Place,
    /// How many threads send.
    pub producers: usize,
    /// How many closures may wait, at least one.
    pub capacity: usize,
    /// What it does while it has nothing to do.
    pub waiting: Waiting,
}

/// What a consumer does while it has nothing to do, as far as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Looks without pause.
    Spin,
    /// What its crate does unless it is told otherwise; where that is nothing, it looks, then yields.
    Natural,
    /// Sleeps in the kernel as soon as it can.
    Park,
}

/// A thread on a core of its own that runs the closures sent to it, in order.
pub trait Consumer: Sized + Send + 'static {
    /// One sending thread's end.
    type Producer: Producer;

    /// Starts the thread, bound to its core. Dropping the consumer after its producers ends it, when it has run
    /// everything.
    ///
    /// # Errors
    ///
    /// The thread cannot be started or bound.
    fn start(setup: &Setup) -> anyhow::Result<(Self, Vec<Self::Producer>)>;

    /// How often it has been woken, where it counts that.
    fn wakes(&self) -> Option<u64> {
        None
    }
}

/// One sending thread's end. Each method is one call of the peer's own.
pub trait Producer: Send + 'static {
    /// Sends a closure, and waits for room where there is none.
    fn send(&mut self, job: impl FnOnce() + Send + 'static);

    /// Nanoseconds from just before a closure is sent to its first instruction. Returns when the closure has answered.
    fn one_way(&mut self, answer: &'static Answer) -> u64 {
        let sent = Instant::now();
        self.send(move || answer.give(nanos_since(sent)));
        answer.take()
    }

    /// Nanoseconds from just before a closure is sent until its end is seen here.
    fn round_trip(&mut self, answer: &'static Answer) -> u64 {
        let sent = Instant::now();
        self.send(|| answer.give(0));
        answer.take();
        nanos_since(sent)
    }
}

/// A measurement of any consumer, for [`ChannelKind::measure`](super::ChannelKind::measure).
pub trait Measurement {
    /// What it gives.
    type Output;

    /// Measures.
    fn of<C: Consumer>(self) -> Self::Output;
}

/// A number for a thread that spins until it comes: one word in a cache line of its own.
#[derive(Debug, Default)]
pub struct Answer {
    /// The number plus one; zero while there is none.
    word: CachePadded<AtomicU64>,
}

impl Answer {
    /// Never freed, so that closures need not count who holds it.
    pub(super) fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Answers. Once for each [`Answer::take`].
    pub(super) fn give(&self, number: u64) {
        // Ordering: Release pairs with the Acquire in `take`, so that the taker sees what the closure did.
        self.word.store(number + 1, Ordering::Release);
    }

    /// Waits for the answer.
    pub(super) fn take(&self) -> u64 {
        loop {
            // Ordering: Acquire, see `give`.
            match self.word.load(Ordering::Acquire) {
                0 => spin_loop(),
                number => {
                    // Ordering: Relaxed; the next closure is sent after this, and sending publishes it.
                    self.word.store(0, Ordering::Relaxed);
                    return number - 1;
                }
            }
        }
    }
}

/// By the clock that all measurements here read.
pub(super) fn nanos_since(start: Instant) -> u64 {
    start.elapsed().as_nanos() as u64
}
