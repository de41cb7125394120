//! The tables, and what `--json` writes.

use std::io::Write;

use bytesize::ByteSize;
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::account::Sums;
use super::resources::{FLAT, Growth, Held};

/// What the process used while it had nothing to do, in percent of one core.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct IdleCpu {
    /// With both executors alive.
    pub(super) alive_percent: f64,
    /// With both gone.
    pub(super) gone_percent: f64,
    pub(super) seconds: f64,
}

/// At most so much is idle.
pub(super) const IDLE_PERCENT: f64 = 0.5;

impl IdleCpu {
    pub(super) fn is_idle(&self) -> bool {
        self.alive_percent < IDLE_PERCENT && self.gone_percent < IDLE_PERCENT
    }
}

/// One actor.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Row {
    pub(super) actor: &'static str,
    #[serde(flatten)]
    pub(super) sums: Sums,
}

/// Everything that a run has found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) hardware: String,
    pub(super) seed: u64,
    pub(super) workers: usize,
    pub(super) seconds: f64,
    pub(super) interrupted: bool,
    pub(super) executors: u64,
    pub(super) actors: Vec<Row>,
    pub(super) faults: Vec<String>,
    pub(super) memory: Growth,
    pub(super) resident_bytes: Vec<u64>,
    pub(super) before: Held,
    pub(super) after: Option<Held>,
    /// Whether threads and descriptors are as few as they were.
    pub(super) is_back: Option<bool>,
    pub(super) idle: Option<IdleCpu>,
}

impl Report {
    /// Whether everything is as it should be.
    pub(super) fn passes(&self) -> bool {
        self.faults.is_empty()
            && self.total().unaccounted == 0
            && self.memory.is_flat != Some(false)
            && self.is_back != Some(false)
            && self.idle.is_none_or(|idle| idle.is_idle())
    }

    fn total(&self) -> Sums {
        let mut total = Sums::default();
        self.actors.iter().for_each(|row| total.add(&row.sums));
        total
    }

    pub(super) fn write(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut table = Table::new();
        table.load_preset(ASCII_MARKDOWN).set_header([
            "actor",
            "submitted",
            "ran",
            "panicked",
            "cancelled",
            "expired",
            "refused",
            "unaccounted",
        ]);
        let total = self.total();
        let rows = self.actors.iter().map(|row| (row.actor, row.sums));
        for (actor, sums) in rows.chain([("all", total)]) {
            let Sums { submitted, ran, panicked, cancelled, expired, refused, unaccounted, .. } =
                sums;
            let numbers = [submitted, ran, panicked, cancelled, expired, refused, unaccounted];
            table.add_row(
                std::iter::once(actor.to_owned()).chain(numbers.map(|number| number.to_string())),
            );
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "{table}\n")?;
        self.write_resources(out)?;
        for fault in &self.faults {
            writeln!(out, "FAULT          {fault}")?;
        }
        if self.interrupted {
            writeln!(out, "INTERRUPTED    this is what there was by then")?;
        }
        let verdict = match self.passes() {
            true => "all tasks accounted for, nothing left behind",
            false => "FAILED",
        };
        writeln!(out, "verdict        {verdict}; seed {}", self.seed)?;
        out.flush()?;
        Ok(())
    }

    fn write_resources(&self, out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(out, "ran            {:.1} s, {} executors", self.seconds, self.executors)?;
        let memory = &self.memory;
        let size = |bytes: f64| ByteSize::b(bytes as u64);
        writeln!(
            out,
            "memory         {} to {} in {} samples",
            size(memory.least_bytes as f64),
            size(memory.most_bytes as f64),
            memory.samples
        )?;
        match (memory.second_fifth_bytes, memory.last_fifth_bytes, memory.is_flat) {
            (Some(second), Some(last), Some(is_flat)) => writeln!(
                out,
                "               second fifth {}, last fifth {}: {} ({FLAT})",
                size(second),
                size(last),
                if is_flat { "flat" } else { "GROWS" }
            )?,
            _ => writeln!(out, "               too few samples to tell whether it grows")?,
        }
        let count = |count: Option<usize>| count.map_or("unknown".to_owned(), |n| n.to_string());
        let Held { threads, descriptors } = self.before;
        if let (Some(after), Some(is_back)) = (self.after, self.is_back) {
            let verdict = if is_back { "back" } else { "LEFT BEHIND" };
            writeln!(
                out,
                "threads        {} before, {} after\ndescriptors    {} before, {} after: {verdict}",
                count(threads),
                count(after.threads),
                count(descriptors),
                count(after.descriptors)
            )?;
        }
        if let Some(idle) = &self.idle {
            let verdict = if idle.is_idle() { "idle" } else { "BUSY" };
            writeln!(
                out,
                "idle CPU       {:.3} % of one core with both executors alive, {:.3} % with both gone, over {} s each: {verdict} (below {IDLE_PERCENT} %)",
                idle.alive_percent, idle.gone_percent, idle.seconds
            )?;
        }
        Ok(())
    }
}
