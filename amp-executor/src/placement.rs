//! Where the workers are.

use std::fmt;

use executor_common::Role;
use executor_common::cpu::CpuSet;

use crate::idle::IdlePolicy;
use crate::pin::PinOutcome;

/// One worker's place: what was asked for and what is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerPlacement {
    /// The role that it works for.
    pub role: Role,
    /// Its number in the executor, as in the metrics.
    pub worker: usize,
    /// The core that was asked for.
    pub core: usize,
    /// What became of the pin.
    pub pin: PinOutcome,
    /// The CPUs that the worker may run on, as read back when it started. `None` where that cannot be told.
    pub mask: Option<CpuSet>,
    /// What it does while it has nothing to do. On a core that another role uses too, that is always
    /// [`IdlePolicy::Park`].
    pub idle: IdlePolicy,
    /// The CPU that it was last seen on. It looks when it starts and when it goes to sleep.
    pub last_cpu: Option<usize>,
}

impl fmt::Display for WorkerPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, worker, core, pin, mask, idle, last_cpu } = self;
        write!(f, "worker {worker}: role {role}, core {core}, {pin}, mask ")?;
        match mask {
            Some(mask) => write!(f, "{mask}")?,
            None => f.write_str("unknown")?,
        }
        write!(f, ", idle {idle}, last seen on ")?;
        match last_cpu {
            Some(cpu) => write!(f, "CPU {cpu}"),
            None => f.write_str("unknown"),
        }
    }
}
