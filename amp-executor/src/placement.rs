//! Where the workers are.

use std::fmt;

use executor_common::Role;
use executor_common::cpu::CpuSet;
use executor_common::sync::{Counter, Mutex};

use crate::idle::IdlePolicy;
use crate::pin::{Look, Pin, PinChange, PinLoss, PinOutcome, Pinned, SchedOutcome};
use crate::sched::SchedClass;

/// One worker's place: what was asked for and what is in force.
///
/// # Examples
///
/// ```
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let worker = &amp.placement()[0];
/// assert_eq!((worker.role, worker.worker, worker.core), (IO, 0, core));
/// assert!(worker.to_string().starts_with(&format!("worker 0: role io, core {core}, ")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerPlacement {
    /// The role that it works for.
    pub role: Role,
    /// Its number in the executor, as in the metrics.
    pub worker: usize,
    /// The core that was asked for.
    pub core: usize,
    /// What became of the pin. Changes where a pin is lost and cannot be restored, and where it is restored later.
    pub pin: PinOutcome,
    /// The CPUs that the worker may run on, as last read back. `None` where that cannot be told.
    pub mask: Option<CpuSet>,
    /// How often the worker has found its pin gone; see [`Event::PinLost`](crate::Event::PinLost).
    pub pins_lost: u64,
    /// The scheduling class that was asked for.
    pub sched: SchedClass,
    /// What became of the scheduling class.
    pub sched_granted: SchedOutcome,
    /// What it does while it has nothing to do. On a core that another role uses too, that is always
    /// [`IdlePolicy::Park`].
    pub idle: IdlePolicy,
    /// The CPU that it was last seen on. It looks when it starts, when it goes to sleep, and now and then while it does
    /// not sleep.
    pub last_cpu: Option<usize>,
}

impl fmt::Display for WorkerPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, worker, core, pin, mask, pins_lost, sched, sched_granted, idle, last_cpu } =
            self;
        write!(f, "worker {worker}: role {role}, core {core}, {pin}, mask ")?;
        match mask {
            Some(mask) => write!(f, "{mask}")?,
            None => f.write_str("unknown")?,
        }
        match pins_lost {
            0 => {}
            1 => f.write_str(", pin lost once")?,
            times => write!(f, ", pin lost {times} times")?,
        }
        if *sched_granted != SchedOutcome::NotAsked {
            write!(f, ", {sched} {sched_granted}")?;
        }
        write!(f, ", idle {idle}, last seen on ")?;
        match last_cpu {
            Some(cpu) => write!(f, "CPU {cpu}"),
            None => f.write_str("unknown"),
        }
    }
}

/// What changes in a worker's placement while it works: written by the worker, read by others.
#[derive(Debug, Default)]
pub(crate) struct LivePlacement {
    /// The CPU it was last seen on, plus one; zero where that is not known.
    last_cpu: Counter,
    /// The pin in force; `None` before the worker has started. Locked when it changes, which is rare.
    pin: Mutex<Option<Pin>>,
}

impl LivePlacement {
    /// The worker has started.
    pub(crate) fn start(&self, pinned: &Pinned) {
        self.seen_on(pinned.cpu);
        *self.pin.lock() = Some(pinned.pin());
    }

    /// The worker has looked. Hands out what the program should hear of.
    pub(crate) fn saw(&self, look: Look) -> Option<PinLoss> {
        self.seen_on(look.cpu);
        let PinChange { loss, pin } = look.change?;
        *self.pin.lock() = Some(pin);
        loss
    }

    fn seen_on(&self, cpu: Option<usize>) {
        self.last_cpu.set(cpu.map_or(0, |cpu| cpu as u64 + 1));
    }

    /// The placement at the start, brought up to date.
    pub(crate) fn update(&self, start: &WorkerPlacement, pins_lost: u64) -> WorkerPlacement {
        let last_cpu = self.last_cpu.get().checked_sub(1).map(|cpu| cpu as usize);
        let mut placement = WorkerPlacement { last_cpu, pins_lost, ..start.clone() };
        if let Some(pin) = self.pin.lock().clone() {
            placement.pin = pin.outcome;
            placement.mask = pin.mask;
        }
        placement
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn started() -> WorkerPlacement {
        WorkerPlacement {
            role: Role::new("io"),
            worker: 0,
            core: 2,
            pin: PinOutcome::Pinned,
            mask: Some([2].into_iter().collect()),
            pins_lost: 0,
            sched: SchedClass::Normal,
            sched_granted: SchedOutcome::NotAsked,
            idle: IdlePolicy::Backoff,
            last_cpu: Some(2),
        }
    }

    fn refused(reason: &str, mask: &str) -> Pin {
        let outcome = PinOutcome::Refused { reason: reason.to_owned() };
        Pin { outcome, mask: Some(mask.parse().unwrap()) }
    }

    #[test]
    fn a_line_says_what_was_asked_for_and_what_came_of_it() {
        let line = started().to_string();
        assert_eq!(
            line,
            "worker 0: role io, core 2, pinned, mask 2, idle backoff, last seen on CPU 2"
        );
        let fifo = WorkerPlacement {
            sched: SchedClass::Fifo(50),
            sched_granted: SchedOutcome::Granted,
            pins_lost: 1,
            ..started()
        };
        let line = fifo.to_string();
        assert!(line.contains("mask 2, pin lost once, fifo:50 granted, idle"), "{line}");
        let sched_granted = SchedOutcome::Refused { reason: "no".to_owned() };
        let line = WorkerPlacement { sched_granted, pins_lost: 3, ..fifo }.to_string();
        assert!(line.contains("pin lost 3 times, fifo:50 NOT GRANTED (no), idle"), "{line}");
    }

    #[test]
    fn what_a_worker_sees_shows_in_its_placement() {
        let live = LivePlacement::default();
        live.start(&Pinned {
            outcome: PinOutcome::Pinned,
            mask: Some([2].into_iter().collect()),
            cpu: Some(2),
        });
        assert_eq!(live.update(&started(), 0), started());
        assert_eq!(live.saw(Look { cpu: None, change: None }), None);
        assert_eq!(live.update(&started(), 0), WorkerPlacement { last_cpu: None, ..started() });

        let mask = Some("0-3".parse().unwrap());
        let loss = PinLoss { mask: mask.clone(), restored: false };
        let change = PinChange { loss: Some(loss), pin: refused("cpuset", "0-3") };
        let told = live.saw(Look { cpu: Some(0), change: Some(change) });
        assert_eq!(told, Some(PinLoss { mask: mask.clone(), restored: false }));
        let now = live.update(&started(), 1);
        assert_eq!(now.pin, PinOutcome::Refused { reason: "cpuset".to_owned() });
        assert_eq!((now.mask, now.pins_lost, now.last_cpu), (mask, 1, Some(0)));
    }
}
