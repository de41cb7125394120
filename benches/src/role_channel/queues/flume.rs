//! flume.

use flume::{Receiver, Sender, bounded};

use super::{Job, Jobs, Queue};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

pub(in crate::role_channel) struct Flume;

impl Queue for Flume {
    type Producer = Sender<Job>;
    type Jobs = Receiver<Job>;

    fn open(setup: &Setup) -> (Vec<Sender<Job>>, Receiver<Job>) {
        let (sender, receiver) = bounded(setup.capacity);
        (vec![sender; setup.producers], receiver)
    }
}

impl Producer for Sender<Job> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        // It can only fail where the consumer has ended, which it does after its producers.
        let _ = Sender::send(self, Box::new(job));
    }
}

impl Jobs for Receiver<Job> {
    /// Always as the crate waits.
    fn run(self, _waiting: Waiting) {
        while let Ok(job) = self.recv() {
            job();
        }
    }
}
