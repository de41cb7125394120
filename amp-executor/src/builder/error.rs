//! Why no executor was built.

use std::io;

use executor_common::Role;
use executor_common::cpu::CpuSet;

use crate::plan::{PlanError, Shortened};

/// Why no executor was built. All threads that had been started by then have ended.
///
/// # Examples
///
/// ```
/// use amp_executor::{AmpExecutor, BuildError, PlanError, Role, RoleConfig};
///
/// let without_cores = RoleConfig::new(Role::new("io"));
/// let error = AmpExecutor::builder().role(without_cores).build().unwrap_err();
/// assert!(matches!(error, BuildError::Plan(PlanError::NoCores { .. })));
/// assert_eq!(error.to_string(), "role \"io\" has no core");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The roles make no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The machine has no such core.
    #[error("role \"{role}\" asks for core {core}, which does not exist")]
    NoSuchCore {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
    },
    /// The core exists, but this process may not use it.
    #[error("role \"{role}\" asks for core {core}, but this process may only use {allowed}")]
    CoreNotAllowed {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// The affinity mask.
        allowed: CpuSet,
    },
    /// The operating system does not tell which cores may be used, and pins are required.
    #[error("the cores that this process may use cannot be read")]
    MaskUnknown(#[source] io::Error),
    /// A worker's thread could not be started.
    #[error("the thread of worker {worker} (role \"{role}\", core {core}) could not be started")]
    Thread {
        /// The worker's number in the executor.
        worker: usize,
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A pin is required, and the kernel did not grant it.
    #[error("role \"{role}\" could not be pinned to core {core}: {reason}")]
    Pin {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// The operating system's answer, or the mask that is in force instead.
        reason: String,
    },
    /// Something refers to a role that is not declared.
    #[error("there is no role \"{}\" for {what}", Shortened(role.name()))]
    NoSuchRole {
        /// The role.
        role: Role,
        /// What refers to it.
        what: &'static str,
    },
    /// The order of the shutdown names a role twice, or leaves one out.
    #[error("the shutdown order names role \"{role}\" {times} times")]
    ShutdownOrder {
        /// The role.
        role: Role,
        /// How often.
        times: usize,
    },
    /// Making a worker's state panicked.
    #[error("making the state of role \"{role}\" on core {core} panicked: {message}")]
    State {
        /// The role.
        role: Role,
        /// The core.
        core: usize,
        /// What the panic said.
        message: String,
    },
    /// The thread of the stall watch could not be started.
    #[error("the stall watch could not be started")]
    StallWatch(#[source] io::Error),
}
