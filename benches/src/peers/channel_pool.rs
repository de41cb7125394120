//! The hand-written pool.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::pool::{Pool, PoolKind};
use super::workers::{Cpus, Workers};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take boxed closures from one channel: what a pool without ideas costs.
///
/// # Examples
///
/// ```
/// use benches::peers::{ChannelPool, Countdown, Pool, Workers};
///
/// let pool = ChannelPool::build(Workers::unpinned(1))?;
/// let left = Countdown::leak();
/// left.set(1);
/// pool.detach(|| left.done());
/// left.wait();
/// # anyhow::Ok(())
/// ```
#[derive(Debug)]
pub struct ChannelPool {
    /// Never freed, so that tasks need not count who holds it. `None` ends one thread.
    jobs: &'static Sender<Option<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool for ChannelPool {
    const KIND: PoolKind = PoolKind::Channel;
    type Inside = &'static Sender<Option<Job>>;

    fn build(workers: Workers) -> anyhow::Result<Self> {
        let cpus = Cpus::allowed()?;
        let (sender, receiver) = unbounded();
        let mut pool = Self { jobs: Box::leak(Box::new(sender)), threads: Vec::new() };
        for worker in 0..workers.count {
            let jobs: Receiver<Option<Job>> = receiver.clone();
            let cpus = cpus.clone();
            let main = move || {
                if workers.pinned {
                    cpus.pin_calling_thread_or_say_so(worker);
                }
                jobs.iter().map_while(|job| job).for_each(|job| job());
            };
            pool.threads.push(std::thread::Builder::new().spawn(main)?);
        }
        Ok(pool)
    }

    fn inside(&self) -> Self::Inside {
        self.jobs
    }

    #[inline]
    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        Self::detach_inside(self.jobs, f);
    }

    #[inline]
    fn detach_inside(inside: Self::Inside, f: impl FnOnce() + Send + 'static) {
        // It can only fail where all threads have ended.
        let _ = inside.send(Some(Box::new(f)));
    }
}

impl Drop for ChannelPool {
    fn drop(&mut self) {
        for _ in &self.threads {
            let _ = self.jobs.send(None);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
