//! Plans against machines, pins, and what placement says about them.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use amp_executor::{
    AmpBuilder, AmpExecutor, BuildError, IdlePolicy, PinOutcome, PinPolicy, PlanError, RoleConfig,
    RolePlan, SpawnError,
};
use support::{A, B, FakeCpus, Pins, one_role, usable, watchdog};

fn fake(pins: Pins) -> AmpBuilder {
    AmpExecutor::builder().cpus(Arc::new(FakeCpus { pins }))
}

#[test]
fn a_core_that_does_not_exist() {
    let error = fake(Pins::Granted).role(RoleConfig::new(A).cores([1, 9])).build().unwrap_err();
    assert!(matches!(error, BuildError::NoSuchCore { role: A, core: 9 }), "{error}");
    assert_eq!(error.to_string(), "role \"a\" asks for core 9, which does not exist");
}

#[test]
fn a_core_outside_the_mask() {
    let error = fake(Pins::Granted).role(RoleConfig::new(A).cores([5])).build().unwrap_err();
    assert!(matches!(error, BuildError::CoreNotAllowed { role: A, core: 5, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("\"a\"") && text.contains("core 5") && text.contains("0-3"), "{text}");
}

#[test]
fn the_real_machine_refuses_a_core_that_it_does_not_have() {
    let error = AmpExecutor::builder().role(RoleConfig::new(A).cores([8191])).build().unwrap_err();
    assert!(matches!(error, BuildError::NoSuchCore { core: 8191, .. }), "{error}");
}

#[test]
fn a_plan_that_is_none_is_refused_by_the_builder_too() {
    let error = |builder: AmpBuilder| builder.build().unwrap_err();
    assert!(matches!(error(AmpExecutor::builder()), BuildError::Plan(PlanError::NoRoles)));
    let zero = AmpExecutor::builder().role(RoleConfig::new(A).cores([0]).capacity(0));
    assert!(matches!(error(zero), BuildError::Plan(PlanError::ZeroCapacity { role: A })));
    let twice = AmpExecutor::builder()
        .plan(RolePlan::parse("a=0").unwrap())
        .role(RoleConfig::new(B).cores([0]));
    let error = error(twice);
    assert_eq!(
        error.to_string(),
        "core 0 is in role \"a\" and in role \"b\", and not both are shared"
    );
}

#[test]
fn an_unknown_role() {
    let amp = one_role(8).build().unwrap();
    assert_eq!(amp.role(B).unwrap_err(), SpawnError::UnknownRole(B));
    assert_eq!(amp.handle().role(B).unwrap_err(), SpawnError::UnknownRole(B));
}

#[test]
fn a_refused_pin_is_an_error_where_it_is_required() {
    watchdog(|| {
        for (pins, cause) in [(Pins::Refused, "not for you"), (Pins::Ignored, "0-3")] {
            let error = fake(pins)
                .role(RoleConfig::new(A).cores([2]))
                .pin(PinPolicy::Require)
                .build()
                .unwrap_err();
            assert!(matches!(error, BuildError::Pin { role: A, core: 2, .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("\"a\"") && text.contains("core 2") && text.contains(cause));
        }
    });
}

/// The workers that got their pin are stopped and joined before the error is returned.
#[test]
fn a_refused_pin_ends_the_workers_that_were_started() {
    watchdog(|| {
        let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count_start, count_stop) = (Arc::clone(&started), Arc::clone(&stopped));
        let error = fake(Pins::EvenOnly)
            .role(RoleConfig::new(A).cores([0, 2]))
            .role(RoleConfig::new(B).cores([1]).idle(IdlePolicy::Spin))
            .pin(PinPolicy::Require)
            .on_thread_start(move |_| {
                count_start.fetch_add(1, Ordering::SeqCst);
            })
            .on_thread_stop(move |_| {
                count_stop.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap_err();
        assert!(matches!(error, BuildError::Pin { role: B, core: 1, .. }), "{error}");
        assert_eq!(started.load(Ordering::SeqCst), 3);
        assert_eq!(stopped.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn a_refused_pin_is_reported_where_it_is_not_required() {
    watchdog(|| {
        let amp = fake(Pins::EvenOnly).role(RoleConfig::new(A).cores([0, 1])).build().unwrap();
        let placement = amp.placement();
        assert_eq!(placement[0].pin, PinOutcome::Pinned);
        assert_eq!(placement[0].mask.as_ref().unwrap().to_string(), "0");
        let PinOutcome::Refused { reason, .. } = &placement[1].pin else { panic!() };
        assert_eq!(reason, "not for you");
        assert_eq!(placement[1].mask.as_ref().unwrap().to_string(), "0-3");
        assert_eq!(placement[1].last_cpu, None);
        let line = placement[1].to_string();
        assert!(line.contains("core 1") && line.contains("NOT PINNED (not for you)"), "{line}");
        assert_eq!(amp.role(A).unwrap().spawn(|| 1).unwrap().join().unwrap(), 1);
    });
}

#[test]
fn a_pin_that_is_off_is_not_asked_for() {
    watchdog(|| {
        let amp = fake(Pins::Refused)
            .role(RoleConfig::new(A).cores([0]))
            .pin(PinPolicy::Off)
            .build()
            .unwrap();
        assert_eq!(amp.placement()[0].pin, PinOutcome::NotAsked);
    });
}

#[test]
fn real_pins_are_read_back() {
    watchdog(|| {
        let cores = usable();
        let amp = AmpExecutor::builder()
            .role(RoleConfig::new(A).cores(cores.iter().copied()))
            .pin(PinPolicy::Require)
            .build()
            .unwrap();
        for (placement, core) in amp.placement().iter().zip(&cores) {
            assert_eq!(placement.pin, PinOutcome::Pinned);
            assert_eq!(placement.core, *core);
            assert!(placement.mask.as_ref().unwrap().iter().eq([*core]));
            assert_eq!(placement.last_cpu, Some(*core));
        }
        assert_eq!(amp.placement().len(), cores.len());
    });
}

#[test]
fn workers_of_a_shared_core_park() {
    watchdog(|| {
        let amp = fake(Pins::Granted)
            .role(RoleConfig::new(A).cores([0, 1]).shared())
            .role(RoleConfig::new(B).cores([1, 2]).shared())
            .build()
            .unwrap();
        let idle: Vec<_> = amp.placement().iter().map(|worker| worker.idle).collect();
        use IdlePolicy::{Backoff, Park};
        assert_eq!(idle, [Backoff, Park, Park, Backoff]);
    });
}

#[test]
fn threads_are_named_and_hooks_see_their_place() {
    watchdog(|| {
        let core = usable()[0];
        let (tell, told) = std::sync::mpsc::channel();
        let tell_stop = tell.clone();
        let amp = one_role(8)
            .on_thread_start(move |worker| {
                let name = std::thread::current().name().unwrap().to_owned();
                tell.send((name, worker.role, worker.core)).unwrap();
            })
            .on_thread_stop(move |worker| {
                tell_stop.send(("stop".to_owned(), worker.role, worker.core)).unwrap();
            })
            .stack_size(256 * 1024)
            .build()
            .unwrap();
        assert_eq!(told.recv().unwrap(), (format!("a-{core}"), A, core));
        assert!(amp.shutdown().is_clean());
        assert_eq!(told.recv().unwrap(), ("stop".to_owned(), A, core));
    });
}

#[test]
fn a_panic_in_a_thread_hook_ends_nothing() {
    watchdog(|| {
        let amp = one_role(8)
            .on_thread_start(|_| panic!("start hook"))
            .on_thread_stop(|_| panic!("stop hook"))
            .build()
            .unwrap();
        assert_eq!(amp.role(A).unwrap().spawn(|| 3).unwrap().join().unwrap(), 3);
        assert!(amp.shutdown().is_clean());
    });
}
