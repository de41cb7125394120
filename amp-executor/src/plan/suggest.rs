//! Lays roles out on a machine, and says why so.

mod error;
mod explain;
mod layout;
mod machine;
mod request;
mod supply;
mod waiting;

use std::fmt;

pub use error::SuggestError;
pub use machine::Machine;
pub use request::RoleRequest;

use super::{PlanError, RoleConfig, RolePlan};
use layout::Layout;
use supply::Supply;

/// A plan, and why it is as it is. Its Display is the explanation, and the plan as a role list and as TOML.
///
/// # Examples
///
/// ```
/// use amp_executor::cpu::Topology;
/// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
///
/// let two_cores = Machine::whole(Topology::builder().cores_per_package(2).build());
/// let suggestion = RolePlan::suggest_on(&two_cores, [RoleRequest::new(Role::new("io"))])?;
/// assert_eq!(suggestion.plan().to_string(), "io=0,1");
/// assert!(suggestion.to_string().contains("\nas a role list: io=0,1\n"));
/// # Ok::<(), amp_executor::SuggestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a suggestion does nothing until its plan is used"]
pub struct Suggestion {
    plan: RolePlan,
    reasons: Vec<String>,
    oversubscribed: bool,
}

impl RolePlan {
    /// Finds cores for roles on this machine: its topology, the affinity mask and the cgroup quota decide. The same machine
    /// and requests always give the same plan.
    ///
    /// * Roles that ask for a number of cores get it; the rest is shared by weight. Workers get physical cores of their
    ///   own while there are enough, then whole cores, and stay within one last-level cache where they fit.
    /// * A [latency-critical](RoleRequest::latency_critical) role chooses first. SMT siblings of its workers stay unused,
    ///   unless another role would have no CPU of its own otherwise.
    /// * A quota below the number of CPUs is rounded up, and no more CPUs than that are used. Nobody spins then.
    /// * Where the roles ask for more workers than there are CPUs, roles share: see
    ///   [`Suggestion::is_oversubscribed`].
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RolePlan, RoleRequest};
    ///
    /// let suggestion = RolePlan::suggest([
    ///     RoleRequest::new(Role::new("realtime")).latency_critical(),
    ///     RoleRequest::new(Role::new("compute")),
    /// ])?;
    /// println!("{suggestion}");
    /// let plan = suggestion.into_plan();
    /// assert_eq!(plan.roles().count(), 2);
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SuggestError`] names the role that cannot be fulfilled.
    pub fn suggest(
        roles: impl IntoIterator<Item = RoleRequest>,
    ) -> Result<Suggestion, SuggestError> {
        Self::suggest_on(&Machine::of_this_process(), roles)
    }

    /// As [`RolePlan::suggest`], for any machine.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// const RT: Role = Role::new("realtime");
    /// const DB: Role = Role::new("db");
    /// const COMPUTE: Role = Role::new("compute");
    ///
    /// // Eight cores with two hardware threads each, four cores to a cache.
    /// let topology =
    ///     Topology::builder().cores_per_package(8).threads_per_core(2).cores_per_cache(4).build();
    /// let suggestion = RolePlan::suggest_on(
    ///     &Machine::whole(topology),
    ///     [
    ///         RoleRequest::new(RT).latency_critical(),
    ///         RoleRequest::new(DB).cores(2).near(RT),
    ///         RoleRequest::new(COMPUTE),
    ///     ],
    /// )?;
    /// assert_eq!(
    ///     suggestion.plan().to_string(),
    ///     "realtime=1 idle=spin;db=0,8;compute=2-7,10-15",
    /// );
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`RolePlan::suggest`].
    pub fn suggest_on(
        machine: &Machine,
        roles: impl IntoIterator<Item = RoleRequest>,
    ) -> Result<Suggestion, SuggestError> {
        let requests: Vec<_> = roles.into_iter().collect();
        if requests.is_empty() {
            return Err(PlanError::NoRoles.into());
        }
        let supply = Supply::of(machine)?;
        supply.check(&requests)?;
        let layout = Layout::of(&supply, &requests);
        let waiting = waiting::decide(&layout);
        let configs =
            requests.iter().zip(&waiting).enumerate().map(|(role, (request, waiting))| {
                let config = RoleConfig::new(request.role())
                    .cores(layout.cpus(role).iter())
                    .idle(waiting.idle);
                if waiting.shared { config.shared() } else { config }
            });
        Ok(Suggestion {
            plan: Self::new(configs)?,
            reasons: explain::explain(&layout, &waiting),
            oversubscribed: layout.is_oversubscribed(),
        })
    }
}

impl Suggestion {
    /// The plan.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RolePlan, RoleRequest};
    ///
    /// let suggestion = RolePlan::suggest([RoleRequest::new(Role::new("io"))])?;
    /// assert_eq!(suggestion.plan().roles().count(), 1);
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn plan(&self) -> &RolePlan {
        &self.plan
    }

    /// The plan, for a builder.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RolePlan, RoleRequest};
    ///
    /// let suggestion = RolePlan::suggest([RoleRequest::new(Role::new("io"))])?;
    /// let amp = amp_executor::AmpExecutor::builder().plan(suggestion.into_plan()).build()?;
    /// assert_eq!(amp.metrics().roles.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_plan(self) -> RolePlan {
        self.plan
    }

    /// What was found and why it was decided so; one line each.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RolePlan, RoleRequest};
    ///
    /// let suggestion = RolePlan::suggest([RoleRequest::new(Role::new("io"))])?;
    /// assert!(!suggestion.reasons().is_empty());
    /// for reason in suggestion.reasons() {
    ///     println!("{reason}");
    /// }
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// There are fewer CPUs than workers, so that roles share CPUs and wait for each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RolePlan, RoleRequest};
    ///
    /// let suggestion = RolePlan::suggest([RoleRequest::new(Role::new("io"))])?;
    /// assert!(!suggestion.is_oversubscribed()); // one role fits anywhere
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn is_oversubscribed(&self) -> bool {
        self.oversubscribed
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reason in &self.reasons {
            writeln!(f, "{reason}")?;
        }
        write!(f, "\nas a role list: {}\n\nas TOML:\n\n{}", self.plan, self.plan.to_toml())
    }
}
