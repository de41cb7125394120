//! What happens to a whole process: it forks, it ends, it loses a thread or a CPU, with a pool at work.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;
mod support;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use child::{in_child, in_child_to_the_end_of_main, threads};
use smp_executor::{SmpExecutor, blocking, spawn, spawn_future, yield_now};
use support::{pool, watched};

/// Runs `body` in a fork of this process, and fails if it does.
fn in_fork(body: impl FnOnce()) {
    // SAFETY: the child runs `body` on its only thread, and ends by `_exit`.
    let process = unsafe { libc::fork() };
    assert!(process >= 0, "a process is to be had");
    if process == 0 {
        // SAFETY: no pointers; the signal ends the process.
        unsafe { libc::alarm(20) };
        let code = if catch_unwind(AssertUnwindSafe(body)).is_ok() { 0 } else { 1 };
        // SAFETY: ends the process without anybody's destructors.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` is there to be written.
    let waited = unsafe { libc::waitpid(process, &raw mut status, 0) };
    assert_eq!((waited, status), (process, 0), "as `wait` reports it");
}

/// All kinds of work, on all workers, and counted.
fn works(executor: &SmpExecutor) {
    let before = completed(executor);
    let tasks: Vec<_> = (0..100).map(|n| executor.spawn(move || n)).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap(), n);
    }
    let future = executor.spawn_future(async {
        yield_now().await;
        spawn(|| 6).await.unwrap() * 7
    });
    assert_eq!(future.join().unwrap(), 42);
    assert_eq!(executor.map_reduce(0..10_000_u64, || 0, |n| n, |a, b| a + b), 49_995_000);
    while completed(executor) < before + 103 {
        std::thread::yield_now();
    }
}

fn completed(executor: &SmpExecutor) -> u64 {
    executor.metrics().workers.iter().map(|worker| worker.completed).sum()
}

/// Waits until all workers have lain down: nobody holds a lock.
fn wait_until_quiet(executor: &SmpExecutor) {
    let parked = || {
        let metrics = executor.metrics();
        let parked = metrics.workers.iter().all(|worker| worker.parks > worker.wakes);
        (parked, metrics.workers.iter().map(|worker| worker.parks).sum::<u64>())
    };
    let mut before = (false, 0);
    loop {
        // The kernel's word for it: all other threads sleep.
        let now = parked();
        if now.0 && now == before && child::others_sleep() {
            return;
        }
        before = now;
        std::thread::yield_now();
    }
}

#[test]
fn a_fork_has_no_workers_and_may_have_a_pool_of_its_own() {
    watched(|| {
        let name = "a_fork_has_no_workers_and_may_have_a_pool_of_its_own";
        let ended = in_child(name, || {
            let executor = pool(2);
            for _ in 0..5 {
                works(&executor);
                wait_until_quiet(&executor);
                let inherited = &executor;
                in_fork(|| {
                    assert_eq!(threads(), 1);
                    // What was inherited ends at once.
                    assert_eq!(inherited.shutdown(), Default::default());
                    let timeout = Duration::from_secs(3_600);
                    assert_eq!(inherited.shutdown_timeout(timeout), Default::default());
                    // SAFETY: this copy of the executor is not used again: the fork ends by `_exit`.
                    drop(unsafe { std::ptr::read(inherited) });
                    for _ in 0..3 {
                        let own = pool(2);
                        works(&own);
                        assert!(own.shutdown().is_clean());
                        assert_eq!(threads(), 1);
                    }
                });
            }
            works(&executor);
            assert!(executor.shutdown().is_clean(), "the parent has lost nothing");
        });
        ended.expect_success();
    });
}

#[test]
fn a_fork_beside_tasks_that_run_loses_none_of_them() {
    watched(|| {
        let name = "a_fork_beside_tasks_that_run_loses_none_of_them";
        let ended = in_child(name, || {
            let executor = pool(2);
            let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let running: Vec<_> = (0..2)
                .map(|_| {
                    let (stop, begun) = (Arc::clone(&stop), Arc::clone(&begun));
                    executor.spawn(move || {
                        begun.fetch_add(1, Ordering::Relaxed);
                        while !stop.load(Ordering::Relaxed) {
                            std::hint::spin_loop();
                        }
                    })
                })
                .collect();
            let queued: Vec<_> = (0..10).map(|n| executor.spawn(move || n)).collect();
            while begun.load(Ordering::Relaxed) < 2 {
                std::thread::yield_now();
            }
            for _ in 0..5 {
                let inherited = &executor;
                // SAFETY: as above.
                in_fork(|| drop(unsafe { std::ptr::read(inherited) }));
            }
            stop.store(true, Ordering::Relaxed);
            running.into_iter().for_each(|task| task.join().unwrap());
            for (n, task) in queued.into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), n);
            }
            assert!(executor.shutdown().is_clean());
        });
        ended.expect_success();
    });
}

#[test]
fn a_task_may_fork() {
    watched(|| {
        let ended = in_child("a_task_may_fork", || {
            let executor = Arc::new(pool(1));
            let inherited = Arc::clone(&executor);
            let forking = executor.spawn(move || {
                in_fork(|| {
                    assert_eq!(inherited.shutdown(), Default::default());
                    assert_eq!(spawn(|| 7).join().unwrap(), 7, "in place");
                    let own = pool(2);
                    works(&own);
                });
            });
            forking.join().unwrap();
            works(&executor);
        });
        ended.expect_success();
    });
}

/// Tasks in all states, in a pool and in the global one.
fn occupy(executor: &SmpExecutor) {
    let (begun, has_begun) = mpsc::channel();
    let running = begun.clone();
    drop(executor.spawn(move || {
        running.send(()).unwrap();
        loop {
            std::hint::spin_loop();
        }
    }));
    has_begun.recv().unwrap();
    drop(executor.spawn_future(async move {
        begun.send(()).unwrap();
        pending::<()>().await;
    }));
    has_begun.recv().unwrap();
    drop(executor.spawn(|| blocking(std::thread::park)));
    drop(executor.spawn_future(async {
        loop {
            yield_now().await;
            drop(spawn_future(async {}));
        }
    }));
    drop(executor.spawn(|| {
        loop {
            smp_executor::join(|| (), || ());
        }
    }));
    for n in 0..100 {
        drop(executor.spawn(move || vec![n; 100]));
    }
}

#[test]
fn a_process_ends_with_work_at_hand() {
    watched(|| {
        let body = || {
            let executor: &SmpExecutor = Box::leak(Box::new(pool(3)));
            occupy(executor);
            occupy(SmpExecutor::global());
        };
        for _ in 0..3 {
            let name = "a_process_ends_with_work_at_hand";
            let Some(ended) = in_child_to_the_end_of_main(name, body) else { return };
            ended.expect_success();
        }
    });
}

#[test]
fn a_task_ends_the_process() {
    watched(|| {
        let ended = in_child("a_task_ends_the_process", || {
            let executor = pool(3);
            occupy(&executor);
            let ending = executor.spawn(|| std::process::exit(0));
            ending.join().unwrap();
        });
        ended.expect_success();
    });
}

#[test]
fn a_process_ends_beside_a_task_that_its_shutdown_has_left_running() {
    watched(|| {
        let body = || {
            let executor = pool(2);
            let (begun, has_begun) = mpsc::channel();
            let stuck = executor.spawn(move || {
                begun.send(()).unwrap();
                loop {
                    std::hint::spin_loop();
                }
            });
            has_begun.recv().unwrap();
            let report = executor.shutdown_timeout(Duration::from_millis(1));
            assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
            drop(stuck);
        };
        let name = "a_process_ends_beside_a_task_that_its_shutdown_has_left_running";
        let Some(ended) = in_child_to_the_end_of_main(name, body) else { return };
        ended.expect_success();
    });
}

#[test]
#[cfg_attr(unpooled, ignore = "a sanitizer cannot look for leaks beside a thread that was killed")]
fn what_a_killed_worker_has_queued_is_run_by_others() {
    watched(|| {
        let ended = in_child("what_a_killed_worker_has_queued_is_run_by_others", || {
            let executor = pool(3);
            let (tell, told) = mpsc::channel();
            let killed = executor.spawn(move || {
                let queued: Vec<_> = (0..100).map(|n| spawn(move || n)).collect();
                tell.send(queued).unwrap();
                // SAFETY: the thread ends here and runs no destructor; nobody else relies on its stack.
                unsafe { libc::syscall(libc::SYS_exit, 0) };
            });
            for (n, task) in told.recv().unwrap().into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), n);
            }
            works(&executor);
            assert!(!killed.is_finished());
            let report = executor.shutdown_timeout(Duration::from_millis(1));
            assert_eq!((report.cancelled, report.still_running), (0, 1), "{report}");
            drop(executor);
        });
        ended.expect_success();
    });
}

/// Lets all threads of this process run on these CPUs alone.
fn restrict_to(cpus: &[usize]) {
    // SAFETY: a set of zeroes is an empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus {
        // SAFETY: the CPU is one that the system has named.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let thread: libc::pid_t = task.unwrap().file_name().to_str().unwrap().parse().unwrap();
        // SAFETY: the set lives during the call. A thread that has ended meanwhile is an error that does not matter.
        unsafe { libc::sched_setaffinity(thread, size_of_val(&set), &raw const set) };
    }
}

#[test]
fn a_cpuset_that_shrinks_costs_no_task_and_no_worker() {
    watched(|| {
        let ended = in_child("a_cpuset_that_shrinks_costs_no_task_and_no_worker", || {
            let cpus: Vec<_> = core_ids();
            for pins in [false, true] {
                let builder = SmpExecutor::builder().workers(cpus.len().max(2)).pin_workers(pins);
                let executor = builder.build().unwrap();
                for round in 0..6 {
                    let tasks: Vec<_> =
                        (0..500).map(|n| executor.spawn(move || (n, spawn(|| ())))).collect();
                    // While they run, and back again.
                    restrict_to(if round % 2 == 0 { &cpus[..1] } else { &cpus });
                    for (n, task) in tasks.into_iter().enumerate() {
                        let (number, inner) = task.join().unwrap();
                        inner.join().unwrap();
                        assert_eq!(number, n);
                    }
                    works(&executor);
                    assert_eq!(executor.workers(), cpus.len().max(2), "settled when it was built");
                }
                restrict_to(&cpus[..1]);
                let later = SmpExecutor::new().unwrap();
                assert_eq!(later.workers(), 1, "as many as there are CPUs by then");
                works(&later);
                restrict_to(&cpus);
                assert!(executor.shutdown().is_clean());
            }
        });
        ended.expect_success();
    });
}

/// The CPUs that this process may use.
fn core_ids() -> Vec<usize> {
    // SAFETY: a set of zeroes is an empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is there to be written.
    let read = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(read, 0);
    // SAFETY: the numbers are those that a set has room for.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}
