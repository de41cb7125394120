//! async-executor with threads.

use std::thread::JoinHandle;

use async_executor::Executor;
use executor_common::sync::Arc;
use futures_lite::future::block_on;
use tokio::sync::oneshot;

/// async-executor brings no threads; this gives it some, as its documentation does.
#[derive(Debug)]
pub struct AsyncExecutorPool {
    executor: Arc<Executor<'static>>,
    /// Dropping them ends the threads.
    stops: Vec<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl AsyncExecutorPool {
    /// An executor with so many threads.
    pub fn new(workers: usize) -> Self {
        let executor = Arc::new(Executor::new());
        let (stops, threads) = (0..workers)
            .map(|_| {
                let (stop, stopped) = oneshot::channel();
                let executor = Arc::clone(&executor);
                let run = move || {
                    let _ = block_on(executor.run(stopped));
                };
                (stop, std::thread::spawn(run))
            })
            .unzip();
        Self { executor, stops, threads }
    }

    /// The executor.
    pub fn executor(&self) -> &Arc<Executor<'static>> {
        &self.executor
    }
}

impl Drop for AsyncExecutorPool {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
