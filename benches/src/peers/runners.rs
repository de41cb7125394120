//! Threads for executors that bring none.

use std::thread::JoinHandle;

use futures_lite::future::block_on;
use tokio::sync::oneshot;

use super::workers::{Cpus, Workers};

/// Threads that run an executor until this is dropped.
#[derive(Debug)]
pub(super) struct Runners {
    /// Dropping them ends the threads.
    stops: Vec<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Runners {
    /// So many threads; `run` runs the executor until the receiver is done.
    pub(super) fn start<F>(
        workers: Workers,
        run: impl Fn(oneshot::Receiver<()>) -> F + Copy + Send + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future,
    {
        let cpus = Cpus::allowed()?;
        let mut runners = Self { stops: Vec::new(), threads: Vec::new() };
        for worker in 0..workers.count {
            let (stop, stopped) = oneshot::channel();
            let cpus = cpus.clone();
            let main = move || {
                if workers.pinned {
                    cpus.pin_calling_thread_or_say_so(worker);
                }
                block_on(run(stopped));
            };
            runners.stops.push(stop);
            runners.threads.push(std::thread::Builder::new().spawn(main)?);
        }
        Ok(runners)
    }
}

impl Drop for Runners {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
