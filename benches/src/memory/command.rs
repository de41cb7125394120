//! The program `memory`: its options, the peers, the table.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde::Serialize;

use super::queued::{Queued, Task, closures, futures};
use crate::peers::{
    AsyncExecutor, AsyncExecutorStatic, FuturePool, Pool, PoolKind, Rayon, Smp, Tokio,
};
use crate::rounds::{save, write_machine};

/// Counts the bytes of queued closures and futures, in each executor.
///
/// Exit codes: 0 all is well, 2 wrong usage or an input/output error.
#[derive(Clone, Debug, Parser)]
#[command(name = "memory", version)]
pub struct MemoryArgs {
    /// Workers of each pool; all of them are held while tasks are queued
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub workers: usize,
    /// Tasks that are queued at once: many, since smp allocates its first MiB of each size at its first task, which is not counted
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub tasks: usize,
    /// Few tasks: shows that it runs
    #[arg(long)]
    pub quick: bool,
    /// Measures this row alone, in this process, and writes its values as JSON
    #[arg(long, value_name = "N", hide = true)]
    pub row: Option<usize>,
    /// Writes all values to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subject {
    task: Task,
    peer: PoolKind,
}

/// What `--json` writes.
#[derive(Clone, Copy, Debug, Serialize)]
struct Row {
    task: Task,
    peer: PoolKind,
    queued: Queued,
}

/// Measures everything, each row in a process of its own, since executors may keep memory for the whole process, and
/// writes a table.
///
/// # Errors
///
/// Unusable options, or a pool that cannot be built.
pub fn run(args: &MemoryArgs, out: &mut impl Write) -> anyhow::Result<()> {
    ensure!(args.workers > 0, "--workers must be at least 1");
    ensure!(args.tasks > 0, "--tasks must be at least 1");
    let tasks = if args.quick { 100_000 } else { args.tasks };
    if let Some(number) = args.row {
        let subject = subjects().nth(number).context("--row: there is no such row")?;
        let queued = subject.measure(args.workers, tasks)?;
        serde_json::to_writer(out, &queued)?;
        return Ok(());
    }

    let hardware = write_machine(out)?;
    writeln!(out, "workers        {}, all of them held meanwhile", args.workers)?;
    writeln!(out, "tasks          {tasks}, queued from outside")?;
    writeln!(out, "bytes          as asked for; what the allocator adds is not in them\n")?;
    let mut rows = Vec::new();
    for (number, Subject { task, peer }) in subjects().enumerate() {
        rows.push(Row { task, peer, queued: in_a_process(number, args.workers, tasks)? });
    }
    write_table(out, &rows)?;
    if let Some(path) = &args.json {
        save(path, &hardware, &rows)?;
    }
    Ok(())
}

/// All rows, in the order of the table.
fn subjects() -> impl Iterator<Item = Subject> {
    let closures = [8, 16, 64].map(Task::Closure);
    let futures = [8, 16, 64].map(Task::Future);
    closures.into_iter().chain(futures).flat_map(|task| {
        let peers = [
            PoolKind::Smp,
            PoolKind::Tokio,
            PoolKind::AsyncExecutor,
            PoolKind::AsyncExecutorStatic,
        ];
        let rayon = matches!(task, Task::Closure(_)).then_some(PoolKind::Rayon);
        peers.into_iter().chain(rayon).map(move |peer| Subject { task, peer })
    })
}

/// Lets another process of this program measure that row.
fn in_a_process(row: usize, workers: usize, tasks: usize) -> anyhow::Result<Queued> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--row", &row.to_string()])
        .args(["--workers", &workers.to_string()])
        .args(["--tasks", &tasks.to_string()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Subject {
    fn measure(self, workers: usize, tasks: usize) -> anyhow::Result<Queued> {
        match self.peer {
            PoolKind::Smp => self.with_futures::<Smp>(workers, tasks),
            PoolKind::Tokio => self.with_futures::<Tokio>(workers, tasks),
            PoolKind::AsyncExecutor => self.with_futures::<AsyncExecutor>(workers, tasks),
            PoolKind::AsyncExecutorStatic => {
                self.with_futures::<AsyncExecutorStatic>(workers, tasks)
            }
            PoolKind::Rayon => self.with_closures::<Rayon>(workers, tasks),
            PoolKind::None | PoolKind::Amp | PoolKind::Channel => {
                bail!("{} takes no part in this", self.peer)
            }
        }
    }

    /// A task holds the counter's address, and what is left of its bytes.
    fn with_closures<P: Pool>(self, workers: usize, tasks: usize) -> anyhow::Result<Queued> {
        match self.task {
            Task::Closure(8) => closures::<P, 0>(workers, tasks),
            Task::Closure(16) => closures::<P, 8>(workers, tasks),
            Task::Closure(64) => closures::<P, 56>(workers, tasks),
            other => bail!("{other:?} is not measured with {}", P::KIND),
        }
    }

    fn with_futures<P: FuturePool>(self, workers: usize, tasks: usize) -> anyhow::Result<Queued> {
        match self.task {
            Task::Future(8) => futures::<P, 0>(workers, tasks),
            Task::Future(16) => futures::<P, 8>(workers, tasks),
            Task::Future(64) => futures::<P, 56>(workers, tasks),
            _ => self.with_closures::<P>(workers, tasks),
        }
    }
}

fn write_table(out: &mut impl Write, rows: &[Row]) -> anyhow::Result<()> {
    writeln!(
        out,
        "| task | peer | bytes each | of tokio's | allocations each | peak, KiB | retained, KiB |"
    )?;
    writeln!(out, "|{}", "---|".repeat(7))?;
    for Row { task, peer, queued } in rows {
        let (what, bytes) = match task {
            Task::Closure(bytes) => ("closure", bytes),
            Task::Future(bytes) => ("future", bytes),
        };
        let tokio = rows.iter().find(|row| row.task == *task && row.peer == PoolKind::Tokio);
        let of_tokio = tokio.map(|row| queued.bytes_per_task / row.queued.bytes_per_task);
        writeln!(
            out,
            "| {what} of {bytes} bytes | {peer} | {:.1} | {:.2} | {:.3} | {:.1} | {:.1} |",
            queued.bytes_per_task,
            of_tokio.unwrap_or(f64::NAN),
            queued.allocations_per_task,
            queued.peak_bytes as f64 / 1024.0,
            queued.retained_bytes as f64 / 1024.0,
        )?;
    }
    Ok(())
}
