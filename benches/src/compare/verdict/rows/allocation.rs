//! Task allocation: any worker runs any task; a task runs only on its role's cores.

use std::collections::{BTreeMap, BTreeSet};

use executor_common::cpu::CpuSet;
use indicatif::HumanCount;

use amp_executor::RolePlan;

use super::{Holds, Row, amps, not_shown, plentiful, smps, unique};
use crate::compare::outcome::{Comparison, LayoutOutcome};
use crate::compare::report::Verdict;
use crate::compare::verdict::words::label;
use crate::rounds::Spread;

const SUBJECT: &str = "task allocation";

/// What AMP layouts did with their tasks.
#[derive(Debug, Default)]
struct Allocated {
    tasks: u64,
    /// Tasks that ran where their role has no core and none is lent to it.
    elsewhere: u64,
    /// Where that was worst.
    worst: Option<(u64, String)>,
}

pub(super) fn verdict(comparisons: &[Comparison]) -> Verdict {
    row(comparisons).into_verdict()
}

fn row(comparisons: &[Comparison]) -> Row<'_> {
    let mut allocated = Allocated::default();
    let mut spans = Vec::new();
    let mut workers = 0;
    let mut used = Vec::new();
    for comparison in comparisons {
        for (layout, plan) in amps(comparison) {
            allocated.add(comparison, layout, &plan);
            used.push(comparison.given.as_str());
        }
        for layout in smps(comparison) {
            // In one turn of many a busy neighbour may leave them a single CPU.
            let mut cpus: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for turn in &layout.turns {
                for (class, outcome) in plentiful(turn) {
                    cpus.entry(class).or_default().extend(outcome.tasks_by_cpu.keys());
                }
                workers = workers.max(turn.worker_count);
            }
            spans.extend(cpus.values().map(|cpus| cpus.len() as f64));
            used.push(comparison.given.as_str());
        }
    }
    let span = Spread::of(spans).filter(|span| span.max > 0.0);
    let (Some(span), true) = (span, allocated.tasks > 0 && workers > 1) else {
        let text = "no workload has run on both with more than one worker, or this system does not tell where a task runs; realtime would show it";
        return not_shown(SUBJECT, text, &["realtime"]);
    };
    let Allocated { tasks, elsewhere, worst } = allocated;
    let off = match worst {
        Some((count, place)) => format!(", most of them ({}) {place}", HumanCount(count)),
        None => String::new(),
    };
    Row {
        subject: SUBJECT,
        holds: if elsewhere == 0 && span.min > 1.0 { Holds::Yes } else { Holds::No },
        winner: None,
        text: format!(
            "on AMP, {} of {} tasks ran off their role's cores{off}; on SMP, a class's tasks ran on {} CPUs by {workers} workers",
            HumanCount(elsewhere),
            HumanCount(tasks),
            if span.min == span.max {
                format!("{:.0}", span.max)
            } else {
                format!("{:.0} to {:.0}", span.min, span.max)
            }
        ),
        certainty: "counted, task by task, by the CPU that each began on".to_owned(),
        would_change: "a pin that the system does not grant, or takes back: the placement names it"
            .to_owned(),
        workloads: unique(used),
    }
}

impl Allocated {
    fn add(&mut self, comparison: &Comparison, layout: &LayoutOutcome, plan: &RolePlan) {
        for turn in &layout.turns {
            for (class, outcome) in comparison.classes.iter().zip(&turn.classes) {
                let cores = cores_for(plan, &class.role);
                let by_cpu = &outcome.tasks_by_cpu;
                let off = by_cpu.iter().filter(|(cpu, _)| !cores.contains(**cpu));
                let off: u64 = off.map(|(_, tasks)| tasks).sum();
                self.tasks += by_cpu.values().sum::<u64>();
                self.elsewhere += off;
                if off > self.worst.as_ref().map_or(0, |(most, _)| *most) {
                    let place = format!(
                        "of {} on {} of {}",
                        class.name,
                        label(layout),
                        comparison.workload
                    );
                    self.worst = Some((off, place));
                }
            }
        }
    }
}

/// The cores that a task of this role may run on: its own, and those that are lent to it.
fn cores_for(plan: &RolePlan, role: &str) -> CpuSet {
    let serves = plan.roles().filter(|config| {
        config.role().name() == role || config.lends_to().iter().any(|to| to.name() == role)
    });
    serves.flat_map(|config| config.core_set().iter()).collect()
}
