//! What a verdict depends on, by figures of the run.

use std::collections::BTreeMap;

use super::goal::per_second;
use super::pair::both;
use super::words::{enumerate, is_amp, is_smp, label, percent, times};
use super::workload::Decision;
use crate::compare::outcome::{ClassFacts, Comparison, LayoutOutcome, TurnOutcome, WorkerOutcome};
use crate::rounds::Spread;

/// A core that is busier than this has little left for more work of its role.
const BUSY: f64 = 0.8;

/// Service times that differ more than this are not alike.
const ALIKE: f64 = 3.0;

/// A difference of two shares that is worth a word.
const APART: f64 = 0.1;

/// What would have to be different for another verdict.
pub(super) fn what_would_change(comparison: &Comparison, decision: &Decision<'_>) -> String {
    let pair = &decision.pair;
    let amp = [pair.one, pair.other].into_iter().find(|layout| is_amp(layout));
    let smp = [pair.one, pair.other].into_iter().find(|layout| is_smp(layout));
    let winner = decision.winner();
    let mut parts = Vec::new();
    if winner.is_none() {
        parts.push("more rounds or a quieter machine, if there is a difference at all".to_owned());
    }
    if let Some(amp) = amp {
        parts.extend(busiest_role(comparison, amp));
        if !winner.is_some_and(is_amp) {
            parts.extend(uneven_roles(comparison, amp));
        }
    }
    if let (Some(amp), Some(smp)) = (amp, smp)
        && winner.is_some_and(is_amp)
        && pair.goal.latency().is_some()
    {
        parts.extend(price(amp, smp));
    }
    parts.extend(dispersion(comparison));
    parts.extend(amp.and_then(|amp| reserved(smp.unwrap_or(amp))));
    parts.join("; ")
}

/// The role that this worker served most of the time, where it ran anything.
fn role_of<'a>(comparison: &'a Comparison, worker: &WorkerOutcome) -> Option<&'a str> {
    let tasks = worker.tasks_by_class.iter().zip(&comparison.classes);
    let by_time = |(tasks, class): (&u64, &ClassFacts)| *tasks as f64 * class.mean_service_ns;
    let most = tasks
        .filter(|(tasks, _)| **tasks > 0)
        .max_by(|one, other| by_time(*one).total_cmp(&by_time(*other)))?;
    Some(&most.1.role)
}

/// How busy the busiest core of an AMP layout is, and who waits there when there is more to do.
fn busiest_role(comparison: &Comparison, amp: &LayoutOutcome) -> Option<String> {
    let busiest = amp.turns.iter().filter_map(|turn| {
        let workers = turn.workers.iter();
        workers.max_by(|one, other| one.utilisation.total_cmp(&other.utilisation))
    });
    let utilisation = Spread::of(busiest.clone().map(|worker| worker.utilisation))?.median;
    let role = role_of(comparison, busiest.clone().next_back()?)?;
    let classes = comparison.classes.iter().filter(|class| class.role == role);
    let classes: Vec<_> = classes.map(|class| class.name.clone()).collect();
    Some(if utilisation >= BUSY {
        format!(
            "{}'s {role} core is {} busy: where {role} grows, requests of {} wait there",
            label(amp),
            percent(utilisation),
            enumerate(&classes)
        )
    } else {
        format!(
            "{}'s busiest core, for {role}, is {} busy: its roles have room for more",
            label(amp),
            percent(utilisation)
        )
    })
}

/// Each role's part of all the work, by tasks and what they take on an idle core.
fn load_by_role<'a>(comparison: &'a Comparison, turn: &TurnOutcome) -> BTreeMap<&'a str, f64> {
    let mut loads: BTreeMap<&str, f64> = BTreeMap::new();
    for (class, outcome) in comparison.classes.iter().zip(&turn.classes) {
        *loads.entry(&class.role).or_default() += outcome.tasks as f64 * class.mean_service_ns;
    }
    let all: f64 = loads.values().sum();
    if all > 0.0 {
        loads.values_mut().for_each(|load| *load /= all);
    }
    loads
}

/// The role whose part of the work is largest beside its part of the cores. The work is that of the first layout, which holds no
/// role back.
fn uneven_roles(comparison: &Comparison, amp: &LayoutOutcome) -> Option<String> {
    let plan = amp_executor::RolePlan::parse(amp.roles.as_deref()?).ok()?;
    let cores: usize = plan.roles().map(|role| role.core_set().len()).sum();
    let turn = comparison.layouts.first()?.turns.last()?;
    let loads = load_by_role(comparison, turn);
    let shares = plan.roles().map(|role| {
        let load = loads.get(role.role().name()).copied().unwrap_or(0.0);
        (role.role(), load, role.core_set().len() as f64 / cores as f64)
    });
    let (role, load, share) =
        shares.max_by(|one, other| (one.1 - one.2).total_cmp(&(other.1 - other.2)))?;
    (load - share >= APART).then(|| {
        format!(
            "{role} has {} of the work and {} of {}'s cores: a mix that fits the cores would cost AMP less",
            percent(load),
            percent(share),
            label(amp)
        )
    })
}

/// What the better latency of an AMP layout costs in throughput.
fn price(amp: &LayoutOutcome, smp: &LayoutOutcome) -> Option<String> {
    let rounds = both(amp, smp).filter(|(amp, _)| amp.requests_per_second > 0.0);
    let of = |part: fn((&TurnOutcome, &TurnOutcome)) -> f64| Spread::of(rounds.clone().map(part));
    let ratio = of(|(amp, smp)| smp.requests_per_second / amp.requests_per_second)?;
    (ratio.min > 1.0 && ratio.median >= 1.0 + APART).then_some(())?;
    Some(format!(
        "where throughput counts, SMP has {} times as much: {} against {}",
        times(ratio.median),
        per_second(of(|(_, smp)| smp.requests_per_second)?.median),
        per_second(of(|(amp, _)| amp.requests_per_second)?.median)
    ))
}

/// How far the service times are apart: what waits behind a long task waits long.
fn dispersion(comparison: &Comparison) -> Option<String> {
    let ran = |index: usize| {
        let turns = comparison.layouts.iter().flat_map(|layout| &layout.turns);
        turns.filter_map(|turn| turn.classes.get(index)).any(|class| class.tasks > 0)
    };
    let classes = comparison.classes.iter().enumerate();
    let classes: Vec<_> = classes
        .filter(|(index, class)| ran(*index) && class.mean_service_ns > 0.0)
        .map(|(_, class)| class)
        .collect();
    let by_mean = |one: &&&ClassFacts, other: &&&ClassFacts| {
        one.mean_service_ns.total_cmp(&other.mean_service_ns)
    };
    let (short, long) = (classes.iter().min_by(by_mean)?, classes.iter().max_by(by_mean)?);
    let ratio = long.mean_service_ns / short.mean_service_ns;
    if ratio >= ALIKE {
        return Some(format!(
            "a task of {} takes {} times as long as one of {}: the closer they are, the less a shared core delays",
            long.name,
            times(ratio),
            short.name
        ));
    }
    let widest = classes
        .iter()
        .max_by(|one, other| one.service_dispersion.total_cmp(&other.service_dispersion))?;
    Some(if widest.service_dispersion >= 1.0 {
        format!(
            "times of {} vary by {} times their mean, long ones delay short ones: the less they vary, the less it matters who shares a core",
            widest.name,
            times(widest.service_dispersion)
        )
    } else {
        format!(
            "service times are alike (the longest mean is {} times the shortest): with short tasks behind long ones, cores of their own would be worth more",
            times(ratio)
        )
    })
}

/// What a core that is kept for a role is worth.
fn reserved(layout: &LayoutOutcome) -> Option<String> {
    let cores = layout.turns.last()?.worker_count;
    Some(match cores {
        0 | 1 => "with one core there is none to reserve".to_owned(),
        _ => format!(
            "with {cores} cores a reserved one is {} of the capacity; with {} it would be {}",
            percent(1.0 / cores as f64),
            8 * cores,
            percent(0.125 / cores as f64)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::verdict::made_up::{Made, realtime, unpredictable};

    const SMP: Made<'_> = ("smp", "smp", None, &[1e6; 3]);
    const AMP: Made<'_> = ("amp", "amp", Some("realtime=1;compute=0"), &[3e4; 3]);

    #[test]
    fn a_busy_role_core_is_named_with_those_who_wait_there() {
        let mut comparison = realtime(&[SMP, AMP]);
        assert_eq!(
            busiest_role(&comparison, &comparison.layouts[1]).unwrap(),
            "AMP's compute core is 98 % busy: where compute grows, requests of compute wait there"
        );
        for turn in &mut comparison.layouts[1].turns {
            turn.workers[0].utilisation = 0.4;
        }
        assert_eq!(
            busiest_role(&comparison, &comparison.layouts[1]).unwrap(),
            "AMP's busiest core, for compute, is 40 % busy: its roles have room for more"
        );
        comparison.layouts[1].turns.clear();
        assert_eq!(busiest_role(&comparison, &comparison.layouts[1]), None);
    }

    #[test]
    fn roles_that_do_not_fit_their_cores_are_named() {
        let roles = Some("parse=0;render=1");
        let comparison =
            unpredictable(&[("smp", "smp", None, &[1e4; 3]), ("amp", "amp", roles, &[6e3; 3])]);
        assert_eq!(
            uneven_roles(&comparison, &comparison.layouts[1]).unwrap(),
            "parse has 80 % of the work and 50 % of AMP's cores: a mix that fits the cores would cost AMP less"
        );
        let fitting = ("amp", "amp", Some("parse=0-3;render=4"), &[6e3; 3][..]);
        let comparison = unpredictable(&[("smp", "smp", None, &[1e4; 3]), fitting]);
        assert_eq!(uneven_roles(&comparison, &comparison.layouts[1]), None);
    }

    #[test]
    fn throughput_is_the_price() {
        let mut comparison = realtime(&[SMP, AMP]);
        let [smp, amp] = &comparison.layouts[..] else { panic!("two") };
        assert_eq!(
            price(amp, smp).unwrap(),
            "where throughput counts, SMP has 1.47 times as much: 2,800/s against 1,900/s"
        );
        // In one round it is the other way round.
        comparison.layouts[1].turns[0].requests_per_second = 3_000.0;
        let [smp, amp] = &comparison.layouts[..] else { panic!("two") };
        assert_eq!(price(amp, smp), None);
    }

    #[test]
    fn dispersion_is_that_of_what_ran() {
        let mut comparison = realtime(&[SMP]);
        let text = dispersion(&comparison).unwrap();
        assert!(
            text.starts_with("a task of compute takes 50 times as long as one of tick"),
            "{text}"
        );
        comparison.classes[0].mean_service_ns = 9e5;
        assert!(dispersion(&comparison).unwrap().starts_with("service times are alike"));
        comparison.classes[1].service_dispersion = 2.5;
        let text = dispersion(&comparison).unwrap();
        assert!(text.starts_with("times of compute vary by 2.5 times their mean"), "{text}");
        comparison.layouts.clear();
        assert_eq!(dispersion(&comparison), None);
    }

    #[test]
    fn a_reserved_core_is_worth_less_the_more_there_are() {
        let mut comparison = realtime(&[SMP]);
        assert_eq!(
            reserved(&comparison.layouts[0]).unwrap(),
            "with 2 cores a reserved one is 50 % of the capacity; with 16 it would be 6.2 %"
        );
        comparison.layouts[0].turns.iter_mut().for_each(|turn| turn.worker_count = 1);
        assert!(reserved(&comparison.layouts[0]).unwrap().starts_with("with one core"));
    }
}
