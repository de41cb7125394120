//! One turn: more tasks than a role can run.

use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, PinPolicy, RoleConfig, RoleHandle};
use anyhow::{anyhow, ensure};
use clap::ValueEnum;
use executor_common::cpu::{CpuControl, SystemCpus};
use executor_common::{Role, TrySpawnError};
use serde::Serialize;

use super::account::{Account, Executors, Fates};
use crate::realtime::places::Places;
use crate::realtime::turn::wait_until;
use crate::resident::resident_bytes;
use crate::rounds::Percentiles;
use crate::work::Work;

const WORK: Role = Role::new("work");

/// How often the depth is looked at.
const DEPTH_PERIOD: Duration = Duration::from_millis(1);

/// How often the memory is looked at, which takes longer.
const MEMORY_PERIOD: Duration = Duration::from_millis(100);

/// What is left when the load stops is gone by then, or never will be.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an executor that has been shut down counts is complete by then.
const SETTLED: Duration = Duration::from_secs(2);

/// What becomes of tasks that find no room, or wait too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// A full channel hands tasks back
    Refuse,
    /// The same, and tasks have a time to live
    Expire,
    /// A full channel hands tasks back, and in the end what is queued is cancelled
    Cancel,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Refuse, Self::Expire, Self::Cancel];

    /// As the table writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Expire => "expire",
            Self::Cancel => "cancel",
        }
    }
}

/// What one turn is to do.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) variant: Variant,
    /// What a task computes.
    pub(super) task: Work,
    /// How many tasks are offered, of what the role can run.
    pub(super) factor: f64,
    pub(super) time: Duration,
    pub(super) capacity: usize,
    pub(super) time_to_live: Duration,
    pub(super) places: Places,
}

/// What one turn gave.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Round {
    /// What the role runs if it never waits for a task.
    pub(super) capacity_per_second: f64,
    pub(super) offered_per_second: f64,
    /// What it ran while there were too many.
    pub(super) ran_per_second: f64,
    pub(super) account: Account,
    /// What does not add up; nothing should.
    pub(super) violations: Vec<String>,
    pub(super) depth_mean: f64,
    pub(super) depth_max: usize,
    pub(super) depth_at_stop: usize,
    /// From the instant at which a task was to be offered to its first instruction.
    pub(super) waits_ns: Percentiles,
    pub(super) resident_start: Option<u64>,
    pub(super) resident_peak: Option<u64>,
    pub(super) resident_end: Option<u64>,
    /// From the end of the load until nothing waited, or until everything was cancelled.
    pub(super) recovery_seconds: f64,
}

impl Turn {
    /// Runs it. The calling thread offers the tasks, and ends with the turn.
    pub(super) fn run(&self) -> anyhow::Result<Round> {
        let places = &self.places;
        let build = || {
            let work = RoleConfig::new(WORK).capacity(self.capacity);
            let work = places.place(work, [places.own]);
            AmpExecutor::builder().role(work).pin(PinPolicy::Require).build()
        };
        let capacity_per_second = capacity(&build()?.role(WORK)?, self.task)?;

        let executor = build()?;
        // The worker has the other one.
        let here = places.others.iter().next().unwrap_or(places.own);
        SystemCpus.pin(here)?;
        let role = executor.role(WORK)?;
        let role = match self.variant {
            Variant::Expire => role.with_time_to_live(self.time_to_live),
            Variant::Refuse | Variant::Cancel => role,
        };
        let fates = Fates::leak()?;
        let per_second = capacity_per_second * self.factor;
        let mut offer = Offer::new(self, &role, fates, per_second)?;
        let resident_start = resident_bytes();
        let took = offer.run()?;
        let Offer { account, depths, resident_peak, .. } = offer;
        let ran = fates.ran();

        let stopped = Instant::now();
        let depth_at_stop = role.depth();
        match self.variant {
            Variant::Refuse | Variant::Expire => {
                while role.depth() > 0 {
                    ensure!(stopped.elapsed() < PATIENCE, "{} tasks still wait", role.depth());
                    std::hint::spin_loop();
                }
            }
            Variant::Cancel => {
                // What was cancelled is accounted for below.
                let _ = executor.shutdown_timeout(Duration::ZERO);
            }
        }
        let recovery = stopped.elapsed();
        let _ = executor.shutdown();
        // What ran when everything else was cancelled may take a moment longer.
        let account = settle(account, fates, || Executors::of(&executor.metrics(), WORK))?;
        Ok(Round {
            capacity_per_second,
            offered_per_second: account.offered as f64 / took.as_secs_f64(),
            ran_per_second: ran as f64 / took.as_secs_f64(),
            violations: account.violations(),
            account,
            depth_mean: depths.mean(),
            depth_max: depths.max,
            depth_at_stop,
            waits_ns: fates.waits(),
            resident_start,
            resident_peak: resident_peak.max(resident_start),
            resident_end: resident_bytes(),
            recovery_seconds: recovery.as_secs_f64(),
        })
    }
}

/// How many tasks a role runs in a second if it never waits for one.
fn capacity(role: &RoleHandle, task: Work) -> anyhow::Result<f64> {
    let time = Duration::from_millis(200);
    let spawn = || role.spawn(move || task.compute());
    // Its queue is full from then on.
    for _ in 0..role.capacity() {
        drop(spawn()?);
    }
    let mut tasks = 0_u64;
    let start = Instant::now();
    while start.elapsed() < time {
        // Waits for room: one task has been taken out for each that comes in.
        drop(spawn()?);
        tasks += 1;
    }
    Ok(tasks as f64 / start.elapsed().as_secs_f64())
}

/// The tasks' source: each is due at an instant of its own, which nothing moves.
struct Offer<'a> {
    turn: &'a Turn,
    role: &'a RoleHandle,
    fates: &'static Fates,
    interval: Duration,
    account: Account,
    depths: Depths,
    resident_peak: Option<u64>,
}

/// What was seen of the queue.
#[derive(Clone, Copy, Debug, Default)]
struct Depths {
    looks: u64,
    sum: u64,
    max: usize,
}

impl Depths {
    fn look(&mut self, depth: usize) {
        self.looks += 1;
        self.sum += depth as u64;
        self.max = self.max.max(depth);
    }

    fn mean(self) -> f64 {
        self.sum as f64 / self.looks.max(1) as f64
    }
}

impl<'a> Offer<'a> {
    fn new(
        turn: &'a Turn,
        role: &'a RoleHandle,
        fates: &'static Fates,
        per_second: f64,
    ) -> anyhow::Result<Self> {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or_default();
        ensure!(!interval.is_zero(), "the role ran no task, or too many to count");
        let (account, depths) = (Account::default(), Depths::default());
        Ok(Self { turn, role, fates, interval, account, depths, resident_peak: None })
    }

    /// Offers tasks until the time is over; how long that took.
    fn run(&mut self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let end = start + self.turn.time;
        let (mut next_depth, mut next_memory) = (start, start);
        let mut due = start;
        while due < end {
            wait_until(due, Duration::MAX);
            self.offer(due)?;
            due += self.interval;
            let now = Instant::now();
            if now >= next_depth {
                self.depths.look(self.role.depth());
                next_depth += DEPTH_PERIOD;
            }
            if now >= next_memory {
                self.resident_peak = self.resident_peak.max(resident_bytes());
                next_memory += MEMORY_PERIOD;
            }
        }
        Ok(start.elapsed())
    }

    /// One task, which was due at `due`, whenever it is now.
    fn offer(&mut self, due: Instant) -> anyhow::Result<()> {
        self.account.offered += 1;
        let mut fate = self.fates.new_task();
        let task = self.turn.task;
        let offered = self.role.try_spawn(move || {
            fate.begin(due.elapsed().as_nanos() as u64);
            task.compute();
        });
        match offered {
            Ok(_detached) => self.account.accepted += 1,
            Err(TrySpawnError::Full(_)) => self.account.refused_full += 1,
            Err(TrySpawnError::Closed(_)) => self.account.refused_closed += 1,
            Err(error) => return Err(anyhow!("{error}")),
        }
        Ok(())
    }
}

/// Fills in what became of the tasks, once all of them have come to their end and the executor has counted them.
fn settle(
    account: Account,
    fates: &Fates,
    executors: impl Fn() -> anyhow::Result<Executors>,
) -> anyhow::Result<Account> {
    let give_up = Instant::now() + SETTLED;
    let refused = account.refused_full + account.refused_closed;
    loop {
        // Those that were handed back were dropped unrun too.
        let dropped = fates.dropped().saturating_sub(refused);
        let settled = Account { ran: fates.ran(), dropped, executor: executors()?, ..account };
        if settled.violations().is_empty() || Instant::now() >= give_up {
            return Ok(settled);
        }
        std::thread::sleep(DEPTH_PERIOD);
    }
}
