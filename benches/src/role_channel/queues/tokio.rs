//! tokio's mpsc, with a runtime of one thread.

use tokio::runtime::Builder;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Job, Jobs, Queue};
use crate::role_channel::consumer::{Producer, Setup, Waiting};

pub(in crate::role_channel) struct Tokio;

impl Queue for Tokio {
    type Producer = Sender<Job>;
    type Jobs = Receiver<Job>;

    fn open(setup: &Setup) -> (Vec<Sender<Job>>, Receiver<Job>) {
        let (sender, receiver) = channel(setup.capacity);
        (vec![sender; setup.producers], receiver)
    }
}

impl Producer for Sender<Job> {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        // It can only fail where the consumer has ended, which it does after its producers.
        let _ = self.blocking_send(Box::new(job));
    }
}

impl Jobs for Receiver<Job> {
    /// It knows one way of waiting.
    fn run(mut self, _waiting: Waiting) {
        let runtime = Builder::new_current_thread().build();
        runtime.unwrap_or_else(|error| panic!("{error}")).block_on(async {
            while let Some(job) = self.recv().await {
                job();
            }
        });
    }
}
