//! What a role asks for.

use executor_common::Role;

/// What a role needs, for [`RolePlan::suggest`](crate::RolePlan::suggest) to find cores for it.
///
/// # Examples
///
/// ```
/// use amp_executor::cpu::Topology;
/// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
///
/// const RT: Role = Role::new("realtime");
/// const IO: Role = Role::new("io");
/// const COMPUTE: Role = Role::new("compute");
/// const LOG: Role = Role::new("log");
///
/// let requests = [
///     RoleRequest::new(RT).latency_critical(),
///     RoleRequest::new(IO).cores(2).near(RT),
///     RoleRequest::new(COMPUTE).share(3),
///     RoleRequest::new(LOG).cores(1).background(),
/// ];
/// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
/// let plan = RolePlan::suggest_on(&four_cores, requests)?.into_plan();
/// assert_eq!(plan.roles().count(), 4);
/// # Ok::<(), amp_executor::SuggestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request takes effect in a suggestion"]
pub struct RoleRequest {
    role: Role,
    size: Option<Size>,
    kind: Kind,
    near: Vec<Role>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Cores(usize),
    Share(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    LatencyCritical,
    Background,
}

impl RoleRequest {
    /// A role that says nothing else gets an equal share, and if it is latency-critical, one core.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
    /// let (a, b) = (Role::new("a"), Role::new("b"));
    /// let plan = RolePlan::suggest_on(&four_cores, [RoleRequest::new(a), RoleRequest::new(b)])?;
    /// assert_eq!(plan.plan().to_string(), "a=0,1;b=2,3");
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn new(role: Role) -> Self {
        Self { role, size: None, kind: Kind::Normal, near: Vec::new() }
    }

    /// This many cores, no more and no less. Replaces a share.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
    /// let (a, b) = (Role::new("a"), Role::new("b"));
    /// let plan = RolePlan::suggest_on(&four_cores, [RoleRequest::new(a).cores(1), RoleRequest::new(b)])?;
    /// assert_eq!(plan.plan().to_string(), "a=0;b=1-3");
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn cores(mut self, cores: usize) -> Self {
        self.size = Some(Size::Cores(cores));
        self
    }

    /// At least one core, and a part of what the others leave: twice the weight gets twice the cores. Replaces a number of
    /// cores.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
    /// let (a, b) = (Role::new("a"), Role::new("b"));
    /// let plan = RolePlan::suggest_on(&four_cores, [RoleRequest::new(a).share(3), RoleRequest::new(b)])?;
    /// assert_eq!(plan.plan().to_string(), "a=0-2;b=3");
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn share(mut self, weight: u32) -> Self {
        self.size = Some(Size::Share(weight));
        self
    }

    /// Each of the role's workers gets a physical core of its own, one of the fastest and not the one with CPU 0, where there
    /// is a choice; SMT siblings stay unused. It spins while idle where that costs nobody else. Replaces
    /// [`RoleRequest::background`].
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
    /// let (a, b) = (Role::new("a"), Role::new("b"));
    /// let plan = RolePlan::suggest_on(&four_cores, [RoleRequest::new(a).latency_critical(), RoleRequest::new(b)])?;
    /// assert_eq!(plan.plan().to_string(), "a=1 idle=spin;b=0,2,3");
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn latency_critical(mut self) -> Self {
        self.kind = Kind::LatencyCritical;
        self
    }

    /// Nobody waits for the role: it gets little cores and SMT siblings of busy ones first, and parks at once while idle.
    /// Replaces [`RoleRequest::latency_critical`].
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
    /// let (a, b) = (Role::new("a"), Role::new("b"));
    /// let plan = RolePlan::suggest_on(&four_cores, [RoleRequest::new(a).background(), RoleRequest::new(b)])?;
    /// assert_eq!(plan.plan().to_string(), "a=2,3 idle=park;b=0,1");
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn background(mut self) -> Self {
        self.kind = Kind::Background;
        self
    }

    /// The role exchanges much with `other`: they get cores with the same last-level cache where there are enough. May be
    /// called for several roles; either of two may name the other one.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::cpu::Topology;
    /// use amp_executor::{Machine, Role, RolePlan, RoleRequest};
    ///
    /// let four_cores = Machine::whole(Topology::builder().cores_per_package(4).build());
    /// let (a, b) = (Role::new("a"), Role::new("b"));
    /// let plan = RolePlan::suggest_on(&four_cores, [RoleRequest::new(a).near(b), RoleRequest::new(b)])?;
    /// assert_eq!(plan.plan().to_string(), "a=0,1;b=2,3");
    /// # Ok::<(), amp_executor::SuggestError>(())
    /// ```
    pub fn near(mut self, other: Role) -> Self {
        self.near.push(other);
        self
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn nears(&self) -> &[Role] {
        &self.near
    }

    /// What was asked for, or what it gets that does not say.
    pub(super) fn size(&self) -> Size {
        self.size.unwrap_or(match self.kind {
            Kind::LatencyCritical => Size::Cores(1),
            Kind::Normal | Kind::Background => Size::Share(1),
        })
    }

    /// Whether it says how much it wants.
    pub(super) fn is_sized(&self) -> bool {
        self.size.is_some()
    }

    /// With how many workers it can do.
    pub(super) fn minimum(&self) -> usize {
        match self.size() {
            Size::Cores(cores) => cores,
            Size::Share(_) => 1,
        }
    }
}
