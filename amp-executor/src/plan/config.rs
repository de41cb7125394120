//! One role's declaration.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use executor_common::Role;
use executor_common::cpu::CpuSet;

use super::error::PlanError;
use super::spin_window::Window;
use super::{MAX_CAPACITY, MAX_ROLE_NAME, MAX_SPIN_WINDOW};
use crate::idle::IdlePolicy;
use crate::sched::{MAX_FIFO_PRIORITY, SchedClass};

/// What one role gets: its cores, its channel, its way of waiting. One worker per core.
///
/// # Examples
///
/// ```
/// use amp_executor::{IdlePolicy, Role, RoleConfig};
///
/// let realtime = RoleConfig::new(Role::new("realtime"))
///     .cores([1])
///     .capacity(64)
///     .idle(IdlePolicy::Spin);
/// assert_eq!(realtime.to_string(), "realtime=1 capacity=64 idle=spin");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a role takes effect in a builder or a plan"]
pub struct RoleConfig {
    role: Role,
    cores: CpuSet,
    capacity: usize,
    idle: IdlePolicy,
    shared: bool,
    sched: SchedClass,
    spin_window: Duration,
    lends_to: Vec<Role>,
}

impl RoleConfig {
    /// How many tasks may wait in a role's channel unless the role says otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let io = RoleConfig::new(Role::new("io")).cores([0]);
    /// assert_eq!(io.channel_capacity(), RoleConfig::DEFAULT_CAPACITY);
    /// ```
    pub const DEFAULT_CAPACITY: usize = 1024;

    /// How long before a timed task's due time a worker stops sleeping, unless the role says otherwise: a sleeping thread
    /// of a virtual machine starts 35 to 130 us late.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let io = RoleConfig::new(Role::new("io")).cores([0]);
    /// assert_eq!(io.timed_spin_window(), RoleConfig::DEFAULT_SPIN_WINDOW);
    /// ```
    pub const DEFAULT_SPIN_WINDOW: Duration = Duration::from_micros(200);

    /// A role without cores, which it needs before it can be used.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0]);
    /// assert_eq!(config.to_string(), "io=0");
    /// ```
    pub fn new(role: Role) -> Self {
        Self {
            role,
            cores: CpuSet::new(),
            capacity: Self::DEFAULT_CAPACITY,
            idle: IdlePolicy::default(),
            shared: false,
            sched: SchedClass::default(),
            spin_window: Self::DEFAULT_SPIN_WINDOW,
            lends_to: Vec::new(),
        }
    }

    /// Adds cores, by the kernel's CPU numbers. A core that is named twice counts once.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0, 2, 3]);
    /// assert_eq!(config.to_string(), "io=0,2,3");
    /// ```
    pub fn cores(mut self, cores: impl IntoIterator<Item = usize>) -> Self {
        self.cores.extend(cores);
        self
    }

    /// How many tasks may wait in the role's channel.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0]).capacity(64);
    /// assert_eq!(config.to_string(), "io=0 capacity=64");
    /// ```
    pub fn capacity(mut self, tasks: usize) -> Self {
        self.capacity = tasks;
        self
    }

    /// What the role's workers do while they have nothing to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{IdlePolicy, Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0]).idle(IdlePolicy::Park);
    /// assert_eq!(config.to_string(), "io=0 idle=park");
    /// ```
    pub fn idle(mut self, policy: IdlePolicy) -> Self {
        self.idle = policy;
        self
    }

    /// The role accepts other shared roles on its cores. Where a core is in fact shared, its workers park
    /// instead of spinning or backing off.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0]).shared();
    /// assert_eq!(config.to_string(), "io=0 shared");
    /// ```
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// How the kernel is to schedule the role's workers. [`SchedClass::Fifo`] with [`IdlePolicy::Spin`] is refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig, SchedClass};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0]).sched(SchedClass::Fifo(50));
    /// assert_eq!(config.to_string(), "io=0 sched=fifo:50");
    /// ```
    pub fn sched(mut self, class: SchedClass) -> Self {
        self.sched = class;
        self
    }

    /// How long before a timed task is due its worker stops sleeping and spins, at most
    /// [`MAX_SPIN_WINDOW`](crate::MAX_SPIN_WINDOW). Zero where roles share a core.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let window = Duration::from_micros(50);
    /// let config = RoleConfig::new(Role::new("io")).cores([0]).spin_window(window);
    /// assert_eq!(config.to_string(), "io=0 spin-window=50us");
    /// ```
    pub fn spin_window(mut self, window: Duration) -> Self {
        self.spin_window = window;
        self
    }

    /// The role's idle workers take single closures that wait in `role`'s channel, while they have nothing of their own to
    /// do. Futures are not lent, and what wants the role's state is not either. A worker that has taken a closure finishes it
    /// before it serves its own role again, with those closures of `role` that this one waits for in
    /// [`JoinHandle::join`](crate::JoinHandle::join) before anybody has begun them.
    ///
    /// May be called for several roles, which are asked in this order. Lending goes one way: roles that lend in a circle make
    /// no plan.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([0]).lend_to(Role::new("db"));
    /// assert_eq!(config.to_string(), "io=0 lend=db");
    /// ```
    pub fn lend_to(mut self, role: Role) -> Self {
        self.lends_to.push(role);
        self
    }

    /// Whose declaration this is.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io"));
    /// assert_eq!(config.role(), Role::new("io"));
    /// ```
    pub fn role(&self) -> Role {
        self.role
    }

    /// The cores.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).cores([2, 0]);
    /// assert_eq!(config.core_set().to_string(), "0,2");
    /// ```
    pub fn core_set(&self) -> &CpuSet {
        &self.cores
    }

    /// How many tasks may wait in the role's channel.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io"));
    /// assert_eq!(config.channel_capacity(), RoleConfig::DEFAULT_CAPACITY);
    /// ```
    pub fn channel_capacity(&self) -> usize {
        self.capacity
    }

    /// What the role's workers are to do while they have nothing to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{IdlePolicy, Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io"));
    /// assert_eq!(config.idle_policy(), IdlePolicy::Backoff);
    /// ```
    pub fn idle_policy(&self) -> IdlePolicy {
        self.idle
    }

    /// Whether the role accepts other shared roles on its cores.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).shared();
    /// assert_eq!(config.is_shared(), true);
    /// ```
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// How the kernel is to schedule the role's workers.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig, SchedClass};
    ///
    /// let config = RoleConfig::new(Role::new("io"));
    /// assert_eq!(config.sched_class(), SchedClass::Normal);
    /// ```
    pub fn sched_class(&self) -> SchedClass {
        self.sched
    }

    /// How long before a timed task is due its worker stops sleeping.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io"));
    /// assert_eq!(config.timed_spin_window(), RoleConfig::DEFAULT_SPIN_WINDOW);
    /// ```
    pub fn timed_spin_window(&self) -> Duration {
        self.spin_window
    }

    /// The roles that the role's idle workers help.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig};
    ///
    /// let config = RoleConfig::new(Role::new("io")).lend_to(Role::new("db"));
    /// assert_eq!(config.lends_to(), [Role::new("db")]);
    /// ```
    pub fn lends_to(&self) -> &[Role] {
        &self.lends_to
    }

    /// What can be wrong with a role by itself.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let role = self.role;
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if role.name().is_empty()
            || role.name().len() > MAX_ROLE_NAME
            || !role.name().bytes().all(is_name_byte)
        {
            return Err(PlanError::InvalidRoleName { role });
        }
        if self.cores.is_empty() {
            return Err(PlanError::NoCores { role });
        }
        if let Some(core) = self.cores.iter().find(|core| *core > CpuSet::MAX_CPU) {
            return Err(PlanError::CoreTooLarge { role, core });
        }
        match self.capacity {
            0 => return Err(PlanError::ZeroCapacity { role }),
            capacity if capacity > MAX_CAPACITY => {
                return Err(PlanError::CapacityTooLarge { role, capacity });
            }
            _ => {}
        }
        match self.sched {
            SchedClass::Fifo(priority) if !(1..=MAX_FIFO_PRIORITY).contains(&priority) => {
                return Err(PlanError::FifoPriority { role, priority });
            }
            SchedClass::Fifo(_) if self.idle == IdlePolicy::Spin => {
                return Err(PlanError::FifoSpins { role });
            }
            SchedClass::Fifo(_) | SchedClass::Normal => {}
        }
        if self.spin_window > MAX_SPIN_WINDOW {
            return Err(PlanError::SpinWindowTooLong { role, window: self.spin_window });
        }
        let mut helped = HashSet::new();
        for &to in &self.lends_to {
            if to == role {
                return Err(PlanError::LendsToItself { role });
            }
            if !helped.insert(to) {
                return Err(PlanError::LendsTwice { role, to });
            }
        }
        Ok(())
    }

    /// What can be wrong between two roles.
    pub(super) fn check_beside(&self, later: &Self) -> Result<(), PlanError> {
        if self.role == later.role {
            return Err(PlanError::DuplicateRole { role: self.role });
        }
        let Some(core) = self.cores.iter().find(|core| later.cores.contains(*core)) else {
            return Ok(());
        };
        if !(self.shared && later.shared) {
            return Err(PlanError::CoreInTwoRoles { core, first: self.role, second: later.role });
        }
        for (spinner, other) in [(self, later), (later, self)] {
            if spinner.idle == IdlePolicy::Spin {
                let (role, other) = (spinner.role, other.role);
                return Err(PlanError::SpinOnSharedCore { core, role, other });
            }
        }
        Ok(())
    }
}

/// Writes the declaration as an entry of a role list.
impl fmt::Display for RoleConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.role, self.cores)?;
        if self.shared {
            f.write_str(" shared")?;
        }
        if self.capacity != Self::DEFAULT_CAPACITY {
            write!(f, " capacity={}", self.capacity)?;
        }
        if self.idle != IdlePolicy::default() {
            write!(f, " idle={}", self.idle)?;
        }
        if self.sched != SchedClass::default() {
            write!(f, " sched={}", self.sched)?;
        }
        if self.spin_window != Self::DEFAULT_SPIN_WINDOW {
            write!(f, " spin-window={}", Window(self.spin_window))?;
        }
        for (index, role) in self.lends_to.iter().enumerate() {
            write!(f, "{}{role}", if index == 0 { " lend=" } else { "," })?;
        }
        Ok(())
    }
}
