//! rayon.

use std::sync::{Arc, Weak};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::pool::{Pool, PoolKind};
use super::workers::{Cpus, Workers};

/// rayon's thread pool. Unlike rayon's own, it waits for its threads' end when it is dropped.
#[derive(Debug)]
pub struct Rayon {
    pool: Option<Arc<ThreadPool>>,
    ended: crossbeam_channel::Receiver<()>,
}

impl Rayon {
    /// A way into the pool that does not keep it.
    pub(crate) fn downgrade(&self) -> Weak<ThreadPool> {
        self.pool.as_ref().map_or_else(Weak::new, Arc::downgrade)
    }
}

impl Pool for Rayon {
    const KIND: PoolKind = PoolKind::Rayon;
    type Inside = ();

    fn build(workers: Workers) -> anyhow::Result<Self> {
        let cpus = Cpus::allowed()?;
        let start = move |worker| {
            if workers.pinned {
                cpus.pin_calling_thread_or_say_so(worker);
            }
        };
        // Each thread takes a sender to its end.
        let (sender, ended) = crossbeam_channel::bounded(0);
        let pool = ThreadPoolBuilder::new()
            .num_threads(workers.count)
            .start_handler(start)
            .spawn_handler(|thread| {
                let sender = sender.clone();
                std::thread::Builder::new().spawn(move || {
                    thread.run();
                    drop(sender);
                })?;
                Ok(())
            })
            .build()?;
        Ok(Self { pool: Some(Arc::new(pool)), ended })
    }

    fn inside(&self) {}

    #[inline]
    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        match &self.pool {
            Some(pool) => pool.spawn(f),
            None => unreachable!("it is taken by the drop alone"),
        }
    }

    #[inline]
    fn detach_inside((): (), f: impl FnOnce() + Send + 'static) {
        rayon::spawn(f);
    }
}

impl Drop for Rayon {
    fn drop(&mut self) {
        drop(self.pool.take());
        // Nobody sends: this ends with the last sender.
        let _ = self.ended.recv();
    }
}
