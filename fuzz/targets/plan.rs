//! What holds of every plan, however it came about.

use std::collections::BTreeMap;

use amp_executor::{MAX_CAPACITY, MAX_SPIN_WINDOW, MAX_WORKERS, PlanError, RolePlan};

pub(crate) fn check_plan(plan: &RolePlan) {
    let list = plan.to_string();
    assert_eq!(RolePlan::parse(&list).as_ref(), Ok(plan), "a role list is read back: {list}");
    let toml = plan.to_toml();
    assert_eq!(RolePlan::from_toml(&toml).as_ref(), Ok(plan), "TOML is read back: {toml}");
    assert_eq!(RolePlan::new(plan.roles().cloned()).as_ref(), Ok(plan), "{list}");
    let mut users: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
    for config in plan.roles() {
        assert!(!config.core_set().is_empty(), "{list}");
        assert!((1..=MAX_CAPACITY).contains(&config.channel_capacity()), "{list}");
        assert!(config.timed_spin_window() <= MAX_SPIN_WINDOW, "{list}");
        for core in config.core_set().iter() {
            users.entry(core).or_default().push(config.is_shared());
        }
    }
    assert!(users.values().map(Vec::len).sum::<usize>() <= MAX_WORKERS, "{list}");
    assert!(users.values().all(|users| users.len() == 1 || users.iter().all(|shared| *shared)));
}

/// The text says something, in lines that a terminal can show.
pub(crate) fn check_error(error: &PlanError) {
    let text = error.to_string();
    assert!(!text.is_empty());
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}
