//! crossfire's bounded channel for many producers and one consumer.

use crossfire::mpsc::{Array, bounded_blocking};
use crossfire::{MTx, Rx, detect_backoff_cfg};

use super::{Job, Jobs, Queue};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

pub(in crate::role_channel) struct Crossfire;

impl Queue for Crossfire {
    type Producer = MTx<Array<Job>>;
    type Jobs = Rx<Array<Job>>;

    fn open(setup: &Setup) -> (Vec<MTx<Array<Job>>>, Rx<Array<Job>>) {
        // What its documentation asks programs on virtual machines to do.
        detect_backoff_cfg();
        let (sender, receiver) = bounded_blocking(setup.capacity);
        (vec![sender; setup.producers], receiver)
    }
}

impl Producer for MTx<Array<Job>> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        // It can only fail where the consumer has ended, which it does after its producers.
        let job: Job = Box::new(job);
        let _ = (**self).send(job);
    }
}

impl Jobs for Rx<Array<Job>> {
    /// Always as the crate waits.
    fn run(self, _waiting: Waiting) {
        while let Ok(job) = self.recv() {
            job();
        }
    }
}
