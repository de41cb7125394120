//! Role lists, as in `AMP_ROLES`.

use super::plan;
use amp_executor::{PlanError, RolePlan};

pub(crate) fn check(data: &[u8]) {
    let Ok(list) = std::str::from_utf8(data) else { return };
    match RolePlan::parse(list) {
        Ok(plan) => plan::check_plan(&plan),
        Err(error) => {
            plan::check_error(&error);
            if let PlanError::Malformed(malformed) = &error {
                assert!(list.is_char_boundary(malformed.position()), "{error}");
                // Below a line that is short, the mark is below the place.
                let (text, column) =
                    (error.to_string(), list[..malformed.position()].chars().count());
                let mark = text.lines().last().unwrap();
                if list.len() <= 60 {
                    assert_eq!(mark.chars().count(), 2 + column + 1, "{text}");
                }
            }
        }
    }
}
