//! The reactor of `async-io`.

use std::pin::Pin;
use std::time::Instant;

use ::async_io::Timer;

use super::Reactor;

/// The reactor of [async-io](::async_io) (feature `async-io`): of smol, `async-net`, `zbus` and others. A process has one; its idle workers
/// take turns in it, and the library's own thread sees to it while all of them are busy.
///
/// # Examples
///
/// ```
/// use executor_common::{AsyncIo, WorkerParker};
///
/// let parker = WorkerParker::new(Some(std::sync::Arc::new(AsyncIo)));
/// parker.run(async {
///     async_io::Timer::after(std::time::Duration::from_millis(1)).await;
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncIo;

impl Reactor for AsyncIo {
    fn block_on(&self, worker: Pin<&mut dyn Future<Output = ()>>) {
        ::async_io::block_on(worker);
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            Timer::at(deadline).await;
        })
    }
}
