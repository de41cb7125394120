//! Locked memory. A program of its own: the lock is the process's.
#![cfg(target_os = "linux")]

mod support;

use amp_executor::MemoryLock;
use support::{one_role, watchdog};

/// What the kernel says is locked, in kB.
fn locked() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Not where a sanitizer is at work: its shadow memory is a multiple of the machine's, and would be locked, too.
#[test]
#[cfg_attr(unpooled, ignore = "shadow memory cannot be locked")]
fn memory_is_locked_where_it_is_said_to_be() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        assert_eq!(*amp.memory_lock(), MemoryLock::NotAsked);
        assert_eq!(locked(), 0);
        let amp = one_role(8).lock_memory(true).build().unwrap();
        match amp.memory_lock() {
            MemoryLock::Locked => assert!(locked() > 0),
            MemoryLock::Refused { reason, .. } => {
                assert_eq!(locked(), 0);
                assert!(reason.contains("memlock"), "{reason}");
            }
            other => panic!("{other}"),
        }
    });
}
