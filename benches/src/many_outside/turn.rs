//! The threads, and what they count.

use std::panic::resume_unwind;
use std::sync::Barrier;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use crate::peers::{Countdown, Measurement, Pool, Workers};
use crate::rounds::Spread;

/// Tasks that a thread waits for before it goes on, in [`Program::Time`].
const BATCH: u64 = 64;

/// What each thread does; see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Program {
    /// So many tasks.
    Count(u64),
    /// For so long.
    Time(Duration),
}

impl Program {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Time(_) => "time",
        }
    }
}

/// One turn of a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) program: Program,
    pub(super) threads: usize,
    pub(super) workers: Workers,
}

/// What one turn gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Outcome {
    /// Of all threads together.
    pub(super) tasks_per_second: f64,
    /// Of the threads: seconds until their tasks had run, or numbers of tasks.
    pub(super) min: f64,
    pub(super) mean: f64,
    pub(super) max: f64,
    /// How many times worse than the mean the worst thread fared.
    pub(super) behind: f64,
}

/// What one thread counts.
#[derive(Clone, Copy, Debug)]
struct Counted {
    tasks: u64,
    begun: Instant,
    ended: Instant,
}

impl Measurement for Turn {
    type Output = anyhow::Result<Outcome>;

    fn of<P: Pool>(self) -> anyhow::Result<Outcome> {
        let pool = P::build(self.workers)?;
        let lefts: Vec<_> = (0..self.threads).map(|_| Countdown::leak()).collect();
        let ready = Barrier::new(self.threads);
        let counted: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = lefts
                .iter()
                .map(|left| scope.spawn(|| thread(&pool, self.program, left, &ready)))
                .collect();
            let join = |thread: ScopedJoinHandle<'_, Counted>| match thread.join() {
                Ok(counted) => counted,
                Err(payload) => resume_unwind(payload),
            };
            threads.into_iter().map(join).collect()
        });
        // No task is left that could report once more.
        drop(pool);
        let over = lefts.iter().all(|left| left.is_over());
        ensure!(over, "{}: a task has run more than once", P::KIND);
        Ok(self.outcome(&counted))
    }
}

impl Turn {
    fn outcome(self, counted: &[Counted]) -> Outcome {
        // When the first one could begin.
        let begun = counted.iter().map(|each| each.begun).min();
        let seconds = |each: &Counted| {
            begun.map_or(0.0, |begun| each.ended.duration_since(begun).as_secs_f64())
        };
        let of_thread = |each: &Counted| match self.program {
            Program::Count(_) => seconds(each),
            Program::Time(_) => each.tasks as f64,
        };
        let values = || counted.iter().map(of_thread);
        let mean = values().sum::<f64>() / counted.len() as f64;
        let spread = Spread::of(values());
        let (min, max) = spread.map_or((mean, mean), |spread| (spread.min, spread.max));
        let tasks: u64 = counted.iter().map(|each| each.tasks).sum();
        let wall = counted.iter().map(seconds).fold(0.0, f64::max);
        let behind = match self.program {
            Program::Count(_) => max / mean,
            Program::Time(_) => mean / min,
        };
        Outcome { tasks_per_second: tasks as f64 / wall, min, mean, max, behind }
    }
}

/// One of the threads. They begin together, each after `ready`.
fn thread<P: Pool>(
    pool: &P,
    program: Program,
    left: &'static Countdown,
    ready: &Barrier,
) -> Counted {
    let spawn = |tasks: u64| {
        left.set(tasks as usize);
        for _ in 0..tasks {
            pool.detach(|| left.done());
        }
        left.wait();
    };
    ready.wait();
    let begun = Instant::now();
    let mut spawned = 0;
    match program {
        Program::Count(tasks) => {
            spawn(tasks);
            spawned = tasks;
        }
        Program::Time(time) => {
            while begun.elapsed() < time {
                spawn(BATCH);
                spawned += BATCH;
            }
        }
    }
    Counted { tasks: spawned, begun, ended: Instant::now() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(program: Program, of_threads: &[(u64, u64)]) -> Outcome {
        let begun = Instant::now();
        let counted = |(tasks, seconds): &(u64, u64)| Counted {
            tasks: *tasks,
            begun,
            ended: begun + Duration::from_secs(*seconds),
        };
        let counted: Vec<_> = of_threads.iter().map(counted).collect();
        Turn { program, threads: counted.len(), workers: Workers::unpinned(1) }.outcome(&counted)
    }

    #[test]
    fn with_a_fixed_count_the_longest_time_is_behind() {
        let all = outcome(Program::Count(10), &[(10, 1), (10, 1), (10, 4)]);
        assert_eq!((all.min, all.mean, all.max, all.behind), (1.0, 2.0, 4.0, 2.0));
        assert_eq!(all.tasks_per_second, 7.5);
    }

    #[test]
    fn with_a_fixed_time_the_smallest_number_is_behind() {
        let all = outcome(Program::Time(Duration::ZERO), &[(1, 2), (5, 2), (6, 2)]);
        assert_eq!((all.min, all.mean, all.max, all.behind), (1.0, 4.0, 6.0, 4.0));
        assert_eq!(all.tasks_per_second, 6.0);
    }
}
