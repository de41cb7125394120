//! async-executor with threads.

use std::fmt::Debug;

use async_executor::{Executor, StaticExecutor, Task};
use futures_lite::future;

use super::pool::{FuturePool, HandlePool, Pool, PoolKind};
use super::runners::Runners;
use super::workers::Workers;

/// One of async-executor's two executors.
pub trait Flavour: Debug + Sync + 'static {
    /// Which one.
    const KIND: PoolKind;

    /// A new one, which is never freed.
    fn leak() -> &'static Self;

    /// Queues a future.
    fn spawn<T: Send + 'static>(
        &'static self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T>;

    /// Runs queued tasks until `future` is done.
    fn run<T>(&'static self, future: impl Future<Output = T>) -> impl Future<Output = T>;
}

impl Flavour for Executor<'static> {
    const KIND: PoolKind = PoolKind::AsyncExecutor;

    fn leak() -> &'static Self {
        Box::leak(Box::new(Executor::new()))
    }

    #[inline]
    fn spawn<T: Send + 'static>(
        &'static self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        Executor::spawn(self, future)
    }

    fn run<T>(&'static self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        Executor::run(self, future)
    }
}

impl Flavour for StaticExecutor {
    const KIND: PoolKind = PoolKind::AsyncExecutorStatic;

    fn leak() -> &'static Self {
        Executor::new().leak()
    }

    #[inline]
    fn spawn<T: Send + 'static>(
        &'static self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        StaticExecutor::spawn(self, future)
    }

    fn run<T>(&'static self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        StaticExecutor::run(self, future)
    }
}

/// async-executor brings no threads; this gives it some, as its documentation does.
#[derive(Debug)]
pub struct AsyncExecutorPool<E: Flavour> {
    executor: &'static E,
    /// Dropped with its threads.
    _runners: Runners,
}

impl<E: Flavour> Pool for AsyncExecutorPool<E> {
    const KIND: PoolKind = E::KIND;
    type Inside = &'static E;

    fn build(workers: Workers) -> anyhow::Result<Self> {
        let executor = E::leak();
        let runners = Runners::start(workers, |stopped| executor.run(stopped))?;
        Ok(Self { executor, _runners: runners })
    }

    fn inside(&self) -> &'static E {
        self.executor
    }

    #[inline]
    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        Self::detach_inside(self.executor, f);
    }

    #[inline]
    fn detach_inside(inside: &'static E, f: impl FnOnce() + Send + 'static) {
        inside.spawn(async { f() }).detach();
    }
}

impl<E: Flavour> HandlePool for AsyncExecutorPool<E> {
    type Handle<T: Send + 'static> = Task<T>;

    #[inline]
    fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        Self::spawn_inside(self.executor, f)
    }

    #[inline]
    fn spawn_inside<T: Send + 'static>(
        inside: &'static E,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Task<T> {
        inside.spawn(async { f() })
    }

    #[inline]
    fn join<T: Send + 'static>(handle: Task<T>) -> T {
        future::block_on(handle)
    }

    fn detach_joiner(
        &self,
        make: impl FnOnce() -> Vec<Task<u64>> + Send + 'static,
        then: impl FnOnce(u64) + Send + 'static,
    ) {
        self.detach_future(async {
            let mut sum = 0;
            for handle in make() {
                sum += handle.await;
            }
            then(sum);
        });
    }
}

impl<E: Flavour> FuturePool for AsyncExecutorPool<E> {
    #[inline]
    fn spawn_future<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        self.executor.spawn(future)
    }

    #[inline]
    fn detach_future(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(future).detach();
    }

    #[inline]
    fn detach_future_inside(inside: &'static E, future: impl Future<Output = ()> + Send + 'static) {
        inside.spawn(future).detach();
    }

    async fn output<T: Send + 'static>(handle: Task<T>) -> T {
        handle.await
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        future::block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
}
