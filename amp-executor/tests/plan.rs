//! One plan, however it is written down.

use std::time::Duration;

use amp_executor::{
    IdlePolicy, MAX_CAPACITY, MAX_SPIN_WINDOW, PlanError, Role, RoleConfig, RolePlan, SchedClass,
};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// A role by itself. Roles that share cores do not spin, and others have the cores from `64 * place` on.
fn any_role(name: String, place: usize, shared: bool) -> impl Strategy<Value = RoleConfig> {
    let first = if shared { 0 } else { place * 64 };
    let cores = proptest::collection::btree_set(first..first + 64, 1..10);
    let waiting = prop_oneof![
        (Just(IdlePolicy::Park), any_class()),
        (Just(IdlePolicy::Backoff), any_class()),
        Just((if shared { IdlePolicy::Park } else { IdlePolicy::Spin }, SchedClass::Normal)),
    ];
    let windows = prop_oneof![
        0..=MAX_SPIN_WINDOW.as_nanos() as u64,
        (0..=10_u64).prop_map(|ms| ms * 1_000_000)
    ];
    let capacity = prop_oneof![Just(RoleConfig::DEFAULT_CAPACITY), 1..=MAX_CAPACITY];
    (cores, capacity, waiting, windows).prop_map(move |(cores, capacity, (idle, sched), window)| {
        let config = RoleConfig::new(Role::intern(&name))
            .cores(cores)
            .capacity(capacity)
            .idle(idle)
            .sched(sched)
            .spin_window(Duration::from_nanos(window));
        if shared { config.shared() } else { config }
    })
}

fn any_class() -> impl Strategy<Value = SchedClass> {
    prop_oneof![Just(SchedClass::Normal), (1..=99_u8).prop_map(SchedClass::Fifo)]
}

/// Roles that lend to any of those behind them, declared in any order.
fn any_plan() -> impl Strategy<Value = RolePlan> {
    let names = proptest::collection::hash_set("[a-z][a-zA-Z0-9_.-]{0,5}", 1..5);
    (names, any::<bool>())
        .prop_flat_map(|(names, shared)| {
            let names: Vec<_> = names.into_iter().collect();
            let roles: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(place, name)| any_role(name.clone(), place, shared))
                .collect();
            let helped: Vec<_> = (1..=names.len())
                .map(|next| {
                    let behind = names[next..].to_vec();
                    let count = behind.len();
                    subsequence(behind, 0..=count).prop_shuffle()
                })
                .collect();
            (roles, helped)
        })
        .prop_map(|(roles, helped)| {
            let lend = |(config, helped): (RoleConfig, Vec<String>)| {
                helped.iter().fold(config, |config, name| config.lend_to(Role::intern(name)))
            };
            roles.into_iter().zip(helped).map(lend).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .prop_map(|roles| RolePlan::new(roles).unwrap())
}

proptest! {
    #[test]
    fn a_role_list_reads_back_as_the_same_plan(plan in any_plan()) {
        prop_assert_eq!(RolePlan::parse(&plan.to_string()), Ok(plan));
    }

    #[cfg(feature = "config")]
    #[test]
    fn toml_reads_back_as_the_same_plan(plan in any_plan()) {
        prop_assert_eq!(RolePlan::from_toml(&plan.to_toml()), Ok(plan));
    }
}

#[test]
fn a_fifo_role_that_spins_is_told_why_not() {
    let error = RolePlan::parse("rt=1 idle=spin sched=fifo:80").unwrap_err();
    assert!(matches!(error, PlanError::FifoSpins { .. }), "{error}");
    let text = error.to_string();
    for part in ["\"rt\"", "50 ms in each second", "backoff or park", "spin window"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_spin_window_under_fifo_is_accepted() {
    RolePlan::parse("rt=1 idle=park sched=fifo:80 spin-window=500us").unwrap();
}
