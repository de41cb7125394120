//! Masks that somebody else changes, on the real kernel.
#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc;

use amp_executor::cpu::{CpuControl, SystemCpus};
use amp_executor::{AmpExecutor, Event, IdlePolicy, PinOutcome, PinPolicy, RoleConfig};
use rustix::thread::{CpuSet as KernelSet, gettid, sched_setaffinity};
use support::{A, usable, watchdog};

#[test]
fn a_mask_that_is_widened_from_outside_is_noticed_and_restored() {
    watchdog(|| {
        let usable = usable();
        let core = *usable.last().unwrap();
        if usable.len() < 2 {
            // There is no wider mask.
            return;
        }
        for idle in [IdlePolicy::Spin, IdlePolicy::Backoff, IdlePolicy::Park] {
            let (tell, told) = mpsc::channel();
            let amp = AmpExecutor::builder()
                .role(RoleConfig::new(A).cores([core]).idle(idle))
                .pin(PinPolicy::Require)
                .on_event(move |event| tell.send(event.clone()).unwrap())
                .build()
                .unwrap();
            let role = amp.role(A).unwrap();
            let thread = role.spawn(gettid).unwrap().join().unwrap();
            for lost in 1..=3 {
                let mut wide = KernelSet::new();
                usable.iter().for_each(|cpu| wide.set(*cpu));
                sched_setaffinity(Some(thread), &wide).unwrap();
                let event = loop {
                    // A worker that sleeps can't look.
                    role.spawn(|| {}).unwrap().join().unwrap();
                    if let Ok(event) = told.try_recv() {
                        break event;
                    }
                };
                let Event::PinLost { role: of, worker, core: from, mask, restored, .. } = event
                else {
                    panic!("{event}")
                };
                assert_eq!((of, worker, from, restored), (A, 0, core, true));
                assert!(mask.unwrap().iter().eq(usable.iter().copied()));
                let placement = &amp.placement()[0];
                assert_eq!(placement.pin, PinOutcome::Pinned);
                assert_eq!(placement.pins_lost, lost);
                let inside = role.spawn(|| SystemCpus.allowed().unwrap()).unwrap();
                assert!(inside.join().unwrap().iter().eq([core]));
            }
        }
    });
}

#[test]
fn a_worker_that_nobody_pins_may_be_moved() {
    watchdog(|| {
        let usable = usable();
        let core = usable[0];
        let (tell, told) = mpsc::channel();
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores([core]).idle(IdlePolicy::Spin))
            .pin(PinPolicy::Off)
            .on_event(move |event| tell.send(event.clone()).unwrap())
            .build()
            .unwrap();
        let role = amp.role(A).unwrap();
        let thread = role.spawn(gettid).unwrap().join().unwrap();
        let elsewhere = *usable.last().unwrap();
        let mut mask = KernelSet::new();
        mask.set(elsewhere);
        sched_setaffinity(Some(thread), &mask).unwrap();
        while amp.placement()[0].last_cpu != Some(elsewhere) {
            role.spawn(|| {}).unwrap().join().unwrap();
        }
        assert_eq!(amp.placement()[0].pin, PinOutcome::NotAsked);
        drop(amp);
        assert!(told.recv().is_err(), "nothing was reported");
    });
}
