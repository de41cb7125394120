//! Makes everything but the threads.

use executor_common::cpu::default_parallelism;
use executor_common::sync::asymmetric::Fences;
use executor_common::sync::{Arc, now};
use executor_common::{DomainId, Reactor, Role, WorkerParker};

use super::{AmpBuilder, BuildError};
use crate::deadlock::WaitGraph;
use crate::idle::{IdlePolicy, SPIN_FOR, SPIN_FOR_CROWDED};
use crate::pin::PinPolicy;
use crate::plan::{RoleConfig, RolePlan};
use crate::role::{RoleParts, RoleState};
use crate::shared::Shared;
use crate::state::StateMakers;
use crate::worker::{Lending, Worker};

/// Checks what the builder was told, and makes the roles and what each worker's thread is given.
pub(super) fn assemble(
    builder: &AmpBuilder,
    plan: &RolePlan,
) -> Result<(Arc<Shared>, Vec<Worker>), BuildError> {
    check_cores(builder, plan)?;
    check_roles(builder, plan)?;
    let shutdown_order = shutdown_order(builder, plan)?;
    let roles: Vec<_> = plan.roles().collect();
    let parkers = parkers(builder, &roles);
    let (executor, epoch) = (DomainId::unique(), now());
    let mut states: Vec<Arc<RoleState>> = Vec::new();
    let mut first_worker = 0;
    for (index, config) in roles.iter().enumerate() {
        let lenders = roles.iter().zip(&parkers).filter(|(other, _)| lends(other, config));
        let lenders = lenders.flat_map(|(_, parkers)| parkers);
        let parts = RoleParts {
            role: config.role(),
            index,
            executor,
            first_worker,
            capacity: config.channel_capacity(),
            cores: config.core_set().iter().collect(),
            unparkers: parkers[index].iter().map(|(_, parker)| parker.unparker()).collect(),
            lenders: lenders.map(|(number, parker)| (*number, parker.unparker())).collect(),
            sleep_fences: sleep_fences(builder, plan, config),
            state_types: makers(builder, config.role()).types(),
            epoch,
            measures_delays: builder.measures_delays,
            on_panic: builder.hooks.on_panic.clone(),
        };
        first_worker += config.core_set().len();
        states.push(Arc::new(RoleState::new(parts)));
    }
    let is_crowded = first_worker > default_parallelism();
    let mut workers = Vec::new();
    for ((index, config), parkers) in roles.iter().enumerate().zip(parkers) {
        for (place, (core, (number, parker))) in config.core_set().iter().zip(parkers).enumerate() {
            let is_shared = plan.is_core_shared(config.role(), core);
            let parks = is_shared || reactor(builder, config.role()).is_some();
            let spin_window = config.timed_spin_window().as_nanos() as u64;
            workers.push(Worker {
                role: Arc::clone(&states[index]),
                place,
                number,
                core,
                pin: builder.pin,
                sched: config.sched_class(),
                idle: idle_in_force(config.idle_policy(), parks, is_crowded),
                spin_for: if is_crowded { SPIN_FOR_CROWDED } else { SPIN_FOR },
                spin_window_ns: if is_shared { 0 } else { spin_window },
                lends: lendings(&roles, &states, index, place),
                states: makers(builder, config.role()),
                parker,
                cpus: std::sync::Arc::clone(&builder.cpus),
                hooks: builder.hooks.clone(),
            });
        }
    }
    let waits = WaitGraph::new(workers.iter().map(|worker| worker.role.index));
    let shared = Shared { executor, roles: states.into(), shutdown_order, waits, epoch };
    Ok((Arc::new(shared), workers))
}

/// The number and the parker of each worker, by role.
fn parkers(builder: &AmpBuilder, roles: &[&RoleConfig]) -> Vec<Vec<(usize, WorkerParker)>> {
    let mut number = 0..;
    let mut of_role = |config: &&RoleConfig| {
        let workers = number.by_ref().take(config.core_set().len());
        let reactor = reactor(builder, config.role());
        workers.map(|number| (number, WorkerParker::new(reactor.clone()))).collect()
    };
    roles.iter().map(&mut of_role).collect()
}

/// What a worker may do while it has nothing to do. On a core that two roles share it parks, and where events come from a reactor, which
/// a spinning worker would not see; and where there are more workers than CPUs for them, quota included, nobody spins for ever.
fn idle_in_force(asked: IdlePolicy, parks: bool, is_crowded: bool) -> IdlePolicy {
    match asked {
        _ if parks => IdlePolicy::Park,
        IdlePolicy::Spin if is_crowded => IdlePolicy::Backoff,
        asked => asked,
    }
}

fn sleep_fences(builder: &AmpBuilder, plan: &RolePlan, config: &RoleConfig) -> Fences {
    let has_reactor = |role| reactor(builder, role).is_some();
    if wakers_pay(plan, config, &has_reactor) { Fences::full() } else { Fences::new() }
}

/// Workers that lie down at once, each time they find nothing, do not make everybody else pay for it. Unless they lend: then
/// they are called by the spawners of other roles as well, and have to pay where those do not.
fn wakers_pay(plan: &RolePlan, config: &RoleConfig, has_reactor: &impl Fn(Role) -> bool) -> bool {
    let shares = config.core_set().iter().any(|core| plan.is_core_shared(config.role(), core));
    let is_lent_to = |other: &&RoleConfig| lends(config, other);
    (shares || config.idle_policy() == IdlePolicy::Park || has_reactor(config.role()))
        && plan.roles().filter(is_lent_to).all(|other| wakers_pay(plan, other, has_reactor))
}

fn lends(lender: &RoleConfig, borrower: &RoleConfig) -> bool {
    lender.lends_to().contains(&borrower.role())
}

/// The roles that a worker lends to, and its places among their lenders, which stand there in the order of declaration.
fn lendings(
    roles: &[&RoleConfig],
    states: &[Arc<RoleState>],
    lender: usize,
    place: usize,
) -> Vec<Lending> {
    let to = |role: &Role| {
        let borrower = roles.iter().position(|config| config.role() == *role)?;
        let before = roles[..lender].iter().filter(|other| lends(other, roles[borrower]));
        let before: usize = before.map(|other| other.core_set().len()).sum();
        Some(Lending { role: Arc::clone(&states[borrower]), place: before + place })
    };
    roles[lender].lends_to().iter().filter_map(to).collect()
}

fn reactor(builder: &AmpBuilder, role: Role) -> Option<std::sync::Arc<dyn Reactor>> {
    let mut of_role = builder.reactors.iter().rev().filter(|(of, _)| *of == role);
    of_role.next().map(|(_, reactor)| std::sync::Arc::clone(reactor))
}

fn makers(builder: &AmpBuilder, role: Role) -> StateMakers {
    let of_role = builder.states.iter().find(|(of, _)| *of == role);
    of_role.map(|(_, makers)| makers.clone()).unwrap_or_default()
}

/// Whether there are the roles that states and reactors are for.
fn check_roles(builder: &AmpBuilder, plan: &RolePlan) -> Result<(), BuildError> {
    let states = builder.states.iter().map(|(role, _)| (*role, "a state"));
    let reactors = builder.reactors.iter().map(|(role, _)| (*role, "a reactor"));
    let is_missing = |(role, _): &(Role, _)| !plan.roles().any(|config| config.role() == *role);
    match states.chain(reactors).find(is_missing) {
        Some((role, what)) => Err(BuildError::NoSuchRole { role, what }),
        None => Ok(()),
    }
}

/// The indices of the roles in the order in which they are closed.
fn shutdown_order(builder: &AmpBuilder, plan: &RolePlan) -> Result<Box<[usize]>, BuildError> {
    let Some(order) = &builder.shutdown_order else {
        return Ok((0..plan.roles().len()).collect());
    };
    for config in plan.roles() {
        let role = config.role();
        let times = order.iter().filter(|named| **named == role).count();
        if times != 1 {
            return Err(BuildError::ShutdownOrder { role, times });
        }
    }
    let index = |role: &Role| {
        let index = plan.roles().position(|config| config.role() == *role);
        index.ok_or(BuildError::NoSuchRole { role: *role, what: "the shutdown order" })
    };
    order.iter().map(index).collect()
}

fn check_cores(builder: &AmpBuilder, plan: &RolePlan) -> Result<(), BuildError> {
    let allowed = match builder.cpus.allowed() {
        Ok(allowed) => allowed,
        Err(error) if builder.pin == PinPolicy::Require => {
            return Err(BuildError::MaskUnknown(error));
        }
        // Nothing to check against; the placement will say that the mask is unknown.
        Err(_) => return Ok(()),
    };
    for config in plan.roles() {
        let role = config.role();
        let outside = config.core_set().iter().find(|core| !allowed.contains(*core));
        if let Some(core) = outside {
            return Err(if builder.cpus.exists(core) {
                BuildError::CoreNotAllowed { role, core, allowed }
            } else {
                BuildError::NoSuchCore { role, core }
            });
        }
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_lends_pays_where_spawners_of_other_roles_do_not() {
        let pay = |list: &str, role: usize, has_reactor: &dyn Fn(Role) -> bool| {
            let plan = RolePlan::parse(list).unwrap();
            wakers_pay(&plan, plan.roles().nth(role).unwrap(), &has_reactor)
        };
        let wakers_pay = |list, role| pay(list, role, &|_| false);
        assert!(pay("a=0", 0, &|_| true));
        assert!(!pay("a=0 lend=b;b=1", 0, &|role| role.name() == "a"));
        assert!(!wakers_pay("a=0", 0));
        assert!(wakers_pay("a=0 idle=park", 0));
        assert!(wakers_pay("a=0 shared;b=0 shared", 0));
        assert!(wakers_pay("a=0 idle=park lend=b;b=1 idle=park", 0));
        assert!(!wakers_pay("a=0 idle=park lend=b;b=1", 0));
        assert!(!wakers_pay("a=0 idle=park lend=b;b=1 idle=park lend=c;c=2", 0));
    }
}
