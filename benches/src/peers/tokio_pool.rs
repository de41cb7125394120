//! tokio.

use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::pool::{FuturePool, HandlePool, Pool, PoolKind};
use super::workers::{Cpus, Workers};

/// tokio's multi-thread runtime without its I/O and time drivers.
#[derive(Debug)]
pub struct Tokio {
    runtime: Runtime,
}

impl Tokio {
    /// A way into the runtime that does not keep it.
    pub(crate) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }
}

impl Pool for Tokio {
    const KIND: PoolKind = PoolKind::Tokio;
    type Inside = ();

    fn build(workers: Workers) -> anyhow::Result<Self> {
        let cpus = Cpus::allowed()?;
        let next = Arc::new(AtomicUsize::new(0));
        let start = move || {
            if workers.pinned {
                // Ordering: Relaxed. A number of its own is all that each thread wants.
                cpus.pin_calling_thread_or_say_so(next.fetch_add(1, Ordering::Relaxed));
            }
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.count)
            .on_thread_start(start)
            .build()?;
        Ok(Self { runtime })
    }

    fn inside(&self) {}

    #[inline]
    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        drop(self.runtime.spawn(async { f() }));
    }

    #[inline]
    fn detach_inside((): (), f: impl FnOnce() + Send + 'static) {
        drop(tokio::spawn(async { f() }));
    }
}

impl HandlePool for Tokio {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    #[inline]
    fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(async { f() })
    }

    #[inline]
    fn spawn_inside<T: Send + 'static>(
        (): (),
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        tokio::spawn(async { f() })
    }

    #[inline]
    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        futures_lite::future::block_on(Self::output(handle))
    }

    fn detach_joiner(
        &self,
        make: impl FnOnce() -> Vec<JoinHandle<u64>> + Send + 'static,
        then: impl FnOnce(u64) + Send + 'static,
    ) {
        self.detach_future(async {
            let mut sum = 0;
            for handle in make() {
                sum += Self::output(handle).await;
            }
            then(sum);
        });
    }
}

impl FuturePool for Tokio {
    #[inline]
    fn spawn_future<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    #[inline]
    fn detach_future(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(future));
    }

    #[inline]
    fn detach_future_inside((): (), future: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(future));
    }

    async fn output<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.unwrap_or_else(|error| panic!("{error}"))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}
