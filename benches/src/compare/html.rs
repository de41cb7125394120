//! Everything that a run has found, as one file for the browser: no network, no scripts, light and dark, screen and paper.
//!
//! | file | what it is |
//! |---|---|
//! | `page` | the parts, in the order in which they are read |
//! | `verdicts` | what follows, in words |
//! | `workload` | one workload: its classes, tables and plots |
//! | `tables` | the tables of a workload |
//! | `sweep` | one workload at several loads |
//! | `machine` | on what it was measured |
//! | `reading` | how to read it |
//! | `figures`, `format` | medians over rounds, and how they are written |
//! | `plot`, `axis`, `palette` | what all plots have in common |
//! | `lines`, `labels`: `latency`, `load` | plots in which layouts are lines |
//! | `lanes`: `utilisation`, `timeline`, `window` | plots in which workers are lanes |

mod axis;
mod figures;
mod format;
mod labels;
mod lanes;
mod latency;
mod lines;
mod load;
mod machine;
mod page;
mod palette;
mod plot;
mod reading;
mod sweep;
mod tables;
mod timeline;
mod utilisation;
mod verdicts;
mod window;
mod workload;

use std::io::Write;

use super::report::Report;

/// Writes the whole page.
///
/// # Examples
///
/// ```
/// use benches::Hardware;
/// use benches::compare::{html, report::Report};
///
/// let report = Report {
///     hardware: Hardware::read(),
///     noise: Default::default(),
///     rounds: 5,
///     interrupted: true,
///     comparisons: Vec::new(),
///     sweeps: Vec::new(),
///     verdicts: Vec::new(),
/// };
/// let mut page = Vec::new();
/// html::write(&mut page, &report)?;
/// assert!(page.starts_with(b"<!DOCTYPE html>"));
/// # anyhow::Ok(())
/// ```
///
/// # Errors
///
/// What `out` says when it cannot be written to.
pub fn write(out: &mut impl Write, report: &Report) -> anyhow::Result<()> {
    let page = page::page(report)?.into_string();
    out.write_all(page.as_bytes())?;
    out.flush()?;
    Ok(())
}
