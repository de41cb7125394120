//! What all of these tests need.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use smp_executor::SmpExecutor;

/// How long a test may take before it counts as hanging. Sanitizers, for which `unpooled` stands, make it ten times slower.
const LIMIT: Duration = Duration::from_secs(if cfg!(unpooled) { 600 } else { 60 });

/// Runs `body` on a thread of its own, and fails if it has not ended in time: a hang is a failure, not a wait.
pub(crate) fn watched(body: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match finished.recv_timeout(LIMIT) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(payload) = thread.join() {
                std::panic::resume_unwind(payload);
            }
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
    }
}

/// A pool of `workers`.
#[allow(dead_code, reason = "not every test file builds a plain pool")]
pub(crate) fn pool(workers: usize) -> SmpExecutor {
    SmpExecutor::builder().workers(workers).build().expect("a few threads are to be had")
}
