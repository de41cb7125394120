//! The executors that the program runs on, each built anew for each run.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, PinPolicy, RoleConfig, RolePlan};
use anyhow::{Context, bail};
use executor_common::cpu::CpuSet;
use executor_common::sync::Arc;
use executor_common::{ExecutorMetrics, Role, Spawn};
use indicatif::ProgressBar;
use smp_executor::SmpExecutor;

use super::program::{HASH, Outcome, READ, digest_files};

/// How many chunks may wait to be hashed in the plan that nobody has chosen: enough that a hashing worker does not
/// run dry while a file is opened, and a quarter of the files that may be under way.
const HASH_CAPACITY: usize = 64;

/// Which cores read and which hash.
#[derive(Clone, Debug)]
pub struct Plan(RolePlan);

/// What one run did.
#[derive(Debug)]
pub struct Run {
    /// `smp` or `amp`.
    pub executor: &'static str,
    /// Which round it was, from 0.
    pub round: usize,
    /// From the first task spawned to the last digest in hand. The executor's own building and end are not in.
    pub wall: Duration,
    /// In the order of the files.
    pub outcomes: Vec<Outcome>,
    /// Taken after the end, so that they are complete.
    pub metrics: ExecutorMetrics,
    /// Where the workers ran, as read back; a line each. Empty where none is designated.
    pub placement: Vec<String>,
}

impl Plan {
    /// The first of `allowed` for reading, as many others as make `workers` for hashing. Where one is left for
    /// both, they share it.
    ///
    /// # Errors
    ///
    /// No core is allowed.
    pub fn first_core_reads(allowed: &CpuSet, workers: usize) -> anyhow::Result<Self> {
        let cores: Vec<usize> = allowed.iter().take(workers).collect();
        let Some((first, others)) = cores.split_first() else { bail!("no core is allowed") };
        let read = RoleConfig::new(READ).cores([*first]);
        let hash = RoleConfig::new(HASH).capacity(HASH_CAPACITY);
        let roles = if others.is_empty() {
            [read.shared(), hash.cores([*first]).shared()]
        } else {
            [read, hash.cores(others.iter().copied())]
        };
        Ok(Self(RolePlan::new(roles)?))
    }

    /// Reads a role list that declares the roles `read` and `hash`.
    ///
    /// # Errors
    ///
    /// The list is malformed, or declares other roles.
    pub fn parse(list: &str) -> anyhow::Result<Self> {
        let plan = RolePlan::parse(list).context("--roles")?;
        let mut names: Vec<Role> = plan.roles().map(RoleConfig::role).collect();
        names.sort_unstable();
        if names != [HASH, READ] {
            let names: Vec<&str> = names.into_iter().map(Role::name).collect();
            bail!("--roles must declare the roles read and hash, and has: {}", names.join(", "));
        }
        Ok(Self(plan))
    }

    /// How many roles there are.
    pub fn roles(&self) -> usize {
        self.0.roles().len()
    }

    fn build(&self) -> anyhow::Result<AmpExecutor> {
        let builder = AmpExecutor::builder().plan(self.0.clone()).pin(PinPolicy::BestEffort);
        Ok(builder.build()?)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Run {
    /// How many files were hashed.
    pub fn files(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.result.is_ok()).count()
    }

    /// How many bytes were hashed.
    pub fn bytes(&self) -> u64 {
        self.outcomes
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().ok())
            .map(|(n, _)| n)
            .sum()
    }

    /// Millions of bytes per second.
    pub fn megabytes_per_second(&self) -> f64 {
        self.bytes() as f64 / 1e6 / self.wall.as_secs_f64()
    }
}

/// Where a plan's workers end up, as read back; a line each.
///
/// # Errors
///
/// The executor cannot be built.
pub(super) fn placement(plan: &Plan) -> anyhow::Result<Vec<String>> {
    let amp = plan.build()?;
    Ok(amp.placement().iter().map(ToString::to_string).collect())
}

/// Runs the program on a symmetric executor.
///
/// # Errors
///
/// The executor cannot be built, or a task failed.
pub fn run_on_smp(
    workers: usize,
    files: &[PathBuf],
    progress: &ProgressBar,
) -> anyhow::Result<Run> {
    let smp = Arc::new(SmpExecutor::builder().workers(workers).build()?);
    let (wall, outcomes) = timed(&smp, files, progress)?;
    let _ = smp.shutdown();
    let metrics = smp.metrics();
    Ok(Run { executor: "smp", round: 0, wall, outcomes, metrics, placement: Vec::new() })
}

/// Runs the program on an asymmetric executor.
///
/// # Errors
///
/// The executor cannot be built, or a task failed.
pub fn run_on_amp(plan: &Plan, files: &[PathBuf], progress: &ProgressBar) -> anyhow::Result<Run> {
    let amp = Arc::new(plan.build()?);
    let (wall, outcomes) = timed(&amp, files, progress)?;
    let placement = amp.placement().iter().map(ToString::to_string).collect();
    let _ = amp.shutdown();
    let metrics = amp.metrics();
    Ok(Run { executor: "amp", round: 0, wall, outcomes, metrics, placement })
}

fn timed<E>(
    executor: &Arc<E>,
    files: &[PathBuf],
    progress: &ProgressBar,
) -> anyhow::Result<(Duration, Vec<Outcome>)>
where
    E: Spawn + Send + Sync + 'static,
{
    let start = Instant::now();
    let outcomes = digest_files(executor, files, progress)?;
    Ok((start.elapsed(), outcomes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_core_reads_and_the_others_hash() {
        let text = |cores: &str, workers| {
            let allowed: CpuSet = cores.parse().unwrap();
            Plan::first_core_reads(&allowed, workers).unwrap().to_string()
        };
        assert_eq!(text("2-5", 8), "read=2;hash=3-5 capacity=64");
        assert_eq!(text("2-5", 2), "read=2;hash=3 capacity=64");
        assert_eq!(text("7", 4), "read=7 shared;hash=7 shared capacity=64");
        assert!(Plan::first_core_reads(&CpuSet::new(), 1).is_err());
    }

    #[test]
    fn other_roles_are_refused() {
        assert!(Plan::parse("hash=1;read=0").is_ok());
        let error = Plan::parse("io=0;hash=1").unwrap_err().to_string();
        assert!(error.contains("hash, io"), "{error}");
        assert!(Plan::parse("read=0").is_err());
        let error = format!("{:#}", Plan::parse("read=0;hash=x").unwrap_err());
        assert!(error.contains("byte 12"), "{error}");
    }
}
