//! Memory that is refused in the middle of a spawn: the process ends as the standard library ends it, and not by anything worse.
#![cfg(target_os = "linux")]

mod faults_support;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, RoleHandle, block_on, yield_now};
use faults_support::{child, run_child, text_of};
use support::{A, B, hold, two_roles, watchdog};

/// The system's allocator, which refuses one allocation of a thread.
struct Refusing;

std::thread_local! {
    /// How many allocations of this thread come before the one that is refused; zero where none is.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

fn is_refused() -> bool {
    let count = |left: &Cell<u32>| {
        let now = left.get();
        left.set(now.saturating_sub(1));
        now == 1
    };
    LEFT.try_with(count).unwrap_or(false)
}

// SAFETY: the system's allocator does the work, under the same contract; a null pointer is a refusal.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// A closure that is larger than any recycled cell.
fn large() -> impl FnOnce() -> usize + Send + 'static {
    let large = [7_u8; 1000];
    move || black_box(&large).len()
}

async fn large_future() -> usize {
    let large = [7_u8; 1000];
    yield_now().await;
    black_box(&large).len()
}

/// Does one thing, with the allocation of this number refused on the thread that does it.
fn refuse(what: &str, number: u32) {
    let amp = two_roles(64).build().unwrap();
    let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
    // What is made once has been made.
    act(&amp, what, &a, &b);
    if what == "worker" {
        // On the worker's thread.
        let (a, b) = (a.clone(), b.clone());
        let task = a.clone().spawn_future(async move {
            LEFT.set(number);
            drop(a.spawn_future(large_future()).unwrap());
            drop(a.spawn_local(large_future).unwrap());
            assert_eq!(b.call(large()).await.unwrap(), 1000);
            yield_now().await;
            LEFT.set(0);
        });
        return task.unwrap().join().unwrap();
    }
    LEFT.set(number);
    act(&amp, what, &a, &b);
    LEFT.set(0);
}

fn act(amp: &AmpExecutor, what: &str, a: &RoleHandle, b: &RoleHandle) {
    let soon = || Instant::now() + Duration::from_micros(300);
    match what {
        "spawn" => assert_eq!(a.spawn(large()).unwrap().join().unwrap(), 1000),
        "future" => assert_eq!(a.spawn_future(large_future()).unwrap().join().unwrap(), 1000),
        "local" => assert_eq!(a.spawn_local(large_future).unwrap().join().unwrap(), 1000),
        "timed" => {
            let tasks: Vec<_> = (0..20).map(|_| a.spawn_at(soon(), large()).unwrap()).collect();
            assert!(tasks.into_iter().all(|task| task.join().unwrap() == 1000));
        }
        "periodic" => {
            let once = a.spawn_every(Duration::from_micros(300), || {}).unwrap();
            once.stop();
            once.join().unwrap();
        }
        "batch" => {
            let batch = a.try_spawn_batch((0..40).map(|_| large()));
            assert!(batch.handles.into_iter().all(|task| task.join().unwrap() == 1000));
            let batch = b.spawn_batch((0..100).map(|_| large())).unwrap();
            assert!(batch.into_iter().all(|task| task.join().unwrap() == 1000));
        }
        "call" => {
            assert_eq!(a.call_blocking(large()).unwrap(), 1000);
            assert_eq!(block_on(b.call(large())).unwrap(), 1000);
        }
        "room" => {
            let held = hold(a);
            let full = support::fill(a);
            let refused = a.spawn_timeout(Duration::from_micros(200), large());
            assert!(refused.unwrap_err().is_full());
            held.release();
            assert_eq!(block_on(a.spawn_wait(large())).unwrap().join().unwrap(), 1000);
            full.into_iter().for_each(|task| task.join().unwrap());
        }
        "panic" => assert!(
            a.spawn(|| std::panic::resume_unwind(Box::new(7)))
                .map(|task| {
                    let task: amp_executor::JoinHandle<()> = task;
                    task.join().unwrap_err().is_panic()
                })
                .unwrap()
        ),
        _ => assert!(!amp.role(A).unwrap().is_closed()),
    }
}

/// Each allocation of each kind of spawn is refused in a process of its own, until there is none left to refuse.
#[test]
fn each_allocation_of_a_spawn_is_refused() {
    if let Some(case) = child() {
        let (what, number) = case.split_once(' ').unwrap();
        let (what, number) = (what.to_owned(), number.parse().unwrap());
        return watchdog(move || refuse(&what, number));
    }
    let mut refused = 0;
    for what in [
        "spawn", "future", "local", "timed", "periodic", "batch", "call", "room", "panic", "worker",
    ] {
        // The batches allocate for each task.
        let numbers = (1..).step_by(if what == "batch" || what == "timed" { 7 } else { 1 });
        let ended_by_refusal = |number: &u32| {
            let case = format!("{what} {number}");
            let output = run_child("each_allocation_of_a_spawn_is_refused", &case);
            let text = text_of(&output);
            if output.status.success() {
                return false;
            }
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {text}");
            assert!(text.contains("memory allocation of "), "{case}: {text}");
            assert!(!text.contains("panicked"), "{case}: {text}");
            true
        };
        let times = numbers.take_while(ended_by_refusal).count();
        assert!(times >= 1, "{what} allocates nothing");
        refused += times;
    }
    assert!(refused >= 20, "{refused}");
}
