//! A load that keeps a pool busy.

use executor_common::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::peers::{Countdown, FuturePool, Pool};
use crate::work::Work;

/// Tasks that are queued or running at any time, for each worker: one of them waits while another one runs. More would make the task
/// wait longer where it stands in line with them.
pub(crate) const CHAINS_PER_WORKER: usize = 2;

/// Chains of tasks: each task computes, then queues the next one of its chain on the pool that it runs on, so that there is always
/// something to do and no thread of the load's own beside the workers.
#[derive(Debug)]
pub(crate) struct Load {
    task: Work,
    stopped: AtomicBool,
    tasks: AtomicU64,
    left: Countdown,
}

impl Load {
    /// So many chains of such tasks. Never freed, so that tasks need not count who holds it.
    pub(crate) fn leak(task: Work, chains: usize) -> &'static Self {
        let load = Self {
            task,
            stopped: AtomicBool::new(false),
            tasks: AtomicU64::new(0),
            left: Countdown::default(),
        };
        load.left.set(chains);
        Box::leak(Box::new(load))
    }

    /// One task, without queueing the next one.
    pub(crate) fn compute(&self) {
        self.task.compute();
        // Ordering: Relaxed; it is a statistic.
        self.tasks.fetch_add(1, Ordering::Relaxed);
    }

    /// Tasks that have run.
    pub(crate) fn tasks(&self) -> u64 {
        // Ordering: Relaxed; it is a statistic.
        self.tasks.load(Ordering::Relaxed)
    }

    /// Whether the chains are to go on. One that does not says so by [`Load::chain_ends`].
    pub(crate) fn goes_on(&self) -> bool {
        // Ordering: Relaxed; nothing is published by it.
        !self.stopped.load(Ordering::Relaxed)
    }

    /// A chain queues nothing any more.
    pub(crate) fn chain_ends(&self) {
        self.left.done();
    }

    /// Ends all chains, and waits for their last tasks.
    pub(crate) fn stop(&self) {
        // Ordering: see `goes_on`.
        self.stopped.store(true, Ordering::Relaxed);
        self.left.wait();
    }

    /// Starts so many chains of closures.
    pub(crate) fn start_on<P: Pool>(&'static self, pool: &P, chains: usize) {
        let inside = pool.inside();
        for _ in 0..chains {
            pool.detach(move || self.link::<P>(inside));
        }
    }

    fn link<P: Pool>(&'static self, inside: P::Inside) {
        self.compute();
        if self.goes_on() {
            P::detach_inside(inside, move || self.link::<P>(inside));
        } else {
            self.chain_ends();
        }
    }

    /// Starts so many futures that yield after each computation, which is how such a load is written where there are futures.
    pub(crate) fn start_yielding_on<P: FuturePool>(&'static self, pool: &P, chains: usize) {
        for _ in 0..chains {
            pool.detach_future(self.yielding_chain(P::yield_now));
        }
    }

    /// One such future.
    pub(crate) async fn yielding_chain<F: Future<Output = ()> + Send>(
        &'static self,
        yield_now: impl Fn() -> F + Send,
    ) {
        while self.goes_on() {
            self.compute();
            yield_now().await;
        }
        self.chain_ends();
    }
}
