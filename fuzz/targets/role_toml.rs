//! Role plans in TOML.

use super::plan;
use amp_executor::RolePlan;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match RolePlan::from_toml(text) {
        Ok(plan) => plan::check_plan(&plan),
        Err(error) => {
            assert!(!error.reason().is_empty());
            if let Some(plan_error) = error.plan_error() {
                plan::check_error(plan_error);
            }
            assert_eq!(error.line().is_some(), error.column().is_some());
            if let (Some(line), Some(column)) = (error.line(), error.column()) {
                let line = text.split('\n').nth(line - 1).expect("a line of the text");
                assert!((1..=line.chars().count() + 1).contains(&column), "{error}");
            }
            let shown = error.to_string();
            assert!(!shown.is_empty());
        }
    }
}
