//! Timers and sockets of `async-io` and of tokio on a pool.

#[path = "../../common/tests/programs/io.rs"]
mod programs;
mod support;

use programs::Polled;
use smp_executor::{SmpExecutor, SmpHandle};
use support::{pool, watched};

/// Runs the program on pools of one worker and of two, and fails if a task was polled on a thread of somebody else's.
fn on_pools(program: fn(&SmpHandle, &Polled)) {
    watched(move || {
        for workers in [1, 2] {
            let executor: SmpExecutor = pool(workers);
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
