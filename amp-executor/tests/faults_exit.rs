//! Programs that end while roles work: at once, and as if nothing was.
#![cfg(target_os = "linux")]

mod faults_support;
mod support;

use std::future::pending;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, CancellationToken, yield_now};
use faults_support::{child, child_succeeds};
use support::{A, B, hold, two_roles, watchdog};

const CASES: [&str; 10] = [
    "closures", "yields", "woken", "blocked", "timed", "periodic", "local", "panics", "watched",
    "all",
];

/// Starts work that nobody waits for, and forgets the executor.
fn leave(case: &str) {
    let all = case == "all";
    let mut builder = two_roles(64);
    if all || case == "watched" {
        builder = builder.stall_limit(Duration::from_millis(4)).on_event(|_| {});
    }
    let amp = Arc::new(builder.build().unwrap());
    let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
    if all || case == "closures" {
        fn again(amp: &Arc<AmpExecutor>, to: amp_executor::Role) {
            let inside = Arc::clone(amp);
            let other = if to == A { B } else { A };
            let _ = amp.role(to).unwrap().try_spawn(move || again(&inside, other));
        }
        (0..8).for_each(|_| again(&amp, A));
    }
    if all || case == "yields" {
        drop(b.spawn_future(async {
            loop {
                yield_now().await;
            }
        }));
    }
    if all || case == "woken" {
        let token = CancellationToken::new();
        let wakes = token.child_token();
        drop(a.spawn_future(async move { wakes.cancelled().await }));
        drop(std::thread::spawn(move || token.cancel()));
        drop(a.spawn_future(pending::<()>()));
    }
    if all || case == "timed" {
        let soon = Instant::now() + Duration::from_micros(500);
        (0..8)
            .for_each(|number| drop(a.spawn_at(soon + Duration::from_micros(number * 200), || {})));
        drop(a.spawn_at(soon + Duration::from_secs(3600), || {}));
    }
    if all || case == "periodic" {
        drop(b.spawn_every(Duration::from_micros(200), || {}));
    }
    if all || case == "local" {
        drop(b.spawn_local(|| async {
            let _ = std::rc::Rc::new(7);
            pending::<()>().await;
        }));
    }
    if all || case == "panics" {
        std::panic::set_hook(Box::new(|_| {}));
        (0..8).for_each(|_| drop(b.spawn(|| panic!("detached")).map(drop)));
    }
    if all || case == "blocked" {
        // A full channel, whose workers are held, and who waits for room in it: a thread, and a worker.
        let held = hold(&a);
        // Others spawn meanwhile.
        while a.try_spawn(|| {}).is_ok() {}
        let (from_thread, from_worker) = (a.clone(), a.clone());
        drop(std::thread::spawn(move || from_thread.spawn(|| {}).map(drop)));
        drop(b.spawn(move || from_worker.spawn(|| {}).map(drop)));
        mem::forget(held);
    }
    mem::forget(amp);
}

#[test]
fn a_program_ends_while_roles_work() {
    if let Some(case) = child() {
        let (case, ending) = case.split_once(' ').unwrap();
        let (case, exits) = (case.to_owned(), ending == "exit");
        watchdog(move || leave(&case));
        if exits {
            std::process::exit(0);
        }
        return;
    }
    // 200 programs.
    for _ in 0..10 {
        for case in CASES {
            for ending in ["exit", "return"] {
                let case = format!("{case} {ending}");
                child_succeeds("a_program_ends_while_roles_work", &case);
            }
        }
    }
}
