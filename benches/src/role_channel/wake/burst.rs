//! A turn of bursts.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use crate::role_channel::consumer::{Answer, Consumer, Measurement, Producer, Setup, nanos_since};
use crate::role_channel::exchange::compute;
use crate::rounds::{Percentiles, Spread, new_histogram};

/// What one turn gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Burst {
    /// The sender's time, divided by the number of messages.
    pub(super) send_each_ns: Percentiles,
    /// From just before the first one is sent to the last one's first instruction.
    pub(super) until_last_ns: Percentiles,
    /// How often the receiver's thread waited for something, by the kernel's count, where it has one.
    pub(super) kernel_wakes: Option<Wakes>,
    /// How often the receiver was woken, where it counts that.
    pub(super) own_wakes: Option<Wakes>,
}

/// Wake-ups of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Wakes {
    pub(super) median: f64,
    pub(super) mean: f64,
}

impl Wakes {
    /// From what a counter said before the first burst and after each one.
    fn between(counts: &[Option<u64>]) -> Option<Self> {
        let counts: Vec<u64> = counts.iter().copied().collect::<Option<_>>()?;
        let each: Vec<_> = counts.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        Some(Self { median: Spread::of(each)?.median, mean })
    }
}

#[derive(Clone, Debug)]
pub(super) struct BurstTurn {
    pub(super) setup: Setup,
    pub(super) messages: u64,
    pub(super) bursts: u64,
    /// Before each, spent computing.
    pub(super) pause: Duration,
}

impl Measurement for BurstTurn {
    type Output = anyhow::Result<Burst>;

    fn of<C: Consumer>(self) -> anyhow::Result<Burst> {
        let (consumer, mut producers) = C::start(&self.setup)?;
        self.setup.place.bind(self.setup.place.from)?;
        let mut producer = producers.pop().context("no producer")?;
        let answer = Answer::leak();
        let (tell, told) = mpsc::channel();
        producer.send(move || {
            // The thread below waits for it.
            let _ = tell.send(this_thread());
        });
        let thread = told.recv().context("the receiver's thread has ended")?;
        let mut send_each = new_histogram()?;
        let mut until_last = new_histogram()?;
        let (mut kernel, mut own) = (Vec::new(), Vec::new());
        // The first one finds memory untouched.
        burst(&mut producer, self.messages, answer);
        for _ in 0..self.bursts {
            compute(self.pause);
            kernel.push(waits_of(thread));
            own.push(consumer.wakes());
            // Reading the counts has taken a while, and let the receiver's core out of this one's sight.
            compute(self.pause / 10);
            let (sent, last) = burst(&mut producer, self.messages, answer);
            send_each.saturating_record(sent / self.messages);
            until_last.saturating_record(last);
        }
        compute(self.pause);
        kernel.push(waits_of(thread));
        own.push(consumer.wakes());
        Ok(Burst {
            send_each_ns: Percentiles::of(&send_each),
            until_last_ns: Percentiles::of(&until_last),
            kernel_wakes: Wakes::between(&kernel),
            own_wakes: Wakes::between(&own),
        })
    }
}

/// Nanoseconds until all are sent, and until the last one has begun.
fn burst<P: Producer>(producer: &mut P, messages: u64, answer: &'static Answer) -> (u64, u64) {
    let begun = Instant::now();
    for _ in 1..messages {
        producer.send(|| std::hint::black_box(()));
    }
    // First in, first out: this one is the last one.
    producer.send(move || answer.give(nanos_since(begun)));
    let sent = nanos_since(begun);
    (sent, answer.take())
}

/// The calling thread's number, where it has one.
#[cfg(target_os = "linux")]
fn this_thread() -> Option<i32> {
    Some(rustix::thread::gettid().as_raw_nonzero().get())
}

/// Not known.
#[cfg(not(target_os = "linux"))]
fn this_thread() -> Option<i32> {
    None
}

/// How often a thread of this process has given up its core to wait for something.
fn waits_of(thread: Option<i32>) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/self/task/{}/status", thread?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_ups_are_the_differences_of_a_count() {
        let counts = [10, 11, 12, 15].map(Some);
        assert_eq!(Wakes::between(&counts), Some(Wakes { median: 1.0, mean: 5.0 / 3.0 }));
        assert_eq!(Wakes::between(&[Some(1), None]), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_sleeps_waits() {
        let thread = this_thread();
        let before = waits_of(thread).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        assert!(waits_of(thread).unwrap() > before);
    }
}
