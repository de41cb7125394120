//! The tables `[[layout]]`.

use std::collections::BTreeSet;
use std::fmt;

use amp_executor::{Machine, PlanError, RolePlan};
use executor_common::Role;
use executor_common::cpu::CpuSet;

use super::class::Entry;
use super::fields::{Field, Table, quoted};
use super::problem::{At, Given};
use super::{Executor, Layout, cores, suggested};

/// Of which classes and machine the layouts are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) entries: &'a [Entry<'a>],
    pub(super) machine: &'a Machine,
    /// The roles laid out by demand, where the classes are right.
    pub(super) by_demand: Option<&'a suggested::Demand>,
}

/// Reads all. Where there is none, there are [`suggested::layouts`].
pub(super) fn read(root: &Table<'_>, context: &Context<'_>) -> Vec<Layout> {
    let Some(field) = root.get("layout") else {
        let Some(demand) = context.by_demand else { return Vec::new() };
        let at = At { field: "layout".to_owned(), span: root.at.span.clone() };
        return suggested::layouts(demand, context.machine)
            .map_err(|error| root.problems.add(&at, error.to_string()))
            .unwrap_or_default();
    };
    let Some(tables) = field.named_tables() else { return Vec::new() };
    if tables.is_empty() {
        field.refuse::<()>("none can run; without this field, there are layouts by demand");
    }
    let mut layouts: Vec<Layout> = Vec::new();
    for table in tables {
        if let Some((at, layout)) = read_one(&table, context) {
            if layouts.iter().any(|earlier| earlier.name == layout.name) {
                let name = &layout.name;
                let reason =
                    format!("there is another layout {name:?}; give each a `name` of its own");
                root.problems.add(&at, reason);
            }
            layouts.push(layout);
        }
        table.end();
    }
    layouts
}

/// A layout, and where its name is.
fn read_one(table: &Table<'_>, context: &Context<'_>) -> Option<(At, Layout)> {
    let (given, roles, cores) = (table.get("name"), table.get("roles"), table.get("cores"));
    let field = table.need("executor");
    let word = field.as_ref().and_then(Field::text);
    let executor = match (&field, word) {
        (Some(_), Some("amp")) => {
            plan(table, roles.as_ref(), cores.as_ref(), context).map(Executor::Amp)
        }
        (Some(field), Some(word)) => {
            for roles in [&roles, &cores].into_iter().flatten() {
                roles.problems.add(&roles.key, "only the executor \"amp\" has roles");
            }
            let others = [Executor::Smp, Executor::Rayon, Executor::Tokio];
            others.into_iter().find(|executor| executor.name() == word).or_else(|| {
                let names = quoted(&["smp", "amp", "rayon", "tokio"]);
                field.refuse(format!("there is no executor {word:?}; there are {names}"))
            })
        }
        _ => None,
    };
    let (at, name) = match given {
        Some(given) => (given.at.clone(), given.name()?),
        None => (field?.at, word?),
    };
    // Something in the place of what could not be read, so that its name is known.
    Some((at, Layout { name: name.to_owned(), executor: executor.unwrap_or(Executor::Smp) }))
}

fn plan(
    table: &Table<'_>,
    roles: Option<&Field<'_>>,
    declared: Option<&Field<'_>>,
    context: &Context<'_>,
) -> Option<RolePlan> {
    match (roles, declared) {
        (Some(list), None) => {
            let plan = role_list(list, context.machine)?;
            let roles = plan.roles().map(|config| config.role());
            check_roles(
                list,
                roles.map(|role| Given { at: list.at.clone(), value: role }),
                context,
            );
            Some(plan)
        }
        (None, Some(declared)) => {
            let wanted = cores::read(declared)?;
            let roles = wanted.iter().map(|each| each.role.clone());
            check_roles(declared, roles, context);
            cores::plan(declared, &wanted, context.machine)
        }
        (None, None) => {
            let demand = context.by_demand?;
            match suggested::plan(demand, context.machine) {
                Ok(plan) => Some(plan),
                Err(error) => {
                    table.problems.add(&table.at, error.to_string());
                    None
                }
            }
        }
        (Some(_), Some(declared)) => {
            declared.problems.add(&declared.key, "`roles` and `cores` cannot be given together");
            None
        }
    }
}

/// A role list of real CPU numbers.
fn role_list(field: &Field<'_>, machine: &Machine) -> Option<RolePlan> {
    let list = field.text()?;
    let plan = match RolePlan::parse(list) {
        Ok(plan) => plan,
        Err(PlanError::Malformed(error)) => {
            let mut at = field.at.clone();
            if field.problems.is_verbatim(&at.span, list) {
                at.span = at.span.start + 1 + error.position()..at.span.end - 1;
            }
            field.problems.add(&at, format!("{} at byte {}", error.reason(), error.position()));
            return None;
        }
        Err(error) => return field.refuse(error.to_string()),
    };
    let (online, allowed) = (machine.topology.online(), &machine.allowed);
    let mut is_right = true;
    for config in plan.roles() {
        let cpus = || config.core_set().iter();
        let absent: CpuSet = cpus().filter(|cpu| !online.contains(*cpu)).collect();
        let forbidden: CpuSet =
            cpus().filter(|cpu| online.contains(*cpu) && !allowed.contains(*cpu)).collect();
        for (cpus, why) in [
            (absent, format!("this machine lacks; it has {online}")),
            (forbidden, format!("this process may not use; it may use {allowed}")),
        ] {
            if !cpus.is_empty() {
                let role = config.role();
                field.refuse::<()>(format!("role \"{role}\" is to have CPU {cpus}, which {why}"));
                is_right = false;
            }
        }
    }
    is_right.then_some(plan)
}

/// Whether the plan's roles are the classes' roles.
fn check_roles(
    plan: &Field<'_>,
    planned: impl Iterator<Item = Given<Role>>,
    context: &Context<'_>,
) {
    let planned: Vec<_> = planned.collect();
    // Whose role could not be read may have any.
    let is_known = context.entries.iter().all(|entry| entry.role.is_some());
    let of = |entry: &Entry<'_>| entry.role.as_ref().map(|role| role.value);
    for role in &planned {
        if is_known && context.entries.iter().all(|entry| of(entry) != Some(role.value)) {
            plan.problems.add(&role.at, format!("no class has the role \"{}\"", role.value));
        }
    }
    for entry in context.entries {
        let (Some(role), Some(name)) = (of(entry), &entry.name) else { continue };
        if planned.iter().all(|planned| planned.value != role) {
            let name = name.value;
            plan.refuse::<()>(format!(
                "class {name:?} has the role \"{role}\", which has no cores here"
            ));
        }
    }
}

impl Executor {
    /// As files write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Smp => "smp",
            Self::Amp(_) => "amp",
            Self::Rayon => "rayon",
            Self::Tokio => "tokio",
        }
    }
}

impl Layout {
    /// Whether there are more workers than cores for them, so that roles wait for each other.
    pub fn is_oversubscribed(&self) -> bool {
        let Executor::Amp(plan) = &self.executor else { return false };
        let workers: usize = plan.roles().map(|config| config.core_set().len()).sum();
        let cores: BTreeSet<_> = plan.roles().flat_map(|config| config.core_set().iter()).collect();
        workers > cores.len()
    }
}

impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
