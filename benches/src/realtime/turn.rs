//! One turn: the task that comes at fixed instants, beside the load.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use executor_common::cpu::{CpuControl, SystemCpus, ThreadClass};
use serde::Serialize;

use super::contestant::Contestant;
use super::places::Places;
use super::ticks::{Lateness, Schedule};
use super::{by_hand, own_role, shared_pool};
use crate::rounds::Percentiles;
use crate::work::Work;

/// How often the task comes.
pub(crate) const PERIOD: Duration = Duration::from_millis(1);

/// How long the load has run before the first instant.
pub(crate) const SETTLE: Duration = Duration::from_millis(20);

/// How long runs that are late may still begin after the last period.
const GRACE: Duration = Duration::from_millis(100);

/// The priority of those under `SCHED_FIFO`.
pub(crate) const FIFO_PRIORITY: u8 = 50;

/// What one turn is to do.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) contestant: Contestant,
    /// What the task computes.
    pub(super) task: Work,
    /// What each task of the load computes.
    pub(super) load_task: Work,
    /// How long that takes.
    pub(super) load_time: Duration,
    /// How often the task comes.
    pub(super) ticks: usize,
    /// How long before a due time those who sleep begin to spin.
    pub(super) window: Duration,
    pub(super) places: Places,
}

/// What one turn gave.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Round {
    /// From the instant at which a run was due to its first instruction, in nanoseconds.
    pub(super) lateness_ns: Percentiles,
    /// Of that, what had passed when the feeder handed the run over, where there is a feeder.
    pub(super) fed_ns: Option<Percentiles>,
    /// How late the executor says that the runs were, where it measures that.
    pub(super) reported_p99_ns: Option<f64>,
    /// Runs that never began; the lateness counts them all the same.
    pub(super) missed: u64,
    /// Tasks of the load.
    pub(super) load_per_second: f64,
    /// The scheduling class of who runs the task, or of its feeder.
    pub(super) class: String,
}

impl Turn {
    /// Runs it, on a thread that ends with it.
    pub(super) fn run(&self) -> anyhow::Result<Round> {
        use crate::peers::Smp;
        match self.contestant {
            Contestant::Amp | Contestant::AmpFifo | Contestant::AmpSpin => own_role::run(self),
            Contestant::Thread | Contestant::ThreadFifo | Contestant::ThreadSpin => {
                by_hand::run(self)
            }
            Contestant::Smp => shared_pool::chains::<Smp>(self),
            Contestant::Rayon => shared_pool::rayon_loops(self),
            Contestant::RayonTasks => shared_pool::chains::<crate::peers::Rayon>(self),
            Contestant::Tokio => shared_pool::tokio_interval(self),
            Contestant::TokioFeeder => shared_pool::tokio_fed(self),
        }
    }

    /// Instants that begin shortly.
    pub(super) fn schedule(&self) -> Schedule {
        Schedule { start: Instant::now() + SETTLE, period: PERIOD, ticks: self.ticks }
    }

    /// What a turn has given.
    pub(super) fn round(&self, lateness: &Lateness, load: LoadSpeed, class: String) -> Round {
        Round {
            lateness_ns: Percentiles::of(&lateness.histogram),
            fed_ns: None,
            reported_p99_ns: None,
            missed: lateness.missed,
            load_per_second: load.tasks_per_second,
            class,
        }
    }
}

/// How many tasks of the load ran while the task came and went.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadSpeed {
    tasks_per_second: f64,
}

impl LoadSpeed {
    pub(super) fn of(tasks: u64, time: Duration) -> Self {
        Self { tasks_per_second: tasks as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE) }
    }
}

/// Waits until `due`: asleep, but for the last stretch, in which it spins.
pub(crate) fn wait_until(due: Instant, window: Duration) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        match left.checked_sub(window).filter(|sleep| !sleep.is_zero()) {
            Some(sleep) => std::thread::sleep(sleep),
            None => spin_loop(),
        }
    }
}

/// Waits until the last period is over, and then for runs that are late.
pub(super) fn wait_for_the_end(schedule: &Schedule, is_over: impl Fn() -> bool) {
    wait_until(schedule.end(), Duration::ZERO);
    let give_up = schedule.end() + GRACE;
    while !is_over() && Instant::now() < give_up {
        std::thread::sleep(PERIOD);
    }
}

/// Has the kernel wake the calling thread as soon as it can, and runs it under `SCHED_FIFO` if it lets us. Says what was granted.
pub(crate) fn hurry(fifo: bool) -> String {
    // Where there is no such thing there is no slack either.
    let _ = SystemCpus.set_timer_slack(Duration::from_nanos(1));
    if !fifo {
        return "normal".to_owned();
    }
    let asked = ThreadClass::Fifo(FIFO_PRIORITY);
    match SystemCpus.set_class(asked).and_then(|()| SystemCpus.class()) {
        Ok(class) if class == asked => format!("{class} granted"),
        Ok(class) => format!("{asked} REFUSED: {class}"),
        Err(error) => format!("{asked} REFUSED: {error}"),
    }
}
