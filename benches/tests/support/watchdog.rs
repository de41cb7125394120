//! Tests that cannot hang.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Runs a test's body on a thread of its own, and fails if it has not ended after a minute.
pub(crate) fn within_a_minute(body: impl FnOnce() + Send + 'static) {
    let (ended, end) = channel();
    let thread = std::thread::spawn(move || {
        body();
        let _ = ended.send(());
    });
    match end.recv_timeout(Duration::from_secs(60)) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => panic!("the test has not ended after a minute"),
        // It has panicked, and `join` hands the panic on.
        Err(RecvTimeoutError::Disconnected) => {}
    }
    if let Err(payload) = thread.join() {
        std::panic::resume_unwind(payload);
    }
}
