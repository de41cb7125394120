//! Processes that are forked beside a running executor: what the documentation of `AmpExecutor` says about it.
#![cfg(target_os = "linux")]

mod faults_support;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use amp_executor::Spawn;
use faults_support::{Drops, child, child_succeeds, limit_child};
use support::{A, B, assert_accounted, two_roles, until, until_asleep, watchdog};

/// Forks; `inside` runs in the new process, which ends with what it returns. Returns that, as the parent reads it.
fn fork(inside: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the new process has this thread alone. It does what the documentation allows, and leaves by `_exit`.
    let process = unsafe { libc::fork() };
    assert!(process >= 0, "{}", std::io::Error::last_os_error());
    if process == 0 {
        limit_child();
        let code = inside();
        // SAFETY: always allowed.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: the pointer is that of a number which the call writes.
    let answer = unsafe { libc::waitpid(process, &raw mut status, 0) };
    assert_eq!(answer, process);
    assert!(libc::WIFEXITED(status), "ended by signal {}", libc::WTERMSIG(status));
    libc::WEXITSTATUS(status)
}

/// Something of everything, on a new executor.
fn use_a_new_one(drops: &Drops) {
    let amp = two_roles(64).build().unwrap();
    let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
    for round in 0..20_u64 {
        let (counted, b) = (drops.counted(), b.clone());
        let task = a
            .spawn_future(async move {
                let _counted = counted;
                b.call(move || round * 2).await.unwrap() + 1
            })
            .unwrap();
        assert_eq!(task.join().unwrap(), round * 2 + 1);
    }
    let timed = b.spawn_at(std::time::Instant::now() + Duration::from_micros(300), || 7).unwrap();
    assert_eq!(timed.join().unwrap(), 7);
    let local = a.spawn_local(|| async { 7 }).unwrap();
    assert_eq!(local.join().unwrap(), 7);
    assert!(amp.shutdown().is_clean());
    assert_accounted(&amp.metrics());
    assert_eq!(drops.count(), 20);
}

/// All executors of the process have been dropped: it is forked, and parent and child go on with new ones.
#[test]
fn a_fork_between_two_executors() {
    if child().is_none() {
        return child_succeeds("a_fork_between_two_executors", "between");
    }
    watchdog(|| {
        for _ in 0..20 {
            let drops = Drops::default();
            use_a_new_one(&drops);
            let code = fork(|| {
                use_a_new_one(&Drops::default());
                42
            });
            assert_eq!(
                (code, drops.count()),
                (42, 20),
                "what the child has dropped is the child's"
            );
        }
    });
}

/// The executor works on: its process forks children that leave, or run another program, and loses nothing.
#[test]
fn a_fork_of_a_busy_process_leaves_it_alone() {
    if child().is_none() {
        return child_succeeds("a_fork_of_a_busy_process_leaves_it_alone", "busy");
    }
    watchdog(|| {
        let amp = Arc::new(two_roles(64).build().unwrap());
        let (end, ran) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let spawner = std::thread::spawn({
            let (amp, end, ran) = (Arc::clone(&amp), Arc::clone(&end), Arc::clone(&ran));
            move || {
                let mut spawned = 0;
                while !end.load(Ordering::SeqCst) {
                    let ran = Arc::clone(&ran);
                    let role = if spawned % 2 == 0 { A } else { B };
                    let task = amp.spawn_in(role, move || ran.fetch_add(1, Ordering::SeqCst));
                    drop(task.unwrap());
                    spawned += 1;
                }
                spawned
            }
        });
        for round in 0..30 {
            until(|| ran.load(Ordering::SeqCst) > round);
            let seen = std::cell::Cell::new(0);
            let code = fork(|| {
                seen.set(1);
                7
            });
            assert_eq!((code, seen.get()), (7, 0));
            // By `fork` and `exec`.
            assert!(std::process::Command::new("true").status().unwrap().success());
        }
        end.store(true, Ordering::SeqCst);
        let spawned = spawner.join().unwrap();
        assert!(amp.shutdown().is_clean());
        assert_eq!(ran.load(Ordering::SeqCst), spawned);
        assert_accounted(&amp.metrics());
    });
}

/// The executor sleeps, with work that waits: what the child does not touch is not dropped there, and is all there in the parent.
#[test]
fn a_fork_of_an_idle_process_leaves_it_alone() {
    if child().is_none() {
        return child_succeeds("a_fork_of_an_idle_process_leaves_it_alone", "idle");
    }
    watchdog(|| {
        let amp = two_roles(64).build().unwrap();
        let a = amp.role(A).unwrap();
        let drops = Drops::default();
        for round in 1..=20 {
            let counted = drops.counted();
            let waits = a
                .spawn_future(async move {
                    let _counted = counted;
                    std::future::pending::<()>().await;
                })
                .unwrap();
            until(|| amp.metrics().live_futures == 1);
            until_asleep(&amp);
            assert_eq!(fork(|| if drops.count() == round - 1 { 3 } else { 4 }), 3);
            waits.abort();
            assert!(waits.join().unwrap_err().is_cancelled());
            assert_eq!(drops.count(), round);
            assert_eq!(amp.spawn_in(B, || 7).unwrap().join().unwrap(), 7);
        }
        assert!(amp.shutdown().is_clean());
        assert_accounted(&amp.metrics());
    });
}
