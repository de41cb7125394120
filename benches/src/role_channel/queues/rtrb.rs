//! rtrb, for one producer.

use rtrb::{Consumer, PushError, RingBuffer};

use super::{Job, Jobs, Next, Queue, push_polled, run_polled};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

pub(in crate::role_channel) struct Rtrb;

impl Queue for Rtrb {
    type Producer = rtrb::Producer<Job>;
    type Jobs = Consumer<Job>;

    fn open(setup: &Setup) -> (Vec<rtrb::Producer<Job>>, Consumer<Job>) {
        let (producer, consumer) = RingBuffer::new(setup.capacity);
        (vec![producer], consumer)
    }
}

impl Producer for rtrb::Producer<Job> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        push_polled(Box::new(job), |job| self.push(job).map_err(|PushError::Full(job)| job));
    }
}

impl Jobs for Consumer<Job> {
    fn run(mut self, waiting: Waiting) {
        run_polled(waiting, || {
            if let Ok(job) = self.pop() {
                return Next::Job(job);
            }
            if !self.is_abandoned() {
                return Next::Empty;
            }
            // What came before the producer went.
            self.pop().map_or(Next::Ended, Next::Job)
        });
    }
}
