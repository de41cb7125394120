//! Tests that run in a process of their own: what they limit, kill or end is theirs alone.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

/// Names, in the child, the test that it runs.
const NAME: &str = "FAULTS_CHILD";

/// The child's watchdog, in seconds: less than that of the test that waits for it.
const LIMIT_S: u32 = 50;

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) text: String,
}

impl Ended {
    pub(crate) fn expect_success(&self) {
        assert_eq!(self.code, Some(0), "signal {:?}:\n{}", self.signal, self.text);
    }
}

/// Runs `body` in a child process, and returns how that ended; in the child it does not return. `test` is the name of the test
/// that calls this: the child is this binary once more, told to run that test alone.
pub(crate) fn in_child(test: &str, body: impl FnOnce()) -> Ended {
    if is_child(test) {
        // SAFETY: no pointers. The signal ends the process, which is what is wanted of a child that hangs.
        unsafe { libc::alarm(LIMIT_S) };
        body();
        std::process::exit(0);
    }
    spawn(test)
}

/// As [`in_child`], and the child ends by the return of its `main`.
pub(crate) fn in_child_to_the_end_of_main(test: &str, body: impl FnOnce()) -> Option<Ended> {
    if is_child(test) {
        // SAFETY: as above.
        unsafe { libc::alarm(LIMIT_S) };
        body();
        return None;
    }
    Some(spawn(test))
}

/// Whether this is the child that runs `test`.
fn is_child(test: &str) -> bool {
    std::env::var_os(NAME).is_some_and(|name| name == test)
}

/// Runs this binary's `test` in a child.
fn spawn(test: &str) -> Ended {
    let binary = std::env::current_exe().expect("this program has a path");
    let Output { status, stdout, stderr } = Command::new(binary)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(NAME, test)
        // One heap for all threads: the address space is the program's then, and not the allocator's.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .output()
        .expect("a process is to be had");
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    Ended { code: status.code(), signal: status.signal(), text }
}

/// How many threads this process has.
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux").count()
}

/// How many file descriptors this process has open, besides the one that this takes to find out.
pub(crate) fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count() - 1
}

/// A figure of `/proc/self/status`, in KiB.
pub(crate) fn status_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line =
        status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse().expect("a number of KiB")
}

/// Whether all threads but the calling one sleep.
pub(crate) fn others_sleep() -> bool {
    // SAFETY: no pointers.
    let own = unsafe { libc::gettid() }.to_string();
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let others = tasks.filter(|task| task.file_name() != *own);
    others.flat_map(|task| std::fs::read_to_string(task.path().join("stat"))).all(|stat| {
        // The name before it is in parentheses, and may hold anything.
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    })
}
