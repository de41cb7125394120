//! What can be wrong with who lends to whom.

use std::collections::HashMap;

use executor_common::Role;

use super::config::RoleConfig;
use super::error::PlanError;

/// Checks that all who are lent to exist, and that lending goes one way. The roles are distinct and none lends to itself.
pub(super) fn check(roles: &[RoleConfig]) -> Result<(), PlanError> {
    let places = roles.iter().map(RoleConfig::role).zip(0..).collect();
    let mut walk = Walk { roles, places, path: Vec::new(), done: vec![false; roles.len()] };
    (0..roles.len()).try_for_each(|index| walk.visit(index))
}

/// A walk along the lending, depth first.
struct Walk<'a> {
    roles: &'a [RoleConfig],
    places: HashMap<Role, usize>,
    /// From where the walk began to where it is.
    path: Vec<usize>,
    /// From here nothing leads into a circle.
    done: Vec<bool>,
}

impl Walk<'_> {
    fn visit(&mut self, index: usize) -> Result<(), PlanError> {
        if self.done[index] {
            return Ok(());
        }
        if let Some(start) = self.path.iter().position(|&earlier| earlier == index) {
            let circle = self.path[start..].iter().chain([&index]);
            let roles = circle.map(|&index| self.roles[index].role()).collect();
            return Err(PlanError::LendsInCircle { roles });
        }
        self.path.push(index);
        let config = &self.roles[index];
        for &to in config.lends_to() {
            let next = self.places.get(&to).copied();
            let unknown = PlanError::LendsToUnknown { role: config.role(), to };
            self.visit(next.ok_or(unknown)?)?;
        }
        self.path.pop();
        self.done[index] = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RolePlan;

    fn error(list: &str) -> PlanError {
        RolePlan::parse(list).unwrap_err()
    }

    #[test]
    fn a_tree_and_a_diamond_are_no_circles() {
        RolePlan::parse("a=0 lend=b,c;b=1 lend=d;c=2 lend=d;d=3").unwrap();
        RolePlan::parse("d=3;c=2 lend=d;b=1 lend=d,c;a=0 lend=b,c,d").unwrap();
    }

    #[test]
    fn mistakes_name_the_roles() {
        let role = Role::new;
        assert_eq!(
            error("a=0 lend=x"),
            PlanError::LendsToUnknown { role: role("a"), to: role("x") }
        );
        assert_eq!(error("a=0 lend=a"), PlanError::LendsToItself { role: role("a") });
        assert_eq!(
            error("a=0 lend=b,b;b=1"),
            PlanError::LendsTwice { role: role("a"), to: role("b") }
        );
        let circle = error("start=9 lend=a;a=0 lend=b;b=1 lend=leaf,c;c=2 lend=a;leaf=3");
        assert_eq!(
            circle,
            PlanError::LendsInCircle { roles: ["a", "b", "c", "a"].map(role).to_vec() }
        );
        assert_eq!(
            circle.to_string(),
            "lending goes one way, and here it goes in a circle: \"a\" to \"b\" to \"c\" to \"a\""
        );
    }

    #[test]
    fn the_longest_chain_is_walked() {
        let list = |last: &str| {
            let mut list: Vec<_> =
                (0..1023).map(|index| format!("r{index}={index} lend=r{}", index + 1)).collect();
            list.push(format!("r1023=1023{last}"));
            list.join(";")
        };
        RolePlan::parse(&list("")).unwrap();
        assert!(matches!(
            error(&list(" lend=r0")),
            PlanError::LendsInCircle { roles } if roles.len() == 1025
        ));
    }
}
