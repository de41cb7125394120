//! The terminal's tables: a comparison, a sweep, verdicts.
//!
//! | file | what it writes |
//! |---|---|
//! | `layouts` | a line for each layout: throughput, CPU time, imbalance, memory; and who ran where |
//! | `classes` | for each class a line for each layout: requests and percentiles |
//! | `sweeps` | a line for each load |
//! | `verdicts` | what follows, in words |

mod cells;
mod classes;
mod layouts;
mod sweeps;
mod verdicts;

use std::io::{self, Write};

use super::outcome::Comparison;
use super::report::Verdict;

pub use sweeps::write_sweep;
pub use verdicts::write_verdicts;

/// Writes one workload on all its layouts, and what follows from it: `verdicts` are the workload's own.
///
/// # Errors
///
/// `out` cannot be written to.
pub fn write(
    out: &mut impl Write,
    comparison: &Comparison,
    verdicts: &[Verdict],
) -> io::Result<()> {
    let Comparison { workload, about, measured_s, layouts, .. } = comparison;
    writeln!(out, "{workload}: {about}")?;
    let rounds = layouts.iter().map(|layout| layout.turns.len()).max().unwrap_or(0);
    match rounds {
        0 => writeln!(out, "no turn was completed\n")?,
        _ => writeln!(
            out,
            "{rounds} rounds of {measured_s:.2} s; medians over the rounds, ranges in brackets; counts of all rounds together\n"
        )?,
    }
    if rounds > 0 {
        layouts::write(out, comparison)?;
        classes::write(out, comparison)?;
    }
    layouts::write_placement(out, layouts)?;
    write_verdicts(out, verdicts)
}

#[cfg(test)]
mod tests;
