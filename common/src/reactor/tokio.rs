//! tokio's runtime as a reactor.

use std::pin::Pin;
use std::time::Instant;

use ::tokio::runtime::Runtime;
use ::tokio::task::unconstrained;
use ::tokio::time::sleep_until;

use super::Reactor;

/// Feature `tokio`. A runtime without threads: `Builder::new_current_thread().enable_all()`. A worker's tasks are within the runtime, and can use
/// tokio's sockets and timers as they are; what is spawned on the runtime itself runs on a worker's thread between the worker's turns.
///
/// One thread turns a runtime for all others, and while a task blocks that thread, it stands still. As tokio's timers, [`Reactor::sleep_until`] has
/// a resolution of a millisecond; it panics if the runtime has none. A runtime waits at its end for what it blocks on, and must not end within another one: nor
/// must an executor that waits in it.
impl Reactor for Runtime {
    fn block_on(&self, worker: Pin<&mut dyn Future<Output = ()>>) {
        // Its budget is that of one task, and there are many in a worker.
        self.block_on(unconstrained(worker));
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(sleep_until(deadline.into()))
    }
}
