//! The hand-written pool.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take boxed closures from one channel: what a pool without ideas costs.
///
/// # Examples
///
/// ```
/// use benches::peers::{ChannelPool, Countdown};
///
/// let pool = ChannelPool::new(1);
/// let left = Countdown::leak();
/// left.set(1);
/// pool.spawn(|| left.done());
/// left.wait();
/// ```
#[derive(Debug)]
pub struct ChannelPool {
    /// `None` while it is dropped.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl ChannelPool {
    /// A pool of so many threads.
    pub fn new(workers: usize) -> Self {
        let (sender, receiver) = unbounded();
        let threads = (0..workers)
            .map(|_| {
                let jobs: Receiver<Job> = receiver.clone();
                std::thread::spawn(move || jobs.iter().for_each(|job| job()))
            })
            .collect();
        Self { jobs: Some(sender), threads }
    }

    /// Queues a closure.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        Self::push(self.sender(), job);
    }

    /// The sending end, for closures that spawn further ones. The threads end when all of them are gone.
    pub fn sender(&self) -> &Sender<Job> {
        self.jobs.as_ref().unwrap_or_else(|| unreachable!("it is taken by the drop alone"))
    }

    /// Queues a closure at a sending end.
    pub fn push(jobs: &Sender<Job>, job: impl FnOnce() + Send + 'static) {
        // The threads hold the receiving end until all senders are gone.
        let _ = jobs.send(Box::new(job));
    }
}

impl Drop for ChannelPool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
