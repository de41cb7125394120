//! `benches idle`: the CPU time that pools use while they have nothing to do.

use std::io::Write;
use std::time::Duration;

use amp_executor::{AmpExecutor, IdlePolicy, PinPolicy, RoleConfig};
use anyhow::{Context, ensure};
use clap::Args;
use cpu_time::ProcessTime;
use executor_common::Role;
use smp_executor::SmpExecutor;

use crate::hardware::Hardware;
use crate::peers::{Pool, Rayon, Tokio, Workers};

/// An idle pool that uses this much of a second or more has missed the target.
const TARGET_MS_PER_SECOND: f64 = 1.0;

/// How long a pool has to come to rest after it was built, or to be gone after it was dropped.
const SETTLE: Duration = Duration::from_millis(200);

const IDLE: Role = Role::new("idle");

/// Options of `benches idle`.
#[derive(Clone, Copy, Debug, Args)]
pub struct IdleArgs {
    /// How long each pool is watched, in seconds
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,
    /// Workers of each pool [default: as many as this process has CPUs, its cgroup quota included]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
}

/// Measures one pool after the other and writes a line for each. True if the pools of this workspace met the
/// target.
///
/// # Errors
///
/// Unusable options, or a pool that cannot be built.
pub fn run(args: &IdleArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    ensure!(args.workers != Some(0), "--workers must be at least 1");
    let window = Duration::try_from_secs_f64(args.seconds)
        .ok()
        .filter(|window| !window.is_zero())
        .context("--seconds must be a positive number")?;
    let hardware = Hardware::read();
    let workers = args.workers.unwrap_or(hardware.parallelism);
    writeln!(out, "{hardware}")?;
    writeln!(out, "workers        {workers} (amp: at most one for each core allowed)")?;
    writeln!(out, "watched        {:.1} s each, by the process's CPU time", args.seconds)?;
    writeln!(out, "target         smp and amp below {TARGET_MS_PER_SECOND} ms/s\n")?;

    write_line(out, "no pool", watch(window, ()), "")?;
    let smp = watch(window, SmpExecutor::builder().workers(workers).build()?);
    let mut passed = write_target(out, "smp", smp)?;
    let amp = AmpExecutor::builder()
        .role(
            RoleConfig::new(IDLE)
                .cores(hardware.allowed.iter().take(workers))
                .idle(IdlePolicy::Park),
        )
        .pin(PinPolicy::BestEffort)
        .build()?;
    passed &= write_target(out, "amp, parked", watch(window, amp))?;
    let workers = Workers::unpinned(workers);
    write_line(out, "rayon", watch(window, Rayon::build(workers)?), "")?;
    write_line(out, "tokio", watch(window, Tokio::build(workers)?), "")?;
    Ok(passed)
}

/// How much CPU time the process uses while `pool` has nothing to do, in milliseconds per second.
fn watch<P>(window: Duration, pool: P) -> f64 {
    std::thread::sleep(SETTLE);
    let start = ProcessTime::now();
    std::thread::sleep(window);
    let used = start.elapsed();
    drop(pool);
    // The next one is not to pay for this one's end.
    std::thread::sleep(SETTLE);
    used.as_secs_f64() * 1e3 / window.as_secs_f64()
}

fn write_target(out: &mut impl Write, name: &str, ms_per_second: f64) -> anyhow::Result<bool> {
    let passed = ms_per_second < TARGET_MS_PER_SECOND;
    write_line(out, name, ms_per_second, if passed { "  pass" } else { "  FAIL" })?;
    Ok(passed)
}

fn write_line(
    out: &mut impl Write,
    name: &str,
    ms_per_second: f64,
    verdict: &str,
) -> anyhow::Result<()> {
    writeln!(out, "{name:<15}{ms_per_second:>9.3} ms CPU time per second{verdict}")?;
    out.flush()?;
    Ok(())
}
