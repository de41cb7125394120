//! Panics in what the program has given the executor to call: hooks, makers of values, and what they own.

mod faults_support;
mod support;

use std::panic::panic_any;
use std::sync::mpsc;
use std::time::Duration;

use amp_executor::{AmpExecutor, BuildError, Event, RoleConfig};
use faults_support::{Drops, Shrapnel};
use support::{A, B, assert_accounted, one_role, two_roles, until, usable, watchdog};

/// A payload whose own destructor panics, thrown by a maker: the build fails and waits for nobody.
#[test]
fn a_maker_that_throws_what_cannot_be_dropped_fails_the_build() {
    watchdog(|| {
        for failing in [A, B] {
            let (tell, told) = mpsc::channel();
            let tell_stop = tell.clone();
            let error = two_roles(8)
                .state(A, |core| core)
                .state(B, |core| core)
                .state(failing, |_| -> String { panic_any(Shrapnel) })
                .on_thread_start(move |placement| tell.send((placement.role, 1)).unwrap())
                .on_thread_stop(move |placement| tell_stop.send((placement.role, -1)).unwrap())
                .build()
                .unwrap_err();
            let BuildError::State { role, message, .. } = error else { panic!("{error}") };
            assert_eq!((role, &*message), (failing, "(a panic payload that is not text)"));
            let both: Vec<_> = told.iter().collect();
            assert_eq!(both.len(), 4, "each thread has started and stopped");
            assert_eq!(both.iter().map(|(_, change)| change).sum::<i32>(), 0);
        }
    });
}

/// Values of one worker, all of whose destructors panic.
#[test]
fn each_value_is_dropped_though_all_their_destructors_panic() {
    struct Number<const N: usize>(#[expect(dead_code, reason = "dropped")] faults_support::Bomb);
    watchdog(|| {
        let drops = Drops::default();
        let [first, second, third] = [(); 3].map(|()| drops.clone());
        let amp = one_role(8)
            .state(A, move |_| Number::<1>(first.bomb()))
            .state(A, move |_| Number::<2>(second.bomb()))
            .state(A, move |_| Number::<3>(third.bomb()))
            .build()
            .unwrap();
        let a = amp.role(A).unwrap();
        assert_eq!(a.spawn(|| 7).unwrap().join().unwrap(), 7);
        assert!(amp.shutdown().is_clean());
        assert_eq!(drops.count(), 3);
        assert_accounted(&amp.metrics());
    });
}

/// What a hook owns is dropped by whoever has the last share of it: a worker, or the stall watch.
#[test]
fn hooks_own_what_cannot_be_dropped() {
    watchdog(|| {
        let drops = Drops::default();
        let [event, start, stop, panic] = [(); 4].map(|()| drops.bomb());
        let amp = two_roles(8)
            .stall_limit(Duration::from_secs(60))
            .on_event(move |_| {
                let _ = &event;
            })
            .on_thread_start(move |_| {
                let _ = &start;
            })
            .on_thread_stop(move |_| {
                let _ = &stop;
            })
            .on_panic(move |_| {
                let _ = &panic;
            })
            .build()
            .unwrap();
        let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        assert_eq!(a.spawn(|| 7).unwrap().join().unwrap(), 7);
        assert_eq!(b.spawn(|| 7).unwrap().join().unwrap(), 7);
        assert!(amp.shutdown().is_clean());
        // The hook for panics is the roles', and goes with the last handle: here, on this thread.
        let metrics = amp.metrics();
        drop(amp);
        assert_eq!(drops.count(), 3);
        assert_accounted(&metrics);
        let thrown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop((a, b))));
        std::mem::forget(thrown.unwrap_err());
        assert_eq!(drops.count(), 4);
    });
}

/// Each hook panics each time, with a payload whose destructor panics.
#[test]
fn every_hook_panics_every_time() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let [start, stop, event, panic] = ["start", "stop", "event", "panic"].map(|name| {
            let tell = tell.clone();
            move || {
                tell.send(name).unwrap();
                panic_any(Shrapnel)
            }
        });
        drop(tell);
        let stop_after = stop.clone();
        let cores = usable();
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores(cores.iter().copied()).capacity(64))
            .stall_limit(Duration::from_millis(4))
            .on_thread_start(move |_| start())
            .on_thread_stop(move |_| stop_after())
            .on_event(move |told: &Event| {
                assert!(matches!(told, Event::Stall { .. }), "{told}");
                event()
            })
            .on_panic(move |_| panic())
            .build()
            .unwrap();
        drop(stop);
        let a = amp.role(A).unwrap();
        for _ in 0..10 {
            drop(a.spawn(|| panic!("in a closure")).map(drop));
            drop(a.spawn_future(async { panic!("in a future") }).map(drop));
        }
        let (release, released) = mpsc::channel::<()>();
        let slow = a.spawn(move || released.recv().is_err()).unwrap();
        until(|| amp.metrics().workers.iter().any(|worker| worker.stalls > 0));
        drop(release);
        assert!(slow.join().unwrap());
        let handle = amp.handle();
        assert!(amp.shutdown().is_clean());
        drop((amp, a));
        let metrics = handle.metrics();
        assert_accounted(&metrics);
        assert_eq!(metrics.workers.iter().map(|worker| worker.panics).sum::<u64>(), 20);
        drop(handle);
        let told: Vec<_> = told.iter().collect();
        let times = |name| told.iter().filter(|told| **told == name).count();
        assert_eq!((times("start"), times("stop")), (cores.len(), cores.len()));
        assert_eq!(times("panic"), 20);
        assert!(times("event") >= 1);
    });
}
