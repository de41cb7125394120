//! crossbeam's ring without a way to block.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use super::{Job, Jobs, Next, Queue, push_polled, run_polled};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

pub(in crate::role_channel) struct Ring;

/// One of the ring's owners. The consumer ends when it is the last one.
#[derive(Clone)]
pub(in crate::role_channel) struct RingProducer(Arc<ArrayQueue<Job>>);

pub(in crate::role_channel) struct RingConsumer(Arc<ArrayQueue<Job>>);

impl Queue for Ring {
    type Producer = RingProducer;
    type Jobs = RingConsumer;

    fn open(setup: &Setup) -> (Vec<RingProducer>, RingConsumer) {
        let ring = Arc::new(ArrayQueue::new(setup.capacity));
        (vec![RingProducer(Arc::clone(&ring)); setup.producers], RingConsumer(ring))
    }
}

impl Producer for RingProducer {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        push_polled(Box::new(job), |job| self.0.push(job));
    }
}

impl Jobs for RingConsumer {
    fn run(mut self, waiting: Waiting) {
        run_polled(waiting, || {
            if let Some(job) = self.0.pop() {
                return Next::Job(job);
            }
            // The count is a hint; `get_mut` sees what those that are gone have pushed.
            if Arc::strong_count(&self.0) > 1 || Arc::get_mut(&mut self.0).is_none() {
                return Next::Empty;
            }
            self.0.pop().map_or(Next::Ended, Next::Job)
        });
    }
}
