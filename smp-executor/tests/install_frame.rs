//! The frame of `install` is lent to a worker, so it is not left before the worker is done, whatever foreign code does.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use executor_common::{Blocker, set_blocker};
use smp_executor::SmpExecutor;

/// Set where this program is to be its own child.
const CHILD: &str = "INSTALL_FRAME_CHILD";

/// The waiting thread is about to unwind.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// Waits for a worker in `install`, on a thread whose blocker panics as the wait begins.
fn unwind_while_a_worker_runs() {
    let begin = || {
        BEGUN.store(true, Ordering::Release);
        panic!("the blocker of this thread");
    };
    let pool = SmpExecutor::builder().workers(1).build().unwrap();
    set_blocker(Some(Blocker { begin, end: || () }));
    let borrowed = AtomicBool::new(false);
    pool.install(|| {
        while !BEGUN.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        borrowed.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_panic_of_the_blocker_ends_the_process_and_not_the_frame() {
    if std::env::var_os(CHILD).is_some() {
        return unwind_while_a_worker_runs();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "a_panic_of_the_blocker_ends_the_process_and_not_the_frame",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(text.contains("a frame that must not unwind did"), "{text}");
    assert!(!child.status.success());
}
