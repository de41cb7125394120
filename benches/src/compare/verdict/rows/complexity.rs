//! Software complexity: no placement to declare; roles declared, as little code as that allows.

use amp_executor::RolePlan;

use super::{Holds, Row, amps, not_shown, smps, unique};
use crate::compare::outcome::Comparison;
use crate::compare::report::Verdict;
use crate::compare::verdict::pair::{Outcome, Pair};
use crate::compare::verdict::words::{label, times};
use crate::noise::NoiseFloor;

const SUBJECT: &str = "software complexity";

/// What a role list declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Declared {
    roles: usize,
    cores: usize,
    attributes: usize,
}

impl Declared {
    fn of(plan: &RolePlan) -> Self {
        let cores = plan.roles().map(|role| role.core_set().len()).sum();
        // Attributes follow a role's cores, each after a space; what is not said is not written.
        let attributes =
            plan.to_string().split(';').map(|role| role.split_whitespace().count() - 1).sum();
        Self { roles: plan.roles().len(), cores, attributes }
    }
}

pub(super) fn verdict(comparisons: &[Comparison], noise: &NoiseFloor) -> Verdict {
    row(comparisons, noise).into_verdict()
}

fn row<'a>(comparisons: &'a [Comparison], noise: &NoiseFloor) -> Row<'a> {
    let shown: Vec<_> = comparisons
        .iter()
        .filter(|comparison| smps(comparison).next().is_some() && amps(comparison).next().is_some())
        .collect();
    let declared = shown.iter().flat_map(|comparison| amps(comparison));
    let all: Vec<_> = declared.map(|(_, plan)| (plan.to_string(), Declared::of(&plan))).collect();
    let least = all
        .iter()
        .min_by_key(|(_, declared)| (declared.roles, declared.attributes, declared.cores));
    let Some((list, Declared { roles, cores, attributes })) = least else {
        return not_shown(
            SUBJECT,
            "no workload has run on both; realtime would show it",
            &["realtime"],
        );
    };
    let costs: Vec<_> =
        shown.iter().filter_map(|comparison| Some((*comparison, farthest(comparison)?))).collect();
    let worst = costs
        .iter()
        .filter(|(_, pair)| pair.outcome(noise) == Outcome::Better)
        .max_by(|one, other| one.1.advantage().median.total_cmp(&other.1.advantage().median));
    let (cost, certainty) = match worst {
        Some((comparison, pair)) => (
            format!(
                "What is declared matters: on {}, {} is {} times worse than {} on {}",
                comparison.workload,
                label(pair.other),
                times(pair.advantage().median),
                label(pair.one),
                pair.goal.name(),
            ),
            format!("counted; the price of another declaration: {}", pair.range()),
        ),
        None if costs.is_empty() => {
            ("What another declaration costs was not measured".to_owned(), "counted".to_owned())
        }
        None => (
            "Here it did not matter which of the declarations was taken: all draws".to_owned(),
            "counted; the declarations differ by less than the rounds do".to_owned(),
        ),
    };
    let text = format!(
        "SMP has nothing to declare; AMP at least {} of {} and {}: `{list}`. The tasks are the same text on both. {cost}",
        counted(*roles, "role"),
        counted(*cores, "core"),
        counted(*attributes, "attribute"),
    );
    Row {
        subject: SUBJECT,
        holds: Holds::Yes,
        winner: shown.first().and_then(|comparison| Some(smps(comparison).next()?.name.clone())),
        text,
        certainty,
        would_change: "`RolePlan::suggest`, which makes the declaration from what each role needs"
            .to_owned(),
        workloads: unique(shown.iter().map(|comparison| comparison.given.as_str())),
    }
}

/// The best of a workload's AMP layouts beside the worst one, by its goal.
fn farthest(comparison: &Comparison) -> Option<Pair<'_>> {
    let layouts: Vec<_> = amps(comparison).map(|(layout, _)| layout).collect();
    let pairs = layouts.iter().flat_map(|one| {
        let others = layouts.iter().filter(|other| other.name != one.name);
        others.filter_map(|other| Pair::of(comparison, one, other))
    });
    pairs.max_by(|one, other| one.advantage().median.total_cmp(&other.advantage().median))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_cores_and_attributes_are_counted() {
        let declared = |list: &str| {
            let Declared { roles, cores, attributes } =
                Declared::of(&RolePlan::parse(list).unwrap());
            (roles, cores, attributes)
        };
        assert_eq!(declared("io=0;compute=2-5"), (2, 5, 0));
        assert_eq!(declared("io=0 capacity=64 idle=spin;compute=2,3 lend=io"), (2, 3, 3));
    }
}
