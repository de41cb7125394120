//! One turn: two roles, one of which has more to do than its cores can.

use std::fmt;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, PinPolicy, RoleConfig};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use executor_common::Role;
use serde::Serialize;

use crate::realtime::load::Load;
use crate::realtime::own_role::{Periodic, start};
use crate::realtime::places::Places;
use crate::realtime::ticks::Schedule;
use crate::realtime::turn::{PERIOD, SETTLE, wait_until};
use crate::rounds::Kind;
use crate::rounds::Percentiles;
use crate::work::Work;

const BUSY: Role = Role::new("busy");
const LENDER: Role = Role::new("lender");

/// Tasks that are queued or running at any time, for each core: whoever is idle finds some.
const CHAINS_PER_CORE: usize = 4;

/// Whether the idle role helps the busy one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Lending {
    /// Each role keeps to itself
    Off,
    /// The idle role takes single tasks of the busy one
    On,
}

impl Kind for Lending {
    const OURS: Self = Self::On;
}

impl fmt::Display for Lending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::On => "on",
        })
    }
}

/// What the role that lends has to do itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Lender {
    /// Nothing.
    Idle,
    /// A task each millisecond.
    Stream,
}

impl Lender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Stream => "stream",
        }
    }
}

/// What one turn is to do.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) lender: Lender,
    /// What a task of the lender's own stream computes.
    pub(super) own_task: Work,
    /// What a task of the busy role computes.
    pub(super) busy_task: Work,
    pub(super) time: Duration,
    pub(super) places: Places,
}

/// What one turn gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Round {
    /// The busy role's tasks, wherever they ran.
    pub(super) busy_per_second: f64,
    /// How late the lender's own tasks were, if it has any.
    pub(super) lateness_ns: Option<Percentiles>,
    /// The lender's own tasks that never began.
    pub(super) missed: u64,
    /// Tasks that the lender's workers ran for the busy role.
    pub(super) lent: u64,
    /// The busy role's tasks that others ran.
    pub(super) borrowed: u64,
}

impl Turn {
    pub(super) fn run(&self, lending: Lending) -> anyhow::Result<Round> {
        let places = &self.places;
        let chains = CHAINS_PER_CORE * (places.others.len() + 1);
        let mut lender = RoleConfig::new(LENDER);
        if lending == Lending::On {
            lender = lender.lend_to(BUSY);
        }
        // Twice the tasks that there are at any time: none is ever turned away.
        let busy = RoleConfig::new(BUSY).capacity(2 * chains);
        let executor = AmpExecutor::builder()
            .role(places.place(lender, [places.own]))
            .role(places.place(busy, places.others.iter()))
            .pin(PinPolicy::Require)
            .build()?;
        let load = Load::leak(self.busy_task, chains);
        start(load, Box::leak(Box::new(executor.role(BUSY)?)), chains);
        let ticks = (self.time.as_nanos() / PERIOD.as_nanos()) as usize;
        let schedule = Schedule { start: Instant::now() + SETTLE, period: PERIOD, ticks };
        let stream = match self.lender {
            Lender::Idle => None,
            Lender::Stream => {
                Some(Periodic::start(&executor.role(LENDER)?, self.own_task, schedule)?)
            }
        };
        wait_until(schedule.start, Duration::ZERO);
        let (before, measured) = (load.tasks(), Instant::now());
        wait_until(schedule.end(), Duration::ZERO);
        let busy_per_second = (load.tasks() - before) as f64 / measured.elapsed().as_secs_f64();
        let lateness = stream.map(Periodic::end).transpose()?;
        load.stop();
        let report = executor.shutdown();
        ensure!(report.is_clean(), "the executor's end: {report}");
        let metrics = executor.metrics();
        let of = |role| metrics.role(role).context("the metrics lack a role");
        let (lent, borrowed) = (of(LENDER)?.lent, of(BUSY)?.borrowed);
        ensure!(lent == borrowed, "{lent} tasks were lent, and {borrowed} borrowed");
        ensure!(lending == Lending::On || lent == 0, "{lent} tasks were lent, unasked");
        Ok(Round {
            busy_per_second,
            lateness_ns: lateness.as_ref().map(|late| Percentiles::of(&late.histogram)),
            missed: lateness.map_or(0, |late| late.missed),
            lent,
            borrowed,
        })
    }
}
