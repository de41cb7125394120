//! Timers and sockets of `async-io` and of tokio on a pool.

#[path = "../../common/tests/programs/io.rs"]
mod programs;
mod support;

use programs::Polled;
use smp_executor::{AsyncIo, SmpExecutor, SmpHandle};
use support::watched;

/// Of so many workers, which wait in place, or in a reactor.
fn pools(workers: usize) -> [SmpExecutor; 3] {
    let builder = || SmpExecutor::builder().workers(workers);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    [builder(), builder().reactor(AsyncIo), builder().reactor(runtime)]
        .map(|builder| builder.build().unwrap())
}

/// Runs the program on pools of one worker and of two, and fails if a task was polled on a thread of somebody else's.
fn on_pools(program: fn(&SmpHandle, &Polled)) {
    watched(move || {
        for executor in [1, 2].into_iter().flat_map(pools) {
            let polled = Polled::default();
            program(&executor.handle(), &polled);
            polled.only_on(&executor.broadcast(|_| std::thread::current().id()));
            assert!(executor.shutdown().is_clean());
        }
    });
}

#[test]
fn a_timer_of_async_io() {
    on_pools(programs::async_io_timer);
}

#[test]
fn sockets_of_async_io() {
    on_pools(programs::async_io_echo);
}

#[test]
fn a_timer_of_tokio() {
    on_pools(programs::tokio_timer);
}

#[test]
fn sockets_of_tokio() {
    on_pools(programs::tokio_echo);
}
