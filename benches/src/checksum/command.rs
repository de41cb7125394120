//! The command: its options, and what happens in which order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::digests::Digests;
use super::executors::{Plan, Run, placement, run_on_amp, run_on_smp};
use super::input::{Input, Listing, Unreadable};
use super::report::{median, write_comparison, write_run};
use crate::hardware::Hardware;

/// Options of `benches checksum`.
#[derive(Clone, Debug, Args)]
pub struct ChecksumArgs {
    /// Directory to read, or a single file [default: the sources of the crates that this workspace depends on]
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Which executor to run on
    #[arg(long, value_enum, default_value_t = ExecutorChoice::Both)]
    pub executor: ExecutorChoice,
    /// Workers of each executor [default: as many as this process has CPUs, its cgroup quota included]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Cores of the asymmetric executor's roles `read` and `hash`, as in "read=0;hash=1-3" [default: the first
    /// core allowed for `read`, the others for `hash`]
    #[arg(long, value_name = "PLAN")]
    pub roles: Option<String>,
    /// How often each executor runs, in turns
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub rounds: usize,
    /// Write the digests to a file, as `sha256sum` does
    #[arg(long, value_name = "FILE")]
    pub digests: Option<PathBuf>,
    /// Compare the digests with a file that `sha256sum` has written; the names must be as
    /// `find PATH -type f` gives them
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// Which executors take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExecutorChoice {
    /// The symmetric one
    Smp,
    /// The asymmetric one
    Amp,
    /// The one and the other, in turns
    Both,
}

/// Whether the digests are as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// All runs agree with each other and with the list they were checked against.
    Same,
    /// Some do not; the report says which files.
    Different,
}

/// Runs the command and writes its report to `out`. Files that cannot be read are named on the standard error
/// stream, where progress bars are drawn too.
///
/// # Errors
///
/// Unusable options or input, an executor that cannot be built, a list of digests that cannot be read or
/// written.
pub fn run(args: &ChecksumArgs, out: &mut impl Write) -> anyhow::Result<Verdict> {
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    ensure!(args.workers != Some(0), "--workers must be at least 1");
    let hardware = Hardware::read();
    let workers = args.workers.unwrap_or(hardware.parallelism);
    let plan = match &args.roles {
        Some(text) => Plan::parse(text)?,
        None => Plan::first_core_reads(&hardware.allowed, workers)?,
    };
    let expected = args.check.as_deref().map(Digests::load).transpose()?;
    let input = match &args.path {
        Some(path) => Input::path(path)?,
        None => Input::dependencies()?,
    };
    write_header(out, args, &hardware, workers, &plan)?;

    let listing = input.list();
    let bytes = warm_up(&listing);
    writeln!(out, "input          {}: {} files", input.description, listing.files.len())?;
    out.flush()?;
    let runs = run_in_turns(args, workers, &plan, &listing, bytes)?;

    for each in &runs {
        if let Some(run) = median(each) {
            write_run(out, run, args.rounds)?;
        }
    }
    write_comparison(out, &runs)?;
    let unreadable = report_unreadable(&listing, &runs);
    writeln!(out, "\nunreadable     {unreadable}")?;
    write_verdict(out, args, expected.as_ref(), &runs)
}

fn write_header(
    out: &mut impl Write,
    args: &ChecksumArgs,
    hardware: &Hardware,
    workers: usize,
    plan: &Plan,
) -> anyhow::Result<()> {
    writeln!(out, "{hardware}")?;
    if args.executor != ExecutorChoice::Amp {
        writeln!(out, "SMP workers    {workers}")?;
    }
    if args.executor != ExecutorChoice::Smp {
        writeln!(out, "AMP roles      {plan}")?;
        if plan.roles() > hardware.allowed.len() {
            writeln!(
                out,
                "OVERSUBSCRIBED {} roles on {} cores: they take turns on the same core",
                plan.roles(),
                hardware.allowed.len()
            )?;
        }
        // A plan that cannot be built fails here, before any file is read.
        for line in placement(plan)? {
            writeln!(out, "placement      {line}")?;
        }
    }
    Ok(())
}

/// Reads every file once, so that the page cache favours nobody. Returns how many bytes there are.
fn warm_up(listing: &Listing) -> u64 {
    let bar = progress_bar(listing.files.len() as u64, "warm-up", "{pos}/{len} files");
    let mut bytes = 0;
    for path in &listing.files {
        // What cannot be read is reported by the runs.
        let copied = File::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
        bytes += copied.unwrap_or(0);
        bar.inc(1);
    }
    bar.finish_and_clear();
    bytes
}

/// All rounds; for each executor a list of runs. The order changes from round to round.
fn run_in_turns(
    args: &ChecksumArgs,
    workers: usize,
    plan: &Plan,
    listing: &Listing,
    bytes: u64,
) -> anyhow::Result<Vec<Vec<Run>>> {
    let executors: &[ExecutorChoice] = match args.executor {
        ExecutorChoice::Both => &[ExecutorChoice::Smp, ExecutorChoice::Amp],
        ExecutorChoice::Smp => &[ExecutorChoice::Smp],
        ExecutorChoice::Amp => &[ExecutorChoice::Amp],
    };
    let mut runs: Vec<Vec<Run>> = executors.iter().map(|_| Vec::new()).collect();
    for round in 0..args.rounds {
        let mut order: Vec<usize> = (0..executors.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let name = if executors[index] == ExecutorChoice::Amp { "AMP" } else { "SMP" };
            let label = format!("{name} {}/{}", round + 1, args.rounds);
            let bar = progress_bar(bytes, &label, "{bytes}/{total_bytes} {bytes_per_sec}");
            let run = match executors[index] {
                ExecutorChoice::Amp => run_on_amp(plan, &listing.files, &bar),
                _ => run_on_smp(workers, &listing.files, &bar),
            };
            bar.finish_and_clear();
            let mut run = run.with_context(|| format!("on the {name} executor"))?;
            run.round = round;
            runs[index].push(run);
        }
    }
    Ok(runs)
}

/// Drawn on the standard error stream, and only where that is a terminal.
fn progress_bar(length: u64, label: &str, unit: &str) -> ProgressBar {
    let template = format!("{{prefix:>10}} [{{bar:40}}] {unit}");
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(length).with_style(style).with_prefix(label.to_owned())
}

/// Names each file that could not be read once, however many runs failed on it. Returns how many there are.
fn report_unreadable(listing: &Listing, runs: &[Vec<Run>]) -> usize {
    let failed = runs.iter().flatten().flat_map(|run| &run.outcomes).filter_map(|outcome| {
        let error = outcome.result.as_ref().err()?;
        Some(Unreadable::new(&outcome.path, error))
    });
    let all: BTreeMap<PathBuf, String> = listing
        .unreadable
        .iter()
        .cloned()
        .chain(failed)
        .map(|each| (each.path, each.reason))
        .collect();
    for (path, reason) in &all {
        eprintln!("cannot read {}: {reason}", path.display());
    }
    all.len()
}

/// Compares the runs with each other and with the expected list, and writes the list that was asked for.
fn write_verdict(
    out: &mut impl Write,
    args: &ChecksumArgs,
    expected: Option<&Digests>,
    runs: &[Vec<Run>],
) -> anyhow::Result<Verdict> {
    let lists: Vec<(&Run, Digests)> =
        runs.iter().flatten().map(|run| (run, Digests::of(&run.outcomes))).collect();
    let Some((first, digests)) = lists.first() else { return Ok(Verdict::Same) };
    let mut verdict = Verdict::Same;
    for (run, list) in &lists[1..] {
        for name in digests.contradictions(list) {
            verdict = Verdict::Different;
            writeln!(
                out,
                "DIFFERENT      {name}: {} round {} against {} round {}",
                first.executor,
                first.round + 1,
                run.executor,
                run.round + 1
            )?;
        }
    }
    if verdict == Verdict::Same {
        writeln!(out, "agreement      {} runs, {} digests each", lists.len(), digests.len())?;
    }
    if let (Some(expected), Some(file)) = (expected, &args.check) {
        let differences = digests.differences(expected);
        for (name, what) in &differences {
            verdict = Verdict::Different;
            writeln!(out, "{what:<15}{name}")?;
        }
        let found = if differences.is_empty() { "passed" } else { "FAILED" };
        writeln!(
            out,
            "check          {found}: {} differences from {}",
            differences.len(),
            file.display()
        )?;
    }
    if let Some(file) = &args.digests {
        digests.save(file)?;
        writeln!(out, "digests        {} written to {}", digests.len(), file.display())?;
    }
    Ok(verdict)
}
