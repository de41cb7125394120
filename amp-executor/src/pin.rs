//! Binding a worker to its core.

use std::fmt;

use executor_common::cpu::{CpuControl, CpuSet};

mod class;
mod watch;

pub use class::SchedOutcome;
pub(crate) use class::set_class_of_this_thread;
pub(crate) use watch::{Look, PinChange, PinLoss, PinWatch};

/// What becomes of a worker that cannot be pinned to its core.
///
/// # Examples
///
/// ```
/// use amp_executor::{PinOutcome, PinPolicy};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let io = RoleConfig::new(IO).cores([core]);
/// match AmpExecutor::builder().role(io.clone()).pin(PinPolicy::Require).build() {
///     Ok(amp) => assert_eq!(amp.placement()[0].pin, PinOutcome::Pinned),
///     Err(error) => eprintln!("no pins on this system: {error}"),
/// }
///
/// let amp = AmpExecutor::builder().role(io).pin(PinPolicy::Off).build()?;
/// assert_eq!(amp.placement()[0].pin, PinOutcome::NotAsked);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PinPolicy {
    /// [`AmpBuilder::build`](crate::AmpBuilder::build) fails.
    Require,
    /// It works unpinned, and [`AmpExecutor::placement`](crate::AmpExecutor::placement) says so.
    #[default]
    BestEffort,
    /// Nobody is pinned; a role's cores then only say how many workers it has.
    Off,
}

/// What became of a worker's pin.
///
/// # Examples
///
/// ```
/// use amp_executor::PinOutcome;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// let worker = &amp.placement()[0];
/// match &worker.pin {
///     PinOutcome::Refused { reason, .. } => eprintln!("it may run elsewhere: {reason}"),
///     pin => assert_eq!(*pin, PinOutcome::Pinned),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinOutcome {
    /// The worker may run on the core that was asked for and on no other, as the mask read back says.
    Pinned,
    /// The policy is [`PinPolicy::Off`].
    NotAsked,
    /// The worker may run elsewhere.
    #[non_exhaustive]
    Refused {
        /// The error of the operating system, or the mask that it left in force.
        reason: String,
    },
}

impl fmt::Display for PinOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => f.write_str("pinned"),
            Self::NotAsked => f.write_str("not pinned (off)"),
            Self::Refused { reason } => write!(f, "NOT PINNED ({reason})"),
        }
    }
}

/// A thread's place, as read back from the operating system.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) outcome: PinOutcome,
    pub(crate) mask: Option<CpuSet>,
    pub(crate) cpu: Option<usize>,
}

/// A pin that is in force, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) outcome: PinOutcome,
    /// `None` where it could not be read.
    pub(crate) mask: Option<CpuSet>,
}

impl Pinned {
    /// The pin alone.
    pub(crate) fn pin(&self) -> Pin {
        Pin { outcome: self.outcome.clone(), mask: self.mask.clone() }
    }
}

/// Pins the calling thread to `core` if the policy says so, and reads back where it may run.
pub(crate) fn pin_this_thread(cpus: &dyn CpuControl, policy: PinPolicy, core: usize) -> Pinned {
    let asked = match policy {
        PinPolicy::Off => None,
        PinPolicy::Require | PinPolicy::BestEffort => Some(cpus.pin(core)),
    };
    let mask = cpus.allowed();
    let refused = |reason: String| PinOutcome::Refused { reason };
    let outcome = match (asked, &mask) {
        (None, _) => PinOutcome::NotAsked,
        (Some(Err(error)), _) => refused(error.to_string()),
        (Some(Ok(())), Err(error)) => refused(format!("the mask cannot be read back: {error}")),
        (Some(Ok(())), Ok(mask)) if mask.iter().eq([core]) => PinOutcome::Pinned,
        (Some(Ok(())), Ok(mask)) => refused(format!("the mask in force is {mask}")),
    };
    Pinned { outcome, mask: mask.ok(), cpu: cpus.current_cpu() }
}
