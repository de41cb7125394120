//! A word, and a thread that sleeps until it changes.

use std::marker::PhantomData;
use std::sync::Arc;
use std::thread::{JoinHandle, Thread};
use std::time::Instant;

use executor_common::sync::atomic::{AtomicU32, Ordering};

use crate::role_channel::consumer::{Answer, nanos_since};
use crate::role_channel::exchange::{Exchange, Way};
use crate::role_channel::place::Place;

/// Nothing to do.
const IDLE: u32 = 0;
/// A message has come.
const GO: u32 = 1;
/// The receiver is to leave.
const END: u32 = 2;

/// How a thread sleeps until the word is not [`IDLE`], and is woken.
pub(super) trait Bed: Send + 'static {
    /// May return early.
    fn sleep(word: &AtomicU32);

    /// `word` has changed.
    fn wake(word: &AtomicU32, sleeper: &Thread);
}

/// The kernel's futex, and nothing else.
#[cfg(target_os = "linux")]
pub(super) struct Futex;

#[cfg(target_os = "linux")]
impl Bed for Futex {
    fn sleep(word: &AtomicU32) {
        // It fails where the word has changed already, or a signal has come.
        let _ =
            rustix::thread::futex::wait(word, rustix::thread::futex::Flags::PRIVATE, IDLE, None);
    }

    fn wake(word: &AtomicU32, _sleeper: &Thread) {
        // It cannot fail with these arguments.
        let _ = rustix::thread::futex::wake(word, rustix::thread::futex::Flags::PRIVATE, 1);
    }
}

/// The standard library's park and unpark.
pub(super) struct StdPark;

impl Bed for StdPark {
    fn sleep(_word: &AtomicU32) {
        std::thread::park();
    }

    fn wake(_word: &AtomicU32, sleeper: &Thread) {
        sleeper.unpark();
    }
}

/// A thread that sleeps whenever there is nothing to do, and its waker, who spins.
pub(super) struct Sleeper<B: Bed> {
    word: Arc<AtomicU32>,
    /// Stamps count from here.
    beginning: Instant,
    answer: &'static Answer,
    receiver: Option<JoinHandle<()>>,
    bed: PhantomData<fn() -> B>,
}

impl<B: Bed> Sleeper<B> {
    pub(super) fn start(place: &Place) -> anyhow::Result<Self> {
        let word = Arc::new(AtomicU32::new(IDLE));
        let beginning = Instant::now();
        let answer = Answer::leak();
        let received = Arc::clone(&word);
        let receiver = place.start(move || receive::<B>(&received, beginning, answer))?;
        Ok(Self { word, beginning, answer, receiver: Some(receiver), bed: PhantomData })
    }

    fn send(&self, message: u32) {
        // Ordering: Relaxed; the word is all that is handed over, and the kernel reads it again.
        self.word.store(message, Ordering::Relaxed);
        if let Some(receiver) = &self.receiver {
            B::wake(&self.word, receiver.thread());
        }
    }
}

fn receive<B: Bed>(word: &AtomicU32, beginning: Instant, answer: &'static Answer) {
    loop {
        match word.load(Ordering::Relaxed) {
            IDLE => B::sleep(word),
            GO => {
                let stamp = nanos_since(beginning);
                // Ordering: Relaxed; the answer publishes it, and nobody sends before that.
                word.store(IDLE, Ordering::Relaxed);
                answer.give(stamp);
            }
            _ => return,
        }
    }
}

impl<B: Bed> Exchange for Sleeper<B> {
    fn exchange(&mut self, way: Way) -> u64 {
        let sent = Instant::now();
        self.send(GO);
        let stamp = self.answer.take();
        match way {
            Way::OneWay => {
                stamp.saturating_sub(sent.duration_since(self.beginning).as_nanos() as u64)
            }
            Way::RoundTrip => nanos_since(sent),
        }
    }
}

impl<B: Bed> Drop for Sleeper<B> {
    fn drop(&mut self) {
        self.send(END);
        if let Some(receiver) = self.receiver.take() {
            let _ = receiver.join();
        }
    }
}
