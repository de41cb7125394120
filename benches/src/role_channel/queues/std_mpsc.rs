//! The standard library's bounded channel.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use super::{Job, Jobs, Next, Queue, run_polled};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

pub(in crate::role_channel) struct Std;

impl Queue for Std {
    type Producer = SyncSender<Job>;
    type Jobs = Receiver<Job>;

    fn open(setup: &Setup) -> (Vec<SyncSender<Job>>, Receiver<Job>) {
        let (sender, receiver) = sync_channel(setup.capacity);
        (vec![sender; setup.producers], receiver)
    }
}

impl Producer for SyncSender<Job> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        // It can only fail where the consumer has ended, which it does after its producers.
        let _ = SyncSender::send(self, Box::new(job));
    }
}

impl Jobs for Receiver<Job> {
    fn run(self, waiting: Waiting) {
        match waiting {
            Waiting::Spin => run_polled(waiting, || match self.try_recv() {
                Ok(job) => Next::Job(job),
                Err(TryRecvError::Empty) => Next::Empty,
                Err(TryRecvError::Disconnected) => Next::Ended,
            }),
            Waiting::Natural | Waiting::Park => self.iter().for_each(|job| job()),
        }
    }
}
