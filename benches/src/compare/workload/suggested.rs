//! Layouts for a workload that declares none, by what its roles want.

use amp_executor::{Machine, RolePlan, RoleRequest, SuggestError};
use executor_common::Role;

use super::cores::{DEFAULT_CAPACITY, usable_cpus};
use super::demand::cores_by_role;
use super::{Class, Executor, Layout};

/// So much of a core's time is used where somebody waits for what it does.
const UTILISATION: f64 = 0.7;

/// What the roles of a workload want.
#[derive(Debug)]
pub(super) struct Demand {
    /// In the order of their first classes.
    roles: Vec<RoleDemand>,
}

#[derive(Debug)]
struct RoleDemand {
    role: Role,
    /// So many cores' time, where that is known.
    cores: Option<f64>,
    /// One of its classes has a deadline or an objective.
    is_urgent: bool,
}

impl Demand {
    /// What the classes' roles want. `order` is that of [`children_first`](super::tree::children_first).
    pub(super) fn of(classes: &[Class], order: &[usize], machine: &Machine) -> Self {
        let workers = usable_cpus(machine).len().max(1);
        let is_urgent = |role: Role| {
            let mut own = classes.iter().filter(|class| class.role == role);
            own.any(|class| class.deadline.is_some() || !class.objectives.is_empty())
        };
        let roles = cores_by_role(classes, order, workers).into_iter();
        let demand = |(role, cores)| RoleDemand { role, cores, is_urgent: is_urgent(role) };
        Self { roles: roles.map(demand).collect() }
    }

    /// Hundredths of a core. A role of which it is not known counts as the greatest of the others, and at least as one core.
    fn weight(&self, role: &RoleDemand) -> u32 {
        let greatest = self.roles.iter().filter_map(|each| each.cores).fold(1.0, f64::max);
        ((role.cores.unwrap_or(greatest) * 100.0).ceil() as u32).max(1)
    }

    /// The role that can make most of other roles' idle cores: not an urgent one, where there are others.
    fn borrower(&self) -> Option<Role> {
        let most = |urgent: bool| {
            let roles = self.roles.iter().rev().filter(|each| each.is_urgent == urgent);
            roles.max_by_key(|each| self.weight(each)).map(|each| each.role)
        };
        most(false).or_else(|| most(true))
    }
}

/// The roles laid out by [`RolePlan::suggest`].
///
/// # Errors
///
/// This process may use no CPU.
pub(super) fn plan(demand: &Demand, machine: &Machine) -> Result<RolePlan, SuggestError> {
    let workers = usable_cpus(machine).len();
    // Where all roles are urgent, none is more so than another.
    let some_wait = demand.roles.iter().any(|each| !each.is_urgent);
    let most = (workers + 1).saturating_sub(demand.roles.len()).max(1);
    let requests = demand.roles.iter().map(|each| {
        let request = RoleRequest::new(each.role);
        if each.is_urgent && some_wait {
            let cores = (each.cores.unwrap_or(0.0) / UTILISATION).ceil() as usize;
            request.latency_critical().cores(cores.clamp(1, most))
        } else {
            request.share(demand.weight(each))
        }
    });
    let plan = RolePlan::suggest_on(machine, requests)?.into_plan();
    let roomier = plan.roles().map(|config| config.clone().capacity(DEFAULT_CAPACITY));
    Ok(RolePlan::new(roomier)?)
}

/// SMP; AMP by demand; the same with lending, where there are two roles; rayon; tokio.
///
/// # Errors
///
/// As [`plan`].
pub(super) fn layouts(demand: &Demand, machine: &Machine) -> Result<Vec<Layout>, SuggestError> {
    let layout = |name: &str, executor| Layout { name: name.to_owned(), executor };
    let plan = plan(demand, machine)?;
    let mut layouts =
        vec![layout("smp", Executor::Smp), layout("amp", Executor::Amp(plan.clone()))];
    if let Some(borrower) = demand.borrower().filter(|_| plan.roles().len() > 1) {
        let lending = plan.roles().map(|config| {
            let config = config.clone();
            if config.role() == borrower { config } else { config.lend_to(borrower) }
        });
        layouts.push(layout("amp-lending", Executor::Amp(RolePlan::new(lending)?)));
    }
    layouts.extend([layout("rayon", Executor::Rayon), layout("tokio", Executor::Tokio)]);
    Ok(layouts)
}
