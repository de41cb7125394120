//! `benches compare` and `benches sweep`: their options, and what happens in which order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::interrupt::Interrupt;
use super::prepared::Prepared;
use super::progress::Progress;
use super::report::Report;
use super::sweep::{Scale, sweep_at};
use super::workload::{BUILTIN, Workload};
use super::{html, rounds, table, trace, verdict};
use crate::hardware::Hardware;
use crate::noise;
use crate::work::Speed;

/// Options of everything that runs workloads.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// How often all layouts take turns
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub rounds: usize,
    /// For how long requests arrive in each turn [default: what the workload says]
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
    /// Only the layouts of these names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub layout: Vec<String>,
    /// As little as possible: shows that it runs, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// Writes all figures to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes a report with plots to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Options of `benches compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// Workload files, or names of built-in workloads [default: all built-in ones]
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,
    /// Those that everything has that runs workloads.
    #[command(flatten)]
    pub run: RunArgs,
    /// Writes who ran what when to this file, in Chrome's trace format, which Perfetto reads
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Lists the built-in workloads; with a name, prints that one's file
    #[arg(long)]
    pub list: bool,
}

/// Options of `benches sweep`.
#[derive(Clone, Debug, Args)]
pub struct SweepArgs {
    /// Workload files, or names of built-in workloads
    #[arg(value_name = "WORKLOAD", default_value = "service")]
    pub workloads: Vec<String>,
    /// Loads, as parts of the capacity
    #[arg(
        long,
        value_name = "LOAD",
        value_delimiter = ',',
        default_values_t = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    )]
    pub loads: Vec<f64>,
    /// Those that everything has that runs workloads.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Runs workloads on all their layouts, and says which one suits each, by how much, and how sure that is.
///
/// # Errors
///
/// Unusable options or files, an executor that cannot be built, a file that cannot be written.
pub fn compare(args: &CompareArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    if args.list {
        return list(&args.workloads, out).map(|()| true);
    }
    let names: Vec<String> = match args.workloads.is_empty() {
        true => BUILTIN.iter().map(|(name, _)| (*name).to_owned()).collect(),
        false => args.workloads.clone(),
    };
    let workloads = args.run.workloads(&names)?;
    let run_args = &args.run;
    can_be_written([&run_args.json, &run_args.html, &args.trace])?;
    let mut run = Run::start(run_args, out)?;
    let turns = workloads.iter().map(|workload| workload.layouts.len()).sum::<usize>();
    let progress = Progress::of(turns * run.report.rounds);
    for workload in workloads {
        let prepared = Prepared::new(workload, run.speed)?;
        let comparison = rounds::compare(&prepared, run.report.rounds, &run.interrupt, &progress)?;
        let verdict = verdict::of_comparison(&comparison, &run.report.noise);
        progress.hide(|| table::write(out, &comparison, from_ref(&verdict)))?;
        run.report.comparisons.push(comparison);
        run.report.verdicts.push(verdict);
        if run.interrupt.is_raised() {
            break;
        }
    }
    drop(progress);
    run.finish(&args.run, out)?;
    if let Some(path) = &args.trace {
        write_file(path, |file| trace::write(file, &run.report.comparisons))?;
        writeln!(out, "trace          {} (open it at https://ui.perfetto.dev)", path.display())?;
    }
    Ok(true)
}

/// Runs workloads at several loads, and says which layout meets its objectives up to which load.
///
/// # Errors
///
/// As [`compare`]; a workload of which nothing says what is wanted, or whose rates cannot be changed.
pub fn sweep(args: &SweepArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut loads = args.loads.clone();
    loads.sort_unstable_by(f64::total_cmp);
    loads.dedup();
    ensure!(
        loads.iter().all(|load| load.is_finite() && *load > 0.0 && *load <= 10.0),
        "--loads must be above 0 and at most 10"
    );
    let workloads = args.run.workloads(&args.workloads)?;
    can_be_written([&args.run.json, &args.run.html])?;
    let mut run = Run::start(&args.run, out)?;
    // All of them before the first turn: one that cannot be swept does not throw away what the others have found.
    let mut prepared = Vec::new();
    for workload in workloads {
        let workload = Prepared::new(workload, run.speed)?;
        prepared.push((Scale::of(&workload, &loads)?, workload));
    }
    let turns = prepared.iter().map(|(_, each)| loads.len() * each.workload.layouts.len());
    let progress = Progress::of(turns.sum::<usize>() * run.report.rounds);
    for (scale, prepared) in prepared {
        let (rounds, interrupt) = (run.report.rounds, &run.interrupt);
        let sweep = sweep_at(&prepared, (&loads, scale), rounds, interrupt, &progress)?;
        let verdict = verdict::of_sweep(&sweep);
        progress.hide(|| {
            table::write_sweep(out, &sweep)?;
            table::write_verdicts(out, from_ref(&verdict))
        })?;
        run.report.sweeps.push(sweep);
        run.report.verdicts.push(verdict);
        if run.interrupt.is_raised() {
            break;
        }
    }
    drop(progress);
    run.finish(&args.run, out)?;
    Ok(true)
}

/// What comparing and sweeping have in common.
struct Run {
    report: Report,
    speed: Speed,
    interrupt: Interrupt,
}

/// For how long the machine is watched before anything runs.
const WATCHED: Duration = Duration::from_millis(500);

/// The same, where nothing is to be measured.
const GLANCED: Duration = Duration::from_millis(10);

/// For how long requests arrive where nothing is to be measured.
const QUICK: Duration = Duration::from_millis(50);

impl Run {
    /// Looks at the machine, and writes what it is.
    fn start(args: &RunArgs, out: &mut impl Write) -> anyhow::Result<Self> {
        ensure!(args.rounds > 0, "--rounds must be at least 1");
        let interrupt = Interrupt::by_signal()?;
        let hardware = Hardware::read();
        writeln!(out, "{hardware}")?;
        out.flush()?;
        let watched = if args.quick { GLANCED } else { WATCHED };
        let noise = noise::measure(watched, &hardware.allowed);
        writeln!(out, "{noise}")?;
        out.flush()?;
        let rounds = if args.quick { 1 } else { args.rounds };
        let parallelism = hardware.parallelism;
        let report = Report {
            hardware,
            noise,
            rounds,
            interrupted: false,
            comparisons: Vec::new(),
            sweeps: Vec::new(),
            verdicts: Vec::new(),
        };
        Ok(Self { report, speed: Speed::measure_busy(parallelism), interrupt })
    }

    /// Says what follows, and writes the files that were asked for.
    fn finish(&mut self, args: &RunArgs, out: &mut impl Write) -> anyhow::Result<()> {
        let report = &mut self.report;
        report.interrupted = self.interrupt.is_raised();
        let rows = verdict::of_table(&report.comparisons, &report.sweeps, &report.noise);
        table::write_verdicts(out, &rows)?;
        report.verdicts.extend(rows);
        if report.interrupted {
            writeln!(out, "\nINTERRUPTED    this is what there was by then")?;
        }
        if let Some(path) = &args.json {
            write_file(path, |file| Ok(serde_json::to_writer_pretty(file, report)?))?;
            writeln!(out, "json           {}", path.display())?;
        }
        if let Some(path) = &args.html {
            write_file(path, |file| html::write(file, report))?;
            writeln!(out, "report         {}", path.display())?;
        }
        Ok(())
    }
}

impl RunArgs {
    /// Reads them all before anything runs. Every mistake in every file is named.
    fn workloads(&self, names: &[String]) -> anyhow::Result<Vec<Workload>> {
        let mut workloads = Vec::new();
        let mut mistakes = Vec::new();
        for name in names {
            match Workload::load(name) {
                Ok(workload) => workloads.push(workload),
                Err(error) => mistakes.push(error.to_string()),
            }
        }
        if !mistakes.is_empty() {
            bail!("{}", mistakes.join("\n"));
        }
        for workload in &mut workloads {
            self.adapt(workload)?;
        }
        Ok(workloads)
    }

    fn adapt(&self, workload: &mut Workload) -> anyhow::Result<()> {
        let time = match self.seconds {
            Some(seconds) => crate::rounds::time_of(seconds, Duration::from_millis(10))?,
            None if self.quick => QUICK,
            None => workload.time,
        };
        workload.warm_up =
            workload.warm_up.mul_f64(time.as_secs_f64() / workload.time.as_secs_f64());
        workload.time = time;
        if !self.layout.is_empty() {
            let name = &workload.name;
            let layouts = &mut workload.layouts;
            for wanted in &self.layout {
                ensure!(
                    layouts.iter().any(|layout| layout.name == *wanted),
                    "--layout {wanted}: {name} has {}",
                    layouts
                        .iter()
                        .map(|layout| layout.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                );
            }
            layouts.retain(|layout| self.layout.contains(&layout.name));
        }
        Ok(())
    }
}

fn list(names: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    if names.is_empty() {
        for (name, _) in BUILTIN {
            writeln!(out, "{name:<15}{}", Workload::load(name)?.about)?;
        }
    }
    for name in names {
        let text = Workload::builtin(name);
        let text = text.with_context(|| format!("there is no built-in workload {name}"))?;
        write!(out, "{text}")?;
    }
    Ok(())
}

/// Asks before anything runs, not after minutes. What the files have is left as it is.
fn can_be_written<'a>(paths: impl IntoIterator<Item = &'a Option<PathBuf>>) -> anyhow::Result<()> {
    for path in paths.into_iter().flatten() {
        let opened = File::options().append(true).create(true).open(path);
        opened.with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let mut file = BufWriter::new(File::create(path).with_context(named)?);
    write(&mut file)?;
    file.flush().with_context(named)
}
