//! This workspace's symmetric executor.

use executor_common::JoinHandle;
use smp_executor::{SmpExecutor, SmpHandle};

use super::pool::{FuturePool, HandlePool, Pool, PoolKind};
use super::workers::Workers;

/// This workspace's symmetric executor.
#[derive(Debug)]
pub struct Smp {
    executor: SmpExecutor,
    /// Never freed, so that tasks need not count who holds it.
    handle: &'static SmpHandle,
}

impl Pool for Smp {
    const KIND: PoolKind = PoolKind::Smp;
    type Inside = &'static SmpHandle;

    fn build(workers: Workers) -> anyhow::Result<Self> {
        let builder = SmpExecutor::builder().workers(workers.count).pin_workers(workers.pinned);
        let executor = builder.build()?;
        let handle = Box::leak(Box::new(executor.handle()));
        Ok(Self { executor, handle })
    }

    fn inside(&self) -> &'static SmpHandle {
        self.handle
    }

    #[inline]
    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        drop(self.executor.spawn(f));
    }

    #[inline]
    fn detach_inside(inside: &'static SmpHandle, f: impl FnOnce() + Send + 'static) {
        drop(inside.spawn(f));
    }

    fn wakes(&self) -> Option<u64> {
        Some(self.executor.metrics().workers.iter().map(|worker| worker.wakes).sum())
    }
}

impl HandlePool for Smp {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    #[inline]
    fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.executor.spawn(f)
    }

    #[inline]
    fn spawn_inside<T: Send + 'static>(
        inside: &'static SmpHandle,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        inside.spawn(f)
    }

    #[inline]
    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|error| panic!("{error}"))
    }

    fn detach_joiner(
        &self,
        make: impl FnOnce() -> Vec<JoinHandle<u64>> + Send + 'static,
        then: impl FnOnce(u64) + Send + 'static,
    ) {
        self.detach(move || then(make().into_iter().map(Self::join).sum()));
    }
}

impl FuturePool for Smp {
    #[inline]
    fn spawn_future<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.executor.spawn_future(future)
    }

    #[inline]
    fn detach_future(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.executor.spawn_future(future));
    }

    #[inline]
    fn detach_future_inside(
        inside: &'static SmpHandle,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        drop(inside.spawn_future(future));
    }

    async fn output<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.unwrap_or_else(|error| panic!("{error}"))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.executor.block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smp_executor::yield_now()
    }
}
