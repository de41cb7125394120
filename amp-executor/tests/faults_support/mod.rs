//! What the tests of faults share.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::panic::panic_any;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Set where a test runs in a process of its own.
const CHILD: &str = "AMP_FAULTS_CHILD";

/// The system ends a child that has not ended after so many seconds.
const CHILD_SECONDS: u32 = 58;

/// What tells a child which case it is, if it is a child.
pub(crate) fn child() -> Option<String> {
    let case = std::env::var(CHILD).ok()?;
    limit_child();
    Some(case)
}

/// Lets the calling process live for [`CHILD_SECONDS`], and leave no core file. A fork has to ask for itself.
#[cfg(target_os = "linux")]
pub(crate) fn limit_child() {
    // SAFETY: the call takes no pointers.
    unsafe { libc::alarm(CHILD_SECONDS) };
    limit(libc::RLIMIT_CORE, 0);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn limit_child() {}

/// Sets one of the process' own limits.
#[cfg(target_os = "linux")]
pub(crate) fn limit(resource: libc::__rlimit_resource_t, value: u64) {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: libc::RLIM_INFINITY };
    let limit = if resource == libc::RLIMIT_CORE {
        libc::rlimit { rlim_max: value, ..limit }
    } else {
        limit
    };
    // SAFETY: the pointer is that of a live limit, which the call only reads.
    let answer = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
}

/// Runs the test of this name, of this very program, in a process of its own, which finds `case` in [`child`].
pub(crate) fn run_child(test: &str, case: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, case)
        .output()
        .unwrap()
}

/// As [`run_child`], for a child that is to succeed.
#[track_caller]
pub(crate) fn child_succeeds(test: &str, case: &str) {
    let output = run_child(test, case);
    assert!(output.status.success(), "{case}: {}\n{}", output.status, text_of(&output));
}

/// What a child has said.
pub(crate) fn text_of(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}\n{err}")
}

/// Counts how many values have been dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A value that is counted when it is dropped.
    pub(crate) fn counted(&self) -> Counted {
        Counted(self.clone())
    }

    /// A value that is counted when it is dropped, and whose destructor panics.
    pub(crate) fn bomb(&self) -> Bomb {
        Bomb(self.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Counted(Drops);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Its destructor panics, and so does that of what it throws.
#[derive(Debug)]
pub(crate) struct Bomb(Drops);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        panic_any(Shrapnel);
    }
}

/// A payload whose destructor panics with another one, without end.
#[derive(Debug)]
pub(crate) struct Shrapnel;

impl Drop for Shrapnel {
    fn drop(&mut self) {
        panic_any(Self);
    }
}
