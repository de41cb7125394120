//! Rounds in which all layouts take turns.

use super::interrupt::Interrupt;
use super::outcome::{Comparison, LayoutOutcome};
use super::prepared::Prepared;
use super::progress::Progress;
use super::turn::{Taken, Turn};
use super::workload::{Executor, Layout};
use crate::rounds::in_turn;

/// Runs one workload on all its layouts. An interruption ends it, with the rounds that all have completed.
pub(super) fn compare(
    prepared: &Prepared,
    rounds: usize,
    interrupt: &Interrupt,
    progress: &Progress,
) -> anyhow::Result<Comparison> {
    let workload = &prepared.workload;
    let mut layouts: Vec<LayoutOutcome> = workload.layouts.iter().map(outcome_of).collect();
    'rounds: for round in 0..rounds {
        for index in in_turn(layouts.len(), round) {
            let layout = &workload.layouts[index];
            progress.say(format!("{} on {}", workload.name, layout.name));
            let turn = Turn { prepared, layout, round, scale: 1.0, interrupt };
            let Some(taken) = turn.take()? else { break 'rounds };
            layouts[index].add(taken);
            progress.step();
        }
    }
    let complete = layouts.iter().map(|layout| layout.turns.len()).min().unwrap_or(0);
    for layout in &mut layouts {
        layout.turns.truncate(complete);
    }
    Ok(Comparison {
        workload: workload.name.clone(),
        given: workload.given.clone(),
        about: workload.about.clone(),
        measured_s: (workload.time - workload.warm_up).as_secs_f64(),
        classes: prepared.class_facts(),
        goal: prepared.goal_facts(),
        layouts,
    })
}

fn outcome_of(layout: &Layout) -> LayoutOutcome {
    let plan = match &layout.executor {
        Executor::Amp(plan) => Some(plan),
        Executor::Smp | Executor::Rayon | Executor::Tokio => None,
    };
    LayoutOutcome {
        name: layout.name.clone(),
        executor: layout.executor.name(),
        roles: plan.map(ToString::to_string),
        oversubscribed: layout.is_oversubscribed(),
        placement: Vec::new(),
        turns: Vec::new(),
        timeline: Vec::new(),
    }
}

impl LayoutOutcome {
    fn add(&mut self, taken: Taken) {
        if self.turns.is_empty() {
            self.timeline = taken.spans;
        }
        self.placement = taken.placement;
        self.turns.push(taken.outcome);
    }
}
