//! Roles with numbers of cores: the field `cores` of a layout.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use amp_executor::{
    IdlePolicy, MAX_CAPACITY, MAX_SPIN_WINDOW, MAX_WORKERS, Machine, PlanError, RoleConfig,
    RolePlan, SchedClass,
};
use executor_common::Role;

use super::fields::Field;
use super::problem::Given;

/// How many tasks may wait for a role that does not say.
pub(super) const DEFAULT_CAPACITY: usize = 4096;

/// What a role is to have.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) role: Given<Role>,
    count: Count,
    idle: IdlePolicy,
    sched: SchedClass,
    capacity: usize,
    spin_window: Duration,
    lend_to: Vec<Role>,
}

/// How many cores.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    /// So many.
    Cores(usize),
    /// So many of a hundred, rounded.
    Part(f64),
    /// An equal part of what the others leave.
    Rest,
}

/// Reads the field: the roles in the order of the text. Nothing where a mistake was noted.
pub(super) fn read(field: &Field<'_>) -> Option<Vec<Wanted>> {
    let roles = field.table()?.all();
    if roles.is_empty() {
        return field.refuse("there is no role");
    }
    let wanted: Vec<_> = roles.iter().map(|(name, field)| Wanted::read(name, field)).collect();
    wanted.into_iter().collect()
}

/// Hands out the CPUs that an executor may use, and makes a plan of it.
pub(super) fn plan(field: &Field<'_>, wanted: &[Wanted], machine: &Machine) -> Option<RolePlan> {
    let cpus = usable_cpus(machine);
    if cpus.is_empty() {
        return field.refuse(format!("none of the CPUs {} is online", machine.allowed));
    }
    let handed_out = hand_out(wanted, &cpus);
    let is_shared = |role: usize| {
        let others = handed_out.iter().enumerate().filter(|(other, _)| *other != role);
        others.flat_map(|(_, cpus)| cpus).any(|cpu| handed_out[role].contains(cpu))
    };
    let config =
        |(index, wanted): (usize, &Wanted)| wanted.config(&handed_out[index], is_shared(index));
    match RolePlan::new(wanted.iter().enumerate().map(config)) {
        Ok(plan) => Some(plan),
        Err(error) => {
            let blamed = role_of(&error);
            let role = wanted.iter().find(|wanted| Some(wanted.role.value) == blamed);
            field.problems.add(role.map_or(&field.at, |role| &role.role.at), error.to_string());
            None
        }
    }
}

/// The CPUs that an executor with a worker for each core would use: those that are online and allowed, and no more than the
/// control groups grant.
pub(super) fn usable_cpus(machine: &Machine) -> Vec<usize> {
    let online = machine.topology.online();
    let mut cpus: Vec<_> = machine.allowed.iter().filter(|cpu| online.contains(*cpu)).collect();
    if let Some(quota) = machine.quota {
        cpus.truncate((quota as usize).max(1));
    }
    cpus
}

/// For each role, its CPUs. Each gets one while there are enough; then those that ask for a number take turns until they have it;
/// then those that do not. Where there are fewer CPUs than roles, one role after the other gets the next one, round and round.
fn hand_out(wanted: &[Wanted], cpus: &[usize]) -> Vec<Vec<usize>> {
    if cpus.len() < wanted.len() {
        return (0..wanted.len()).map(|role| vec![cpus[role % cpus.len()]]).collect();
    }
    let mut counts = vec![1; wanted.len()];
    let mut left = cpus.len() - wanted.len();
    let asks = |role: usize, count: usize| match wanted[role].count {
        Count::Cores(most) => count < most,
        Count::Part(part) => count < (part * cpus.len() as f64).round() as usize,
        Count::Rest => false,
    };
    let takes_rest = |role: usize, _: usize| wanted[role].count == Count::Rest;
    let stages: [&dyn Fn(usize, usize) -> bool; 2] = [&asks, &takes_rest];
    for wants_more in stages {
        while left > 0 && (0..counts.len()).any(|role| wants_more(role, counts[role])) {
            for (role, count) in counts.iter_mut().enumerate() {
                if left > 0 && wants_more(role, *count) {
                    *count += 1;
                    left -= 1;
                }
            }
        }
    }
    let mut cpus = cpus.iter().copied();
    counts.iter().map(|count| cpus.by_ref().take(*count).collect()).collect()
}

impl Wanted {
    fn read(name: &str, field: &Field<'_>) -> Option<Self> {
        let role = Given { at: field.key.clone(), value: Role::intern(name) };
        let mut wanted = Self {
            role,
            count: Count::Rest,
            idle: IdlePolicy::default(),
            sched: SchedClass::default(),
            capacity: DEFAULT_CAPACITY,
            spin_window: RoleConfig::DEFAULT_SPIN_WINDOW,
            lend_to: Vec::new(),
        };
        if !field.is_table() {
            wanted.count = count(field)?;
            return Some(wanted);
        }
        let table = field.table()?;
        let count = table.need("count").map(|field| count(&field));
        let idle = table.get("idle").map(|field| word(&field));
        let sched = table.get("sched").map(|field| word(&field));
        let capacity = table.get("capacity").map(|field| field.count(MAX_CAPACITY));
        let spin_window = table.get("spin_window").map(|field| spin_window(&field));
        let lend_to = table.get("lend_to").map(|field| names(&field));
        table.end();
        wanted.count = count??;
        wanted.idle = idle.unwrap_or(Some(wanted.idle))?;
        wanted.sched = sched.unwrap_or(Some(wanted.sched))?;
        wanted.capacity = capacity.unwrap_or(Some(wanted.capacity))?;
        wanted.spin_window = spin_window.unwrap_or(Some(wanted.spin_window))?;
        wanted.lend_to = lend_to.unwrap_or(Some(Vec::new()))?;
        Some(wanted)
    }

    fn config(&self, cpus: &[usize], is_shared: bool) -> RoleConfig {
        let mut config = RoleConfig::new(self.role.value)
            .cores(cpus.iter().copied())
            .capacity(self.capacity)
            .sched(self.sched)
            .spin_window(self.spin_window)
            // A spinning worker would take the other role's time on the core.
            .idle(if is_shared { IdlePolicy::Park } else { self.idle });
        if is_shared {
            config = config.shared();
        }
        self.lend_to.iter().fold(config, |config, role| config.lend_to(*role))
    }
}

fn count(field: &Field<'_>) -> Option<Count> {
    match field.as_text() {
        None => Some(Count::Cores(field.count(MAX_WORKERS)?)),
        Some("rest") => Some(Count::Rest),
        Some(text) if !text.ends_with('%') => field.refuse(format!(
            "{text:?} is neither a number of cores, nor such as \"25%\", nor \"rest\""
        )),
        Some(_) => match field.part()? {
            part if part > 0.0 && part <= 1.0 => Some(Count::Part(part)),
            _ => field.refuse("a part of the cores is above 0% and at most 100%"),
        },
    }
}

fn word<T: FromStr<Err: Display>>(field: &Field<'_>) -> Option<T> {
    let text = field.text()?;
    text.parse().map_or_else(|error| field.refuse(format!("{text:?}: {error}")), Some)
}

fn spin_window(field: &Field<'_>) -> Option<Duration> {
    match field.time_or_zero()? {
        window if window <= MAX_SPIN_WINDOW => Some(window),
        window => field.refuse(format!("{window:?} is more than {MAX_SPIN_WINDOW:?}")),
    }
}

fn names(field: &Field<'_>) -> Option<Vec<Role>> {
    let name = |field: &Field<'_>| Some(Role::intern(field.name()?));
    field.elements()?.iter().map(name).collect()
}

/// Whose declaration would have to change.
fn role_of(error: &PlanError) -> Option<Role> {
    match error {
        PlanError::InvalidRoleName { role }
        | PlanError::FifoSpins { role }
        | PlanError::LendsToUnknown { role, .. }
        | PlanError::LendsToItself { role }
        | PlanError::LendsTwice { role, .. } => Some(*role),
        PlanError::LendsInCircle { roles } => roles.first().copied(),
        _ => None,
    }
}
