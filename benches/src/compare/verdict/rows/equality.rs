//! Processor equality: all workers equal; workers have designated roles.

use std::collections::BTreeSet;

use indicatif::HumanCount;

use super::{Holds, Row, amps, not_shown, plentiful, smps, strict_amps, unique};
use crate::compare::outcome::{Comparison, TurnOutcome};
use crate::compare::report::Verdict;
use crate::compare::verdict::words::{label, percent};

const SUBJECT: &str = "processor equality";

/// How many workers there were in all turns, and how many of them were as they are to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Workers {
    all: usize,
    as_said: usize,
}

impl Workers {
    fn add(self, other: Self) -> Self {
        Self { all: self.all + other.all, as_said: self.as_said + other.as_said }
    }
}

pub(super) fn verdict(comparisons: &[Comparison]) -> Verdict {
    row(comparisons).into_verdict()
}

fn row(comparisons: &[Comparison]) -> Row<'_> {
    let mut smp = Workers::default();
    let mut amp = Workers::default();
    let mut tasks = 0;
    let mut used = Vec::new();
    for comparison in comparisons {
        for turn in smps(comparison).flat_map(|layout| &layout.turns) {
            if turn.worker_count > 1 {
                smp = smp.add(equals(turn));
                used.push(comparison.given.as_str());
                tasks += turn.classes.iter().map(|class| class.tasks).sum::<u64>();
            }
        }
        for turn in strict_amps(comparison).flat_map(|layout| &layout.turns) {
            amp = amp.add(of_one_role(comparison, turn));
            used.push(comparison.given.as_str());
            tasks += turn.classes.iter().map(|class| class.tasks).sum::<u64>();
        }
    }
    if smp.all == 0 || amp.all == 0 {
        let text = "no workload has run on both with more than one worker; each of those that come with this would show it, realtime among them";
        return not_shown(SUBJECT, text, &["realtime"]);
    }
    Row {
        subject: SUBJECT,
        holds: if smp.as_said == smp.all && amp.as_said == amp.all {
            Holds::Yes
        } else {
            Holds::No
        },
        winner: None,
        text: format!(
            "on SMP, {} of {} workers ran tasks of every class that had enough of them; on AMP, {} of {} ran tasks of a single role",
            smp.as_said, smp.all, amp.as_said, amp.all
        ),
        certainty: format!(
            "counted, task by task: {} tasks; a worker counts once for each turn",
            HumanCount(tasks)
        ),
        would_change: lent(comparisons),
        workloads: unique(used),
    }
}

/// How many of the workers ran tasks of every class, of those classes that had enough of them.
fn equals(turn: &TurnOutcome) -> Workers {
    let classes: Vec<_> = plentiful(turn).map(|(index, _)| index).collect();
    let ran_all = turn.workers.iter().filter(|worker| {
        classes.iter().all(|class| worker.tasks_by_class.get(*class).is_some_and(|n| *n > 0))
    });
    // Without such a class, there is nothing that anybody was left out of.
    let as_said = if classes.is_empty() { turn.worker_count } else { ran_all.count() };
    Workers { all: turn.worker_count, as_said }
}

/// How many of the workers ran tasks of one role, or none.
fn of_one_role(comparison: &Comparison, turn: &TurnOutcome) -> Workers {
    let single = turn.workers.iter().filter(|worker| {
        let ran = worker.tasks_by_class.iter().zip(&comparison.classes);
        let roles = ran.filter(|(tasks, _)| **tasks > 0).map(|(_, class)| &class.role);
        roles.collect::<BTreeSet<_>>().len() <= 1
    });
    Workers { all: turn.workers.len(), as_said: single.count() }
}

/// What lending does to it: the part of tasks that ran on a core of another role.
fn lent(comparisons: &[Comparison]) -> String {
    let lenders = comparisons.iter().flat_map(|comparison| {
        amps(comparison)
            .filter(|(_, plan)| plan.roles().any(|role| !role.lends_to().is_empty()))
            .map(move |(layout, plan)| (comparison, layout, plan))
    });
    for (comparison, layout, plan) in lenders {
        let (mut elsewhere, mut all) = (0, 0);
        for turn in &layout.turns {
            for (class, outcome) in comparison.classes.iter().zip(&turn.classes) {
                let own = plan.roles().find(|config| config.role().name() == class.role);
                for (cpu, tasks) in &outcome.tasks_by_cpu {
                    all += tasks;
                    if !own.is_some_and(|config| config.core_set().contains(*cpu)) {
                        elsewhere += tasks;
                    }
                }
            }
        }
        if elsewhere > 0 {
            return format!(
                "lending: on {} of {}, {} of the tasks ran on a core of another role",
                label(layout),
                comparison.workload,
                percent(elsewhere as f64 / all as f64)
            );
        }
    }
    "lending, which lets a worker help another role while its own has nothing to do".to_owned()
}
