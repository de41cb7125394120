//! Pools whose workers run the load and the task alike.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use tokio::runtime::Builder;
use tokio::time::{Instant as TokioInstant, MissedTickBehavior, interval_at};

use super::load::{CHAINS_PER_WORKER, Load};
use super::ticks::{Marks, Schedule};
use super::turn::{LoadSpeed, Round, SETTLE, Turn, hurry, wait_for_the_end, wait_until};
use crate::peers::{Pool, Rayon, Tokio, Workers};
use crate::rounds::{Percentiles, new_histogram};

/// How long a parallel loop of [`rayon_loops`] takes if all workers take part.
const LOOP: Duration = Duration::from_millis(10);

impl Turn {
    /// Workers of a shared pool: one for each CPU, wherever the kernel puts them.
    fn workers(&self) -> Workers {
        let own = usize::from(!self.places.oversubscribed);
        Workers::unpinned(self.places.others.len() + own)
    }

    fn chains(&self) -> usize {
        CHAINS_PER_WORKER * self.workers().count
    }
}

/// A load of closures that spawn the next one, and a feeder.
pub(super) fn chains<P: Pool>(turn: &Turn) -> anyhow::Result<Round> {
    let pool = P::build(turn.workers())?;
    let load = Load::leak(turn.load_task, turn.chains());
    load.start_on(&pool, turn.chains());
    let round = feed(turn, &pool, load);
    load.stop();
    round
}

/// A load of futures that yield, which tokio serves better than closures that spawn the next one, and a feeder.
pub(super) fn tokio_fed(turn: &Turn) -> anyhow::Result<Round> {
    let pool = Tokio::build(turn.workers())?;
    let load = Load::leak(turn.load_task, turn.chains());
    load.start_yielding_on(&pool, turn.chains());
    let round = feed(turn, &pool, load);
    load.stop();
    round
}

/// A load of parallel loops, one after the other, each started from outside: between them the workers look for what else came from
/// outside. And a feeder.
pub(super) fn rayon_loops(turn: &Turn) -> anyhow::Result<Round> {
    let workers = turn.workers();
    let pool = Rayon::build(workers)?;
    let load = Load::leak(turn.load_task, 1);
    let of_a_loop = LOOP.as_nanos() / turn.load_time.as_nanos().max(1) * workers.count as u128;
    let of_a_loop = of_a_loop.max(1) as u64;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while load.goes_on() {
                let (done, wait) = mpsc::channel();
                pool.detach(move || {
                    (0..of_a_loop).into_par_iter().for_each(|_| load.compute());
                    let _ = done.send(());
                });
                // It can only fail where the loop has panicked.
                let _ = wait.recv();
            }
            load.chain_ends();
        });
        let round = feed(turn, &pool, load);
        load.stop();
        round
    })
}

/// A load of futures that yield, and a future that waits for tokio's interval.
///
/// tokio rounds up to whole milliseconds since its runtime was built. The instants are just before such ones: elsewhere each run would
/// come up to a millisecond later.
pub(super) fn tokio_interval(turn: &Turn) -> anyhow::Result<Round> {
    let start = Instant::now() + SETTLE;
    let runtime =
        Builder::new_multi_thread().worker_threads(turn.workers().count).enable_time().build()?;
    let load = Load::leak(turn.load_task, turn.chains());
    for _ in 0..turn.chains() {
        runtime.spawn(load.yielding_chain(tokio::task::yield_now));
    }
    let marks = Marks::leak(turn.ticks);
    let schedule = Schedule { start, ..turn.schedule() };
    let (task, ticks) = (turn.task, turn.ticks);
    let ticking = runtime.spawn(async move {
        let start = TokioInstant::from_std(schedule.start);
        let mut interval = interval_at(start, schedule.period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            // The instant that it was to be, not that at which it is.
            let due = interval.tick().await.into_std();
            let tick = schedule.tick_at(due);
            if tick >= ticks {
                return;
            }
            marks.begin(tick);
            task.compute();
        }
    });
    wait_until(schedule.start, Duration::ZERO);
    let (before, measured) = (load.tasks(), Instant::now());
    wait_for_the_end(&schedule, || ticking.is_finished());
    let speed = LoadSpeed::of(load.tasks() - before, measured.elapsed());
    let lateness = marks.lateness(&schedule)?;
    ticking.abort();
    load.stop();
    Ok(turn.round(&lateness, speed, "normal".to_owned()))
}

/// The calling thread is the feeder.
fn feed<P: Pool>(turn: &Turn, pool: &P, load: &'static Load) -> anyhow::Result<Round> {
    let marks = Marks::leak(turn.ticks);
    let mut fed = new_histogram()?;
    let class = format!("feeder {}", hurry(true));
    let schedule: Schedule = turn.schedule();
    let task = turn.task;
    wait_until(schedule.start, turn.window);
    let (before, measured) = (load.tasks(), Instant::now());
    // Whoever is late hands over what has become due at once: nothing is skipped, and nothing moves.
    for tick in 0..turn.ticks {
        wait_until(schedule.due(tick), turn.window);
        let late = Instant::now().saturating_duration_since(schedule.due(tick));
        fed.saturating_record(late.as_nanos() as u64);
        pool.detach(move || {
            marks.begin(tick);
            task.compute();
        });
    }
    wait_for_the_end(&schedule, || marks.runs() == turn.ticks);
    let speed = LoadSpeed::of(load.tasks() - before, measured.elapsed());
    let round = turn.round(&marks.lateness(&schedule)?, speed, class);
    Ok(Round { fed_ns: Some(Percentiles::of(&fed)), ..round })
}
