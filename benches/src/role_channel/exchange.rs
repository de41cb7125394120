//! One message at a time, there and back.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use super::bare;
use super::consumer::{Answer, Consumer, Measurement, Producer, Setup};
use super::kind::ChannelKind;
use crate::rounds::{Percentiles, new_histogram};

/// Up to what is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From just before the message is sent to the receiver's first instruction
    OneWay,
    /// From just before the message is sent until the sender has seen that its task is over
    RoundTrip,
}

impl Way {
    /// As the tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneWay => "one-way",
            Self::RoundTrip => "round-trip",
        }
    }
}

/// Sends a message and waits, spinning, until it has been dealt with.
pub trait Exchange: Send {
    /// How long it took in nanoseconds, one clock reading included.
    fn exchange(&mut self, way: Way) -> u64;
}

/// A consumer with its only producer.
struct Asking<C: Consumer> {
    /// Dropped first, so that the consumer can end.
    producer: C::Producer,
    _consumer: C,
    answer: &'static Answer,
}

impl<C: Consumer> Exchange for Asking<C> {
    fn exchange(&mut self, way: Way) -> u64 {
        match way {
            Way::OneWay => self.producer.one_way(self.answer),
            Way::RoundTrip => self.producer.round_trip(self.answer),
        }
    }
}

struct Open(Setup);

impl Measurement for Open {
    type Output = anyhow::Result<Box<dyn Exchange>>;

    fn of<C: Consumer>(self) -> Self::Output {
        let (consumer, mut producers) = C::start(&self.0)?;
        let producer = producers.pop().context("no producer")?;
        Ok(Box::new(Asking { producer, _consumer: consumer, answer: Answer::leak() }))
    }
}

/// Starts the receiver of this name. The calling thread must not be bound to a core yet.
///
/// # Errors
///
/// A thread cannot be started or bound, or the name means nothing on this system.
pub fn open(kind: ChannelKind, setup: &Setup) -> anyhow::Result<Box<dyn Exchange>> {
    match kind.measure(Open(setup.clone())) {
        Some(exchange) => exchange,
        None => bare::open(kind, &setup.place),
    }
}

/// One turn of a peer.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) way: Way,
    pub(super) setup: Setup,
    /// Messages that are timed.
    pub(super) samples: u64,
    /// From the end of an exchange to the next one, spent computing.
    pub(super) pause: Duration,
    /// A turn that has lasted longer ends with the next message.
    pub(super) patience: Duration,
}

impl Turn {
    pub(super) fn measure(&self, kind: ChannelKind) -> anyhow::Result<Percentiles> {
        let mut exchange = open(kind, &self.setup)?;
        self.setup.place.bind(self.setup.place.from)?;
        let mut histogram = new_histogram()?;
        let begun = Instant::now();
        // The first ones find memory untouched.
        for _ in 0..(self.samples / 20).max(1) {
            compute(self.pause);
            exchange.exchange(self.way);
            if begun.elapsed() > self.patience {
                break;
            }
        }
        let begun = Instant::now();
        for _ in 0..self.samples {
            compute(self.pause);
            histogram.saturating_record(exchange.exchange(self.way));
            if begun.elapsed() > self.patience {
                break;
            }
        }
        Ok(Percentiles::of(&histogram))
    }
}

/// Keeps the core busy.
pub fn compute(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        spin_loop();
    }
}

/// What a reading of the clock costs, in nanoseconds.
pub(super) fn clock_ns() -> f64 {
    const READINGS: u32 = 10_000;
    let begun = Instant::now();
    for _ in 0..READINGS {
        std::hint::black_box(Instant::now());
    }
    begun.elapsed().as_nanos() as f64 / f64::from(READINGS)
}
