//! Threads that the kernel refuses to make: of those of one executor, and of a thousand executors one after the other.
#![cfg(target_os = "linux")]

mod faults_support;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_executor::{AmpBuilder, AmpExecutor, BuildError, Role, RoleConfig, SpawnError};
use faults_support::{Drops, child, child_succeeds, limit};
use support::{A, B, assert_accounted, fill, hold, two_roles, until, usable, watchdog};

/// Counts the memory in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work, under the same contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What the process has mapped, in bytes.
fn mapped() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

const ROLES: [Role; 4] = [A, B, Role::new("c"), Role::new("d")];

/// A worker for each role, all on one core.
fn four_workers() -> AmpBuilder {
    let core = usable()[0];
    let on = |role: &Role| RoleConfig::new(*role).cores([core]).shared().capacity(8);
    ROLES.iter().map(on).fold(AmpExecutor::builder(), AmpBuilder::role)
}

fn works(amp: &AmpExecutor, roles: &[Role]) {
    for role in roles {
        assert_eq!(amp.role(*role).unwrap().spawn(|| 7).unwrap().join().unwrap(), 7);
    }
}

/// A stack that is far larger than whatever else a thread maps, such as an arena of its allocator.
const LARGE: u64 = 4 << 30;

/// So many stacks fit into what the process may map, and not one more.
#[test]
fn a_thread_that_the_kernel_refuses() {
    if child().is_none() {
        return child_succeeds("a_thread_that_the_kernel_refuses", "stacks");
    }
    watchdog(|| {
        works(&four_workers().build().unwrap(), &ROLES);
        let before = threads();
        for round in 0..10 {
            for (fitting, failing) in ROLES.into_iter().enumerate() {
                let (tell, told) = mpsc::channel();
                let tell_stop = tell.clone();
                let drops = Drops::default();
                let values = drops.clone();
                let builder = four_workers()
                    .stack_size(LARGE as usize)
                    .state(A, move |_| values.counted())
                    .on_thread_start(move |_| tell.send(1).unwrap())
                    .on_thread_stop(move |_| tell_stop.send(-1).unwrap());
                limit(libc::RLIMIT_AS, mapped() + fitting as u64 * LARGE + LARGE / 2);
                let error = builder.build().unwrap_err();
                let BuildError::Thread { worker, role, core, source } = &error else {
                    panic!("round {round}: {error}")
                };
                assert_eq!((*worker, *role, *core), (fitting, failing, usable()[0]));
                assert_eq!(source.kind(), io::ErrorKind::WouldBlock, "{source}");
                let text = error.to_string();
                assert!(text.contains(&format!("worker {fitting} (role \"{role}\"")), "{text}");
                assert!(error.source().is_some());
                let told: Vec<i32> = told.iter().collect();
                assert_eq!((told.len(), told.iter().sum()), (2 * fitting, 0), "all have ended");
                assert_eq!(drops.count(), usize::from(fitting > 0));
                until(|| threads() == before);
                // Under the same limit, with stacks that fit.
                let amp = four_workers().build().unwrap();
                works(&amp, &ROLES);
                assert!(amp.shutdown().is_clean());
                assert_accounted(&amp.metrics());
                drop(amp);
                limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
                until(|| threads() == before);
            }
        }
        works(&four_workers().stack_size(LARGE as usize).build().unwrap(), &ROLES);
        until(|| threads() == before);
    });
}

/// There is room for the workers' small stacks, and none for the usual one of the stall watch.
#[test]
#[cfg_attr(unpooled, ignore = "a sanitizer's own memory counts against the limit")]
fn a_stall_watch_that_the_kernel_refuses() {
    if child().is_none() {
        return child_succeeds("a_stall_watch_that_the_kernel_refuses", "watch");
    }
    watchdog(|| {
        let before = threads();
        let builder = || four_workers().stack_size(16 << 10).stall_limit(Duration::from_secs(9));
        for _ in 0..30 {
            limit(libc::RLIMIT_AS, mapped() + (1900 << 10));
            let error = builder().build().unwrap_err();
            assert!(matches!(error, BuildError::StallWatch(_)), "{error}");
            until(|| threads() == before);
            limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
        }
        works(&builder().build().unwrap(), &ROLES);
    });
}

/// What an executor of the thousand has to do when it ends.
fn make_one(number: usize) {
    let amp = two_roles(4).build().unwrap();
    let handle = amp.handle();
    let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
    let drops = Drops::default();
    let mut made = 0;
    let mut counted = || {
        made += 1;
        drops.counted()
    };
    match number % 5 {
        0 => {}
        1 => {
            let counted = counted();
            a.spawn(move || drop(counted)).unwrap().join().unwrap();
        }
        2 => {
            for minutes in 0..4 {
                let (counted, again) = (counted(), counted());
                let due = Instant::now() + Duration::from_secs(60 * minutes);
                drop(a.spawn_at(due, move || drop(counted)));
                drop(b.spawn_every(Duration::from_secs(60), move || {
                    let _ = &again;
                }));
            }
        }
        3 => {
            let (first, second) = (counted(), counted());
            drop(a.spawn_future(async move {
                let _first = first;
                std::future::pending::<()>().await;
            }));
            drop(b.spawn_local(|| async move {
                let _second = second;
                std::future::pending::<()>().await;
            }));
        }
        _ => {
            // Blocked spawners: a thread, and a worker.
            let held = hold(&a);
            let waiting = fill(&a);
            let (of_thread, of_worker) = (counted(), counted());
            let (from_thread, from_worker) = (a.clone(), a.clone());
            let thread =
                std::thread::spawn(move || from_thread.spawn(move || drop(of_thread)).map(drop));
            let worker = b.spawn(move || from_worker.spawn(move || drop(of_worker)).map(drop));
            let worker = worker.unwrap();
            drop(waiting);
            if number % 10 < 5 {
                let report = amp.shutdown_timeout(Duration::ZERO);
                assert!((1..=2).contains(&report.still_running), "{report:?}");
                assert!(matches!(thread.join().unwrap(), Err(SpawnError::Closed)));
                held.let_go();
                // Nobody waits for the workers any more.
                until(|| handle.metrics().role(A).unwrap().completed == 1);
                assert!(!matches!(worker.join(), Ok(Ok(()))));
            } else {
                held.let_go();
                drop(amp);
                let _ = (thread.join().unwrap(), worker.join());
                assert_eq!(drops.count(), made);
                return assert_accounted(&handle.metrics());
            }
        }
    }
    drop(amp);
    assert_eq!(drops.count(), made);
    assert_accounted(&handle.metrics());
}

/// Threads, files and memory are where they were.
#[test]
fn a_thousand_executors() {
    if child().is_none() {
        return child_succeeds("a_thousand_executors", "thousand");
    }
    watchdog(|| {
        let before = (threads(), files());
        // The recycled cells, and what the standard library makes once.
        (0..50).for_each(make_one);
        until(|| threads() == before.0);
        let in_use = IN_USE.load(Ordering::SeqCst);
        (0..1000).for_each(make_one);
        until(|| threads() == before.0);
        assert_eq!(files(), before.1);
        let grown = IN_USE.load(Ordering::SeqCst).saturating_sub(in_use);
        assert!(grown < 64 << 10, "{grown} bytes more");
    });
}
