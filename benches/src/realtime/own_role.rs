//! A role of its own on one core, beside a role that has the other cores.

use std::time::{Duration, Instant};

use amp_executor::{
    AmpExecutor, IdlePolicy, MissedPeriods, PeriodicHandle, PinPolicy, RoleConfig, RoleHandle,
    SchedClass,
};
use anyhow::{Context, anyhow};
use executor_common::Role;

use super::load::{CHAINS_PER_WORKER, Load};
use super::ticks::{Lateness, Marks, Schedule};
use super::turn::{FIFO_PRIORITY, LoadSpeed, Round, Turn, wait_for_the_end, wait_until};
use crate::work::Work;

const REALTIME: Role = Role::new("realtime");
const COMPUTE: Role = Role::new("compute");

pub(super) fn run(turn: &Turn) -> anyhow::Result<Round> {
    let waits = turn.contestant.waits().context("it has a core of its own")?;
    let places = &turn.places;
    let chains = CHAINS_PER_WORKER * places.others.len();
    let mut realtime = RoleConfig::new(REALTIME).spin_window(turn.window);
    if waits.fifo {
        realtime = realtime.sched(SchedClass::Fifo(FIFO_PRIORITY));
    }
    if waits.spins {
        realtime = realtime.idle(IdlePolicy::Spin);
    }
    // Twice the tasks that there are at any time: none is ever turned away.
    let compute = RoleConfig::new(COMPUTE).capacity(2 * chains);
    let executor = AmpExecutor::builder()
        .role(places.place(realtime, [places.own]))
        .role(places.place(compute, places.others.iter()))
        .pin(PinPolicy::Require)
        .build()?;
    let load = Load::leak(turn.load_task, chains);
    start(load, Box::leak(Box::new(executor.role(COMPUTE)?)), chains);
    let schedule = turn.schedule();
    let periodic = Periodic::start(&executor.role(REALTIME)?, turn.task, schedule)?;
    wait_until(schedule.start, Duration::ZERO);
    let (before, measured) = (load.tasks(), Instant::now());
    wait_until(schedule.end(), Duration::ZERO);
    let speed = LoadSpeed::of(load.tasks() - before, measured.elapsed());
    let reported = periodic.handle.lateness();
    let lateness = periodic.end()?;
    load.stop();
    let placed = executor.placement().into_iter().find(|worker| worker.role == REALTIME);
    let placed = placed.context("the placement lacks the role")?;
    let class = match waits.fifo {
        false => placed.sched.to_string(),
        true => format!("{} {}", placed.sched, placed.sched_granted),
    };
    let round = turn.round(&lateness, speed, class);
    Ok(Round { reported_p99_ns: Some(reported.p99.as_nanos() as f64), ..round })
}

/// A task of a role that comes at fixed instants, and says when it begins.
#[derive(Debug)]
pub(crate) struct Periodic {
    handle: PeriodicHandle,
    schedule: Schedule,
    marks: &'static Marks,
}

impl Periodic {
    /// Lets it come; no earlier than the first instant, until [`Periodic::end`].
    pub(crate) fn start(role: &RoleHandle, task: Work, schedule: Schedule) -> anyhow::Result<Self> {
        let marks = Marks::leak(schedule.ticks);
        let run = move || {
            marks.begin_next();
            task.compute();
        };
        let handle = role
            .spawn_every_from(schedule.start, schedule.period, MissedPeriods::Skip, run)
            .map_err(|error| anyhow!("{error}"))?;
        Ok(Self { handle, schedule, marks })
    }

    /// Ends it once all its runs have begun or been missed. How late they were.
    pub(crate) fn end(self) -> anyhow::Result<Lateness> {
        let Self { handle, schedule, marks } = self;
        wait_for_the_end(&schedule, || {
            marks.runs() as u64 + handle.missed() >= schedule.ticks as u64
        });
        let missed = handle.missed();
        handle.stop();
        handle.join()?;
        let lateness = marks.lateness_as_they_came(&schedule)?;
        // A run that begins after its period is over looks like the one after it, but is not missed.
        Ok(Lateness { missed: lateness.missed.min(missed), ..lateness })
    }
}

/// Starts so many chains of closures on a role.
pub(crate) fn start(load: &'static Load, role: &'static RoleHandle, chains: usize) {
    for _ in 0..chains {
        queue(load, role);
    }
}

/// Queues the next task of a chain. Where the role takes it no more, the chain ends.
fn queue(load: &'static Load, role: &'static RoleHandle) {
    let queued = role.try_spawn(move || {
        load.compute();
        if load.goes_on() { queue(load, role) } else { load.chain_ends() }
    });
    if queued.is_err() {
        load.chain_ends();
    }
}
