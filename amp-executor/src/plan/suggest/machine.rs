//! On what a plan is to run.

use executor_common::cpu::{CpuControl, CpuSet, SystemCpus, Topology, cpu_quota};

/// A machine, and a process's part of it.
///
/// # Examples
///
/// ```
/// use amp_executor::cpu::Topology;
/// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
///
/// // A container that has all of eight CPUs, for a quarter of the time.
/// let eight_cores = Topology::builder().cores_per_package(8).build();
/// let container = Machine { quota: Some(2.0), ..Machine::whole(eight_cores) };
/// let suggestion = RolePlan::suggest_on(&container, [RoleRequest::new(Role::new("compute"))])?;
/// assert_eq!(suggestion.plan().to_string(), "compute=0,1");
/// # Ok::<(), amp_executor::SuggestError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Its CPUs.
    pub topology: Topology,
    /// The CPUs that the process may use.
    pub allowed: CpuSet,
    /// How many CPUs' worth of time the control groups grant. `None` where they do not limit it.
    pub quota: Option<f64>,
}

impl Machine {
    /// This machine, and what this process may use of it. Where the system does not tell which CPUs those are, all that are
    /// online.
    ///
    /// # Examples
    ///
    /// ```
    /// let machine = amp_executor::Machine::of_this_process();
    /// assert!(machine.allowed.len() >= 1);
    /// println!("{}; this process may use {}", machine.topology, machine.allowed);
    /// ```
    pub fn of_this_process() -> Self {
        let whole = Self::whole(Topology::of_this_machine());
        let allowed = SystemCpus.allowed().unwrap_or(whole.allowed);
        Self { allowed, quota: cpu_quota(), ..whole }
    }

    /// All of a machine's CPUs that are online, without a quota.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::Machine;
    /// use amp_executor::cpu::Topology;
    ///
    /// let machine = Machine::whole(Topology::builder().cores_per_package(8).build());
    /// assert_eq!(machine.allowed.to_string(), "0-7");
    /// ```
    pub fn whole(topology: Topology) -> Self {
        Self { allowed: topology.online(), topology, quota: None }
    }
}
