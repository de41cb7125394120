//! `benches soak`: its options, and the course of a run.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, PinPolicy, Role, RoleConfig};
use anyhow::{Context, bail, ensure};
use clap::Args;
use executor_common::cpu::CpuSet;
use executor_common::sync::Arc;
use indicatif::{ProgressBar, ProgressStyle};
use smp_executor::SmpExecutor;

use super::report::{IdleCpu, Report, Row};
use super::resources::{Held, Memory, cpu_percent};
use super::state::Soak;
use super::task::Planned;
use super::watch::Watch;
use super::{actor, amp, smp};
use crate::compare::interrupt::Interrupt;
use crate::hardware::Hardware;

/// Options of `benches soak`.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// How long everything is mixed
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub minutes: f64,
    /// What the actors' generators follow from [default: another one each time]
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// Workers of each SMP executor; AMP executors have one per core in three roles, and one more
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub workers: usize,
    /// Only actors whose names contain one of these, as in `smp` or `JoinSet`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub actors: Vec<String>,
    /// Writes all figures to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How long idle executors are watched, at most.
const IDLE: Duration = Duration::from_secs(3);

/// How long executors have to come to rest.
const SETTLE: Duration = Duration::from_millis(300);

/// How often the main thread looks.
const LOOK: Duration = Duration::from_millis(50);

/// Where nobody sees the bar, there is a line so often.
const LINE: Duration = Duration::from_secs(60);

/// Runs the mix, and writes what became of every task. False if something does not add up, was left behind, or grew.
///
/// # Errors
///
/// Unusable options, a file that cannot be written, or a hang: then the error says where everybody is.
pub fn run(args: &SoakArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let time = Duration::try_from_secs_f64(args.minutes * 60.0)
        .ok()
        .filter(|time| !time.is_zero())
        .context("--minutes must be a positive number")?;
    ensure!((1..=1000).contains(&args.workers), "--workers must be 1 to 1000");
    let smp_actors = chosen(smp::ACTORS, &args.actors);
    let amp_actors = chosen(amp::ACTORS, &args.actors);
    if smp_actors.is_empty() && amp_actors.is_empty() {
        bail!("--actors: no name contains {}", args.actors.join(" or "));
    }
    if let Some(path) = &args.json {
        std::fs::write(path, "").with_context(|| path.display().to_string())?;
    }
    let hardware = Hardware::read();
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one("soak"));
    writeln!(out, "{hardware}")?;
    writeln!(out, "seed           {seed}")?;
    writeln!(
        out,
        "mixed          {} actors on {} workers of SMP executors, {} on AMP executors, for {time:?}\n",
        smp_actors.len(),
        args.workers,
        amp_actors.len()
    )?;
    out.flush()?;
    say_nothing_of_planned_panics();

    let interrupt = Interrupt::by_signal()?;
    let progress = Progress::begin(time);
    // Forks and loops on a thread that is no worker, which an ended executor leaves them to, go to this one.
    let _ = SmpExecutor::global();
    // The threads of these three are there from here on.
    std::thread::sleep(SETTLE);
    let before = Held::now();
    let soak = Soak::leak(seed);
    let mut memory = Memory::new();
    let begin = Instant::now();
    let cores = hardware.allowed.clone();
    let workers = args.workers;
    let drivers = [
        std::thread::spawn(move || smp::drive(soak, workers, &smp_actors)),
        std::thread::spawn(move || amp::drive(soak, &cores, &amp_actors)),
    ];
    mix(soak, time, &interrupt, &progress, &mut memory, || {
        drivers.iter().all(std::thread::JoinHandle::is_finished)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    drop(progress);

    let mut report = Report {
        hardware: hardware.to_string(),
        seed,
        workers,
        seconds,
        interrupted: interrupt.is_raised(),
        executors: soak.generations(),
        actors: Vec::new(),
        faults: soak.faults(),
        memory: memory.growth(),
        resident_bytes: memory.samples().to_vec(),
        before,
        after: None,
        is_back: None,
        idle: None,
    };
    if report.faults.is_empty() {
        for driver in drivers {
            if driver.join().is_err() {
                soak.fault("a thread that drives executors panicked".to_owned());
            }
        }
        report.idle = Some(watch_idle(args.workers, &hardware.allowed, IDLE.min(time))?);
        let (after, is_back) = Held::back_to(before);
        (report.after, report.is_back) = (Some(after), Some(is_back));
        report.faults = soak.faults();
    }
    report.actors = soak.sums().into_iter().map(|(actor, sums)| Row { actor, sums }).collect();
    report.write(out)?;
    if let Some(path) = &args.json {
        let text = serde_json::to_vec_pretty(&report)?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
        writeln!(out, "json           {}", path.display())?;
    }
    Ok(report.passes())
}

/// Those whose names contain one of these. All if there are none.
fn chosen<E>(actors: &[actor::Role<E>], names: &[String]) -> Vec<actor::Role<E>> {
    let is_chosen = |actor: &str| names.is_empty() || names.iter().any(|name| actor.contains(name));
    actors.iter().filter(|(actor, _)| is_chosen(actor)).copied().collect()
}

/// Watches until the time is up and all have come to an end, or until something does not add up.
fn mix(
    soak: &Soak,
    time: Duration,
    interrupt: &Interrupt,
    progress: &Progress,
    memory: &mut Memory,
    have_ended: impl Fn() -> bool,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut watch = Watch::new();
    let mut next_line = LINE;
    while !have_ended() && soak.faults().is_empty() {
        let passed = begin.elapsed();
        if passed >= time || interrupt.is_raised() {
            soak.end();
        } else {
            memory.look();
        }
        if let Some(where_all_are) = watch.look(soak) {
            bail!("seed {}: a hang: {where_all_are}", soak.seed);
        }
        progress.show(soak, passed, memory.last(), &mut next_line);
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// How far the run is: a bar on a terminal, else a line now and then.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn begin(time: Duration) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {elapsed} of {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(time.as_secs().max(1)).with_style(style);
        Self { bar }
    }

    fn show(&self, soak: &Soak, passed: Duration, resident: Option<u64>, next_line: &mut Duration) {
        let resident = bytesize::ByteSize::b(resident.unwrap_or(0));
        let text = format!(
            "{} s: {} tasks, {} executors, {resident}",
            self.bar.length().unwrap_or(0),
            soak.slots.taken(),
            soak.generations()
        );
        if self.bar.is_hidden() && passed >= *next_line {
            *next_line += LINE;
            eprintln!("{:.0} of {text}", passed.as_secs_f64());
        }
        self.bar.set_message(text);
        self.bar.set_position(passed.as_secs());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Builds one executor of each kind, has them run something, and watches them while they have nothing to do, and then when they have gone.
fn watch_idle(workers: usize, cores: &CpuSet, window: Duration) -> anyhow::Result<IdleCpu> {
    const LAST: Role = Role::new("soak.idle");
    let smp = SmpExecutor::builder().workers(workers).build()?;
    let amp = AmpExecutor::builder()
        .role(RoleConfig::new(LAST).cores(cores.iter()))
        .pin(PinPolicy::BestEffort)
        .build()?;
    let role = amp.role(LAST)?;
    let done = Arc::new(());
    for _ in 0..1000 {
        let (first, second) = (Arc::clone(&done), Arc::clone(&done));
        drop(smp.spawn(move || drop(first)));
        drop(role.spawn(move || drop(second))?);
    }
    while Arc::strong_count(&done) > 1 {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(SETTLE);
    let alive_percent = cpu_percent(window);
    drop(role);
    drop(smp);
    drop(amp);
    std::thread::sleep(SETTLE);
    let gone_percent = cpu_percent(window);
    Ok(IdleCpu { alive_percent, gone_percent, seconds: window.as_secs_f64() })
}

/// Thousands of panics are part of the mix.
fn say_nothing_of_planned_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Planned>() {
            before(info);
        }
    }));
}
