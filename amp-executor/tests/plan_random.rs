//! Random roles, right and wrong: all forms of a plan agree on what it is and on what is wrong with it.

#![cfg(feature = "config")]

use std::collections::BTreeMap;
use std::time::Duration;

use amp_executor::cpu::CpuSet;
use amp_executor::{
    IdlePolicy, MAX_CAPACITY, MAX_SPIN_WINDOW, MAX_WORKERS, PlanError, Role, RoleConfig, RolePlan,
    SchedClass,
};
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 4] = ["a", "b-1", "c.d", "e_f"];

/// Mostly right by itself; any two may be in each other's way.
fn any_config() -> impl Strategy<Value = RoleConfig> {
    let cores = prop_oneof![
        9 => prop::collection::btree_set(0_usize..24, 1..4),
        1 => prop::collection::btree_set(8_190_usize..8_193, 0..3),
    ];
    let capacity = prop_oneof![9 => 1..=MAX_CAPACITY, 1 => select(vec![0, MAX_CAPACITY + 1])];
    let idle = select(vec![IdlePolicy::Park, IdlePolicy::Backoff, IdlePolicy::Spin]);
    let sched = prop_oneof![
        8 => Just(SchedClass::Normal),
        3 => (1..=99_u8).prop_map(SchedClass::Fifo),
        1 => select(vec![SchedClass::Fifo(0), SchedClass::Fifo(100)]),
    ];
    let window =
        prop_oneof![9 => 0..=10_000_u64, 1 => Just(10_001)].prop_map(Duration::from_micros);
    let helped = prop::collection::vec(select(vec!["a", "b-1", "c.d", "e_f", "x"]), 0..2);
    let helped = prop_oneof![3 => Just(Vec::new()), 1 => helped];
    let all = (select(&NAMES[..]), cores, capacity, idle, sched, window, any::<bool>(), helped);
    all.prop_map(|(name, cores, capacity, idle, sched, window, shared, helped)| {
        let config = RoleConfig::new(Role::new(name))
            .cores(cores)
            .capacity(capacity)
            .idle(idle)
            .sched(sched)
            .spin_window(window);
        let config = if shared { config.shared() } else { config };
        helped.into_iter().fold(config, |config, name| config.lend_to(Role::new(name)))
    })
}

/// The rules by another way: all of them at once, as a yes or no.
fn is_right(roles: &[RoleConfig]) -> bool {
    let by_name: BTreeMap<Role, &RoleConfig> =
        roles.iter().map(|config| (config.role(), config)).collect();
    let alone = |config: &RoleConfig| {
        let fifo = match config.sched_class() {
            SchedClass::Fifo(priority) => {
                (1..=99).contains(&priority) && config.idle_policy() != IdlePolicy::Spin
            }
            _ => true,
        };
        let mut helped = config.lends_to().to_vec();
        helped.sort();
        fifo && !config.core_set().is_empty()
            && config.core_set().iter().all(|core| core <= CpuSet::MAX_CPU)
            && (1..=MAX_CAPACITY).contains(&config.channel_capacity())
            && config.timed_spin_window() <= MAX_SPIN_WINDOW
            && helped.is_sorted_by(|one, next| one < next)
            && helped.iter().all(|role| by_name.contains_key(role))
    };
    let beside = |one: &RoleConfig, other: &RoleConfig| {
        let agree = one.is_shared() && other.is_shared();
        let sleep = [one, other].iter().all(|config| config.idle_policy() != IdlePolicy::Spin);
        one.role() == other.role()
            || (agree && sleep)
            || one.core_set().iter().all(|core| !other.core_set().contains(core))
    };
    // Whoever helps nobody who is left can be taken away, until there is nobody.
    let mut left: Vec<&RoleConfig> = roles.iter().collect();
    while let Some(leaf) = left.iter().position(|config| {
        config.lends_to().iter().all(|to| left.iter().all(|other| other.role() != *to))
    }) {
        left.swap_remove(leaf);
    }
    !roles.is_empty()
        && by_name.len() == roles.len()
        && roles.iter().all(alone)
        && roles.iter().all(|one| roles.iter().all(|other| beside(one, other)))
        && left.is_empty()
        && roles.iter().map(|config| config.core_set().len()).sum::<usize>() <= MAX_WORKERS
}

/// The roles that an error is about.
fn culprits(error: &PlanError) -> Vec<Role> {
    match error {
        PlanError::NoCores { role }
        | PlanError::DuplicateRole { role }
        | PlanError::ZeroCapacity { role }
        | PlanError::FifoSpins { role }
        | PlanError::LendsToItself { role }
        | PlanError::CoreTooLarge { role, .. }
        | PlanError::CapacityTooLarge { role, .. }
        | PlanError::FifoPriority { role, .. }
        | PlanError::SpinWindowTooLong { role, .. } => vec![*role],
        PlanError::CoreInTwoRoles { first, second, .. } => vec![*first, *second],
        PlanError::SpinOnSharedCore { role, other, .. } => vec![*role, *other],
        PlanError::LendsToUnknown { role, to } | PlanError::LendsTwice { role, to } => {
            vec![*role, *to]
        }
        PlanError::LendsInCircle { roles } => roles.clone(),
        PlanError::NoRoles => Vec::new(),
        other => panic!("no such roles were made: {other}"),
    }
}

/// TOML that says it all, also what is wrong.
fn toml(roles: &[RoleConfig]) -> String {
    let table = |config: &RoleConfig| {
        let cores: Vec<_> = config.core_set().iter().collect();
        let helped: Vec<_> = config.lends_to().iter().map(|role| role.name()).collect();
        format!(
            "[[role]]\nlend_to = {helped:?}\nspin_window = \"{}ns\"\nsched = \"{}\"\nidle = \"{}\"\n\
             capacity = {}\nshared = {}\ncores = {cores:?}\nname = \"{}\"\n",
            config.timed_spin_window().as_nanos(),
            config.sched_class(),
            config.idle_policy(),
            config.channel_capacity(),
            config.is_shared(),
            config.role(),
        )
    };
    roles.iter().map(table).collect()
}

/// Whether each value by itself can be written down.
fn is_writable(roles: &[RoleConfig]) -> bool {
    roles.iter().all(|config| {
        let is_fifo = |priority: u8| (1..=99).contains(&priority);
        config.core_set().iter().all(|core| core <= CpuSet::MAX_CPU)
            && !matches!(config.sched_class(), SchedClass::Fifo(priority) if !is_fifo(priority))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn all_forms_agree(roles in prop::collection::vec(any_config(), 0..4)) {
        let plan = RolePlan::new(roles.iter().cloned());
        prop_assert_eq!(plan.is_ok(), is_right(&roles), "{:?}", plan);
        if is_writable(&roles) {
            let read = RolePlan::from_toml(&toml(&roles));
            let read = read.map_err(|error| error.plan_error().cloned());
            prop_assert_eq!(&read, &plan.clone().map_err(Some));
            let list: Vec<_> = roles.iter().map(ToString::to_string).collect();
            let no_cores = roles.is_empty() || roles.iter().any(|one| one.core_set().is_empty());
            if !no_cores {
                prop_assert_eq!(&RolePlan::parse(&list.join(";")), &plan);
            }
        }
        match plan {
            Ok(plan) => {
                prop_assert!(plan.roles().eq(&roles));
                prop_assert_eq!(RolePlan::parse(&plan.to_string()), Ok(plan.clone()));
                prop_assert_eq!(RolePlan::from_toml(&plan.to_toml()), Ok(plan));
            }
            Err(error) => {
                let text = error.to_string();
                for role in culprits(&error) {
                    prop_assert!(text.contains(&format!("\"{role}\"")), "{}", text);
                }
            }
        }
    }
}

#[test]
fn a_core_that_no_list_can_name_is_refused() {
    let role = Role::new("io");
    let config = || RoleConfig::new(role).cores([CpuSet::MAX_CPU]);
    let plan = RolePlan::new([config()]).unwrap();
    assert_eq!(RolePlan::parse(&plan.to_string()), Ok(plan));
    let error = RolePlan::new([config().cores([CpuSet::MAX_CPU + 1])]).unwrap_err();
    assert_eq!(error, PlanError::CoreTooLarge { role, core: CpuSet::MAX_CPU + 1 });
    let text = error.to_string();
    assert!(text.contains("\"io\"") && text.contains("8192") && text.contains("8191"), "{text}");
}

/// The variable that they come from may be anybody's.
#[test]
fn control_characters_of_a_role_list_do_not_reach_the_terminal() {
    for lend in ["\u{1b}[31m", "\u{1b}[31m,\u{1b}[31m"] {
        let error = RolePlan::parse(&format!("a=0 lend={lend}")).unwrap_err();
        let text = error.to_string();
        assert!(!text.chars().any(char::is_control) && text.contains("[31m"), "{text:?}");
    }
}
