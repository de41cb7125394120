//! The producers, and what a turn gives.

use std::panic::resume_unwind;
use std::sync::{Barrier, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use crossbeam_utils::CachePadded;
use executor_common::sync::atomic::{AtomicU64, Ordering};
use serde::Serialize;

use crate::role_channel::consumer::{Consumer, Measurement, Producer, Setup, Waiting};
use crate::role_channel::kind::ChannelKind;
use crate::role_channel::place::Place;

/// Messages between two looks at the clock.
const BATCH: u64 = 32;

/// Which cores the threads have; see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Cores {
    /// The consumer is bound to one, the producers are not
    All,
    /// All threads are bound to one
    One,
}

impl Cores {
    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::One => "one",
        }
    }
}

/// What a closure carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// A reference and a number: 16 bytes
    Small,
    /// A reference and seven numbers: a cache line
    Line,
}

impl Size {
    /// In bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Small => 16,
            Self::Line => 64,
        }
    }
}

/// What is sent from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Which cores the threads have.
    pub cores: Cores,
    /// How many threads send.
    pub producers: usize,
    /// What a closure carries.
    pub size: Size,
    /// How many closures may wait.
    pub capacity: usize,
}

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// For so long.
    Time(Duration),
    /// So many messages, of all producers together.
    Messages(u64),
}

impl Load {
    /// Whether that peer can do it.
    pub fn suits(&self, peer: ChannelKind) -> bool {
        self.producers == 1 || peer.has_many_producers()
    }

    /// One turn of a peer: nanoseconds for a message.
    ///
    /// # Errors
    ///
    /// A closure did not run exactly once, or a thread cannot be started or bound.
    pub fn measure(&self, peer: ChannelKind, place: &Place, amount: Amount) -> anyhow::Result<f64> {
        let load = *self;
        let place = place.clone();
        let nanos = match self.size {
            Size::Small => peer.measure(Turn::<1> { load, place, amount }),
            Size::Line => peer.measure(Turn::<7> { load, place, amount }),
        };
        nanos.unwrap_or_else(|| bail!("{peer} carries no closures"))
    }
}

struct Turn<const NUMBERS: usize> {
    load: Load,
    place: Place,
    amount: Amount,
}

/// What has run. Only the consumer's thread writes it.
#[derive(Debug, Default)]
struct Tally {
    messages: AtomicU64,
    sum: AtomicU64,
}

/// What producers have sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    messages: u64,
    sum: u64,
}

impl<const NUMBERS: usize> Measurement for Turn<NUMBERS> {
    type Output = anyhow::Result<f64>;

    fn of<C: Consumer>(self) -> anyhow::Result<f64> {
        let setup = Setup {
            place: self.place.clone(),
            producers: self.load.producers,
            capacity: self.load.capacity,
            waiting: Waiting::Natural,
        };
        let (consumer, mut producers) = C::start(&setup)?;
        // Never freed, so that closures need not count who holds it.
        let tally: &'static CachePadded<Tally> = Box::leak(Box::default());
        // The first ones find memory untouched.
        let warm_up = match self.amount {
            Amount::Time(time) => Amount::Time(time / 10),
            Amount::Messages(_) => Amount::Messages(0),
        };
        let (before, _) = self.drive(&mut producers, tally, warm_up)?;
        let (sent, took) = self.drive(&mut producers, tally, self.amount)?;
        drop(producers);
        drop(consumer);
        // Ordering: Relaxed, here and in `add`; the consumer's end, or its last message, has published them.
        let messages = tally.messages.load(Ordering::Relaxed);
        let sum = tally.sum.load(Ordering::Relaxed);
        let expected = (before.messages + sent.messages, before.sum.wrapping_add(sent.sum));
        ensure!((messages, sum) == expected, "sent {expected:?}, run {:?}", (messages, sum));
        Ok(took.as_nanos() as f64 / sent.messages.max(1) as f64)
    }
}

impl<const NUMBERS: usize> Turn<NUMBERS> {
    /// Lets all producers send, and waits until the last message has run: what was sent, and how long that took.
    fn drive<P: Producer>(
        &self,
        producers: &mut [P],
        tally: &'static Tally,
        amount: Amount,
    ) -> anyhow::Result<(Sent, Duration)> {
        let ready = Barrier::new(producers.len());
        let results: Vec<_> = std::thread::scope(|scope| {
            let start = |producer| scope.spawn(|| self.produce(producer, tally, amount, &ready));
            let threads: Vec<_> = producers.iter_mut().map(start).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|payload| resume_unwind(payload))
            };
            threads.into_iter().map(join).collect()
        });
        // All peers are first in, first out: when this one runs, all others have.
        let (end, ended) = mpsc::channel();
        let last = producers.first_mut().context("no producer")?;
        last.send(move || {
            // The thread below waits for it.
            let _ = end.send(Instant::now());
        });
        let ended = ended.recv().context("the last message has not run")?;
        let mut all = Sent::default();
        let mut begun = ended;
        for result in results {
            let (sent, producer_begun): (Sent, Instant) = result?;
            all.messages += sent.messages;
            all.sum = all.sum.wrapping_add(sent.sum);
            begun = begun.min(producer_begun);
        }
        Ok((all, ended.duration_since(begun)))
    }

    /// One producer. They begin together.
    fn produce<P: Producer>(
        &self,
        producer: &mut P,
        tally: &'static Tally,
        amount: Amount,
        ready: &Barrier,
    ) -> anyhow::Result<(Sent, Instant)> {
        let bound = match self.load.cores {
            Cores::All => Ok(()),
            Cores::One => self.place.bind(self.place.to),
        };
        ready.wait();
        bound?;
        let begun = Instant::now();
        let mut sent = Sent::default();
        let mut send = |messages: u64| {
            for _ in 0..messages {
                let numbers = [sent.messages; NUMBERS];
                producer.send(move || tally.add(numbers));
                sent.messages += 1;
                sent.sum = sent.sum.wrapping_add(numbers.iter().sum());
            }
        };
        match amount {
            Amount::Messages(messages) => send(messages.div_ceil(self.load.producers as u64)),
            Amount::Time(time) => {
                while begun.elapsed() < time {
                    send(BATCH);
                }
            }
        }
        Ok((sent, begun))
    }
}

impl Tally {
    #[inline]
    fn add<const NUMBERS: usize>(&self, numbers: [u64; NUMBERS]) {
        let add = |place: &AtomicU64, number: u64| {
            let before = place.load(Ordering::Relaxed);
            place.store(before.wrapping_add(number), Ordering::Relaxed);
        };
        add(&self.messages, 1);
        add(&self.sum, numbers.iter().sum());
    }
}
