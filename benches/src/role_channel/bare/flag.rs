//! One word in one cache line.

use std::hint::spin_loop;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use executor_common::sync::atomic::{AtomicU64, Ordering};

use crate::role_channel::consumer::nanos_since;
use crate::role_channel::exchange::{Exchange, Way};
use crate::role_channel::place::Place;

/// To the receiver: write down when you see this.
const STAMP: u64 = 1;
/// To the receiver: answer.
const REPLY: u64 = 2;
/// To the receiver: leave.
const END: u64 = 3;
/// From here on: answers to the sender.
const ANSWER: u64 = 4;

/// Two threads that spin on one word.
pub(super) struct Flag {
    word: Arc<CachePadded<AtomicU64>>,
    /// Stamps count from here.
    beginning: Instant,
    receiver: Option<JoinHandle<()>>,
}

impl Flag {
    pub(super) fn start(place: &Place) -> anyhow::Result<Self> {
        let word = Arc::new(CachePadded::new(AtomicU64::new(ANSWER)));
        let beginning = Instant::now();
        let received = Arc::clone(&word);
        let receiver = place.start(move || receive(&received, beginning))?;
        Ok(Self { word, beginning, receiver: Some(receiver) })
    }

    fn ask(&self, question: u64) -> u64 {
        // Ordering: Relaxed, here and in `receive`; the word is all that is handed over.
        self.word.store(question, Ordering::Relaxed);
        loop {
            match self.word.load(Ordering::Relaxed) {
                STAMP | REPLY => spin_loop(),
                answer => return answer - ANSWER,
            }
        }
    }
}

fn receive(word: &AtomicU64, beginning: Instant) {
    loop {
        match word.load(Ordering::Relaxed) {
            STAMP => word.store(ANSWER + nanos_since(beginning), Ordering::Relaxed),
            REPLY => word.store(ANSWER, Ordering::Relaxed),
            END => return,
            _ => spin_loop(),
        }
    }
}

impl Exchange for Flag {
    fn exchange(&mut self, way: Way) -> u64 {
        let sent = Instant::now();
        match way {
            Way::OneWay => {
                let stamp = self.ask(STAMP);
                stamp.saturating_sub(sent.duration_since(self.beginning).as_nanos() as u64)
            }
            Way::RoundTrip => {
                self.ask(REPLY);
                nanos_since(sent)
            }
        }
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        self.word.store(END, Ordering::Relaxed);
        if let Some(receiver) = self.receiver.take() {
            let _ = receiver.join();
        }
    }
}
