//! Why there is nothing to suggest.

use executor_common::Role;
use executor_common::cpu::CpuSet;

use crate::plan::PlanError;

/// Why there is no plan for what the roles ask for.
///
/// # Examples
///
/// ```
/// use amp_executor::cpu::Topology;
/// use amp_executor::{Machine, Role, RolePlan, RoleRequest, SuggestError};
///
/// let two_cores = Machine::whole(Topology::builder().cores_per_package(2).build());
/// let error = RolePlan::suggest_on(&two_cores, [RoleRequest::new(Role::new("io")).cores(3)]).unwrap_err();
/// assert!(matches!(error, SuggestError::TooManyCores { cores: 3, usable: 2, .. }));
/// assert_eq!(error.to_string(), "role \"io\" asks for 3 cores, and this process may use 2");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SuggestError {
    /// The roles by themselves make no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// None of the CPUs that the process may use is known and online.
    #[error("none of the CPUs that this process may use ({allowed}) is online")]
    NoCpus {
        /// The affinity mask.
        allowed: CpuSet,
    },
    /// A role without cores could run nothing.
    #[error("role \"{role}\" asks for no cores")]
    ZeroCores {
        /// The role.
        role: Role,
    },
    /// A share of nothing is no share.
    #[error("role \"{role}\" asks for a share of weight zero")]
    ZeroShare {
        /// The role.
        role: Role,
    },
    /// A role asks for more cores than the process may use.
    #[error(
        "role \"{role}\" asks for {cores} cores, and this process may use {usable}{quota}",
        quota = .quota.map(|quota| format!(" with a cgroup quota of {quota} CPUs")).unwrap_or_default()
    )]
    TooManyCores {
        /// The role.
        role: Role,
        /// What it asks for.
        cores: usize,
        /// How many CPUs are online and allowed.
        usable: usize,
        /// How many CPUs' worth of time the control groups grant, where that is less.
        quota: Option<f64>,
    },
    /// A role is to be near itself, or near a role that is not there.
    #[error("role \"{role}\" is to be near role \"{near}\", which is not another role of the plan")]
    NearUnknown {
        /// The role.
        role: Role,
        /// Whom it names.
        near: Role,
    },
}
