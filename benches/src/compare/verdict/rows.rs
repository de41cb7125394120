//! The table in which the two executors are compared, row by row.
//!
//! Each row claims something of both. Here it is held against what was measured, and where this hardware does not bear it out, that is
//! what the verdict says.
//!
//! | file | row |
//! |---|---|
//! | `equality` | all workers equal; workers with designated roles |
//! | `allocation` | any worker runs any task; a task runs only on its role's cores |
//! | `complexity` | nothing to declare; roles declared |
//! | `balance` | no worker overloaded while another idles; may be imbalanced |
//! | `use_case` | unpredictable load; specialised work |

mod allocation;
mod balance;
mod complexity;
mod equality;
mod use_case;

use super::words::{command, is_amp, is_smp};
use crate::compare::outcome::{ClassOutcome, Comparison, LayoutOutcome, TurnOutcome};
use crate::compare::report::{Sweep, Verdict};
use crate::noise::NoiseFloor;
use amp_executor::RolePlan;

/// A class of which each worker could have had so many tasks is one that says something about all workers.
const ENOUGH_TASKS: u64 = 50;

/// What was measured says of each row of the table in which the two executors are compared. The text begins with `BORNE OUT`, `NOT BORNE
/// OUT` or, where nothing was measured that could tell, `NOT SHOWN`.
///
/// A row has a winner only where one executor is the better one of the two by it. Those that say how the two differ have none, which is
/// no draw.
///
/// Sweeps alone are about the last row, and say nothing of the others.
pub fn of_table(comparisons: &[Comparison], sweeps: &[Sweep], noise: &NoiseFloor) -> Vec<Verdict> {
    if comparisons.is_empty() && !sweeps.is_empty() {
        return vec![use_case::verdict(comparisons, sweeps, noise)];
    }
    vec![
        equality::verdict(comparisons),
        allocation::verdict(comparisons),
        complexity::verdict(comparisons, noise),
        balance::verdict(comparisons),
        use_case::verdict(comparisons, sweeps, noise),
    ]
}

/// Whether a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// On this machine it does.
    Yes,
    /// On this machine it does not.
    No,
    /// Nothing was measured that could tell.
    Unknown,
}

/// What a row's verdict is made of.
#[derive(Debug)]
struct Row<'a> {
    subject: &'a str,
    holds: Holds,
    winner: Option<String>,
    text: String,
    certainty: String,
    would_change: String,
    /// The workloads that it follows from, or that would show it.
    workloads: Vec<&'a str>,
}

impl Row<'_> {
    fn into_verdict(self) -> Verdict {
        let prefix = match self.holds {
            Holds::Yes => "BORNE OUT",
            Holds::No => "NOT BORNE OUT",
            Holds::Unknown => "NOT SHOWN",
        };
        Verdict {
            subject: self.subject.to_owned(),
            winner: self.winner,
            text: format!("{prefix}: {}", self.text),
            certainty: self.certainty,
            would_change: self.would_change,
            command: command(self.workloads),
        }
    }
}

/// A row about which nothing was measured.
fn not_shown<'a>(subject: &'a str, text: &str, workloads: &[&'a str]) -> Row<'a> {
    Row {
        subject,
        holds: Holds::Unknown,
        winner: None,
        text: text.to_owned(),
        certainty: String::new(),
        would_change: String::new(),
        workloads: workloads.to_vec(),
    }
}

fn smps(comparison: &Comparison) -> impl Iterator<Item = &LayoutOutcome> {
    let layouts = comparison.layouts.iter();
    layouts.filter(|layout| is_smp(layout) && !layout.turns.is_empty())
}

/// The AMP layouts, with their plans.
fn amps(comparison: &Comparison) -> impl Iterator<Item = (&LayoutOutcome, RolePlan)> {
    let layouts = comparison.layouts.iter();
    layouts
        .filter(|layout| is_amp(layout) && !layout.turns.is_empty())
        .filter_map(|layout| Some((layout, RolePlan::parse(layout.roles.as_deref()?).ok()?)))
}

/// Those whose cores run their own role alone.
fn strict_amps(comparison: &Comparison) -> impl Iterator<Item = &LayoutOutcome> {
    amps(comparison)
        .filter(|(_, plan)| plan.roles().all(|role| role.lends_to().is_empty()))
        .map(|(layout, _)| layout)
}

/// The classes of which there were enough tasks for all workers.
fn plentiful(turn: &TurnOutcome) -> impl Iterator<Item = (usize, &ClassOutcome)> {
    let enough = ENOUGH_TASKS * turn.worker_count as u64;
    turn.classes.iter().enumerate().filter(move |(_, class)| class.tasks >= enough)
}

/// Names, each once, in the order of their first appearance.
fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut unique = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

#[cfg(test)]
mod tests;
