//! A pinned thread by hand, beside a pool by hand that has the other CPUs.

use std::time::Instant;

use anyhow::{Context, ensure};
use executor_common::cpu::{CpuControl, SystemCpus};

use super::load::{CHAINS_PER_WORKER, Load};
use super::ticks::Marks;
use super::turn::{LoadSpeed, Round, Turn, hurry, wait_until};
use crate::peers::{ChannelPool, Pool, Workers};

/// The calling thread is the one.
pub(super) fn run(turn: &Turn) -> anyhow::Result<Round> {
    let waits = turn.contestant.waits().context("it has a core of its own")?;
    let workers = Workers { count: turn.places.others.len(), pinned: true };
    // Before this thread is pinned: its workers are put on the CPUs that it may use, in order, and ours is the last one.
    let pool = ChannelPool::build(workers)?;
    let chains = CHAINS_PER_WORKER * workers.count;
    let load = Load::leak(turn.load_task, chains);
    load.start_on(&pool, chains);
    let marks = Marks::leak(turn.ticks);
    SystemCpus.pin(turn.places.own)?;
    let mask = SystemCpus.allowed()?;
    ensure!(mask.iter().eq([turn.places.own]), "the mask in force is {mask}");
    let class = hurry(waits.fifo);
    let schedule = turn.schedule();
    let window = waits.window(turn.window);

    wait_until(schedule.start, window);
    let (before, measured) = (load.tasks(), Instant::now());
    let mut tick = 0;
    while tick < turn.ticks {
        wait_until(schedule.due(tick), window);
        marks.begin(tick);
        turn.task.compute();
        // Whole periods that have passed meanwhile are left out.
        tick = schedule.tick_at(Instant::now()).max(tick + 1);
    }
    let speed = LoadSpeed::of(load.tasks() - before, measured.elapsed());
    load.stop();
    Ok(turn.round(&marks.lateness(&schedule)?, speed, class))
}
