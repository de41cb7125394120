//! Scheduling classes, as the real kernel grants them or does not.
#![cfg(target_os = "linux")]

mod support;

use amp_executor::cpu::{CpuControl, SystemCpus, ThreadClass};
use amp_executor::{AmpExecutor, IdlePolicy, RoleConfig, SchedClass, SchedOutcome};
use support::{A, B, usable, watchdog};

#[test]
fn a_worker_is_in_the_class_that_its_placement_says() {
    watchdog(|| {
        let core = usable()[0];
        let on = |role| RoleConfig::new(role).cores([core]).shared().idle(IdlePolicy::Park);
        let amp = AmpExecutor::builder()
            .role(on(A).sched(SchedClass::Fifo(5)))
            .role(on(B))
            .build()
            .unwrap();
        let class = || SystemCpus.class().unwrap();
        let (of_a, of_b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
        let placement = amp.placement();
        assert_eq!(placement[0].sched, SchedClass::Fifo(5));
        assert_eq!(placement[1].sched_granted, SchedOutcome::NotAsked);
        let in_force = of_a.spawn(class).unwrap().join().unwrap();
        match &placement[0].sched_granted {
            SchedOutcome::Granted => assert_eq!(in_force, ThreadClass::Fifo(5)),
            SchedOutcome::Refused { reason, .. } => {
                assert_eq!(in_force, ThreadClass::Normal);
                assert!(reason.contains("CAP_SYS_NICE"), "{reason}");
            }
            outcome => panic!("{outcome}"),
        }
        assert_eq!(of_b.spawn(class).unwrap().join().unwrap(), ThreadClass::Normal);
        let child = of_a.spawn(move || std::thread::spawn(class).join().unwrap()).unwrap();
        assert_eq!(child.join().unwrap(), ThreadClass::Normal);
    });
}
