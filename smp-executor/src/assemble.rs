//! A pool's parts, put together before any thread starts.

use std::iter;

use executor_common::sync::{Arc, Counter, LOOM, SHUTTLE, now};
use executor_common::{Reactor, WorkerCounters, WorkerParker};

use crate::fork::{Forks, Private};
use crate::local::Own;
use crate::queue::{Local, Order};
use crate::run_queue::RunQueue;
use crate::shared::{Remote, Settings, Shared};
use crate::sleep::Sleep;
use crate::spares::Spares;
use crate::worker::{Seat, Worker};

/// How many forks may be open at once on a stack of this size: more than fit, since no frame of a `join` is smaller than
/// this. Unused slots cost address space only.
pub(crate) fn fork_capacity(stack_size: Option<usize>) -> usize {
    const MIN_FRAME_BYTES: usize = 64;
    /// The standard library's, unless the environment says otherwise.
    const DEFAULT_STACK_BYTES: usize = 2 << 20;
    /// A stack of 64 MiB; deeper forks run serially.
    const MAX_FORKS: usize = 1 << 20;
    match (LOOM, SHUTTLE) {
        (true, _) => return 4,
        (_, true) => return 16,
        _ => {}
    }
    (stack_size.unwrap_or(DEFAULT_STACK_BYTES) / MIN_FRAME_BYTES).min(MAX_FORKS)
}

/// What a pool is made of, besides its workers.
pub(crate) struct Plan {
    /// How many workers may be blocked and have somebody stand in for them.
    pub(crate) spares: usize,
    /// How many forks each worker may have open.
    pub(crate) forks_each: usize,
    pub(crate) thread_name: String,
    pub(crate) stack_size: Option<usize>,
    /// Where idle workers wait.
    pub(crate) reactor: Option<std::sync::Arc<dyn Reactor>>,
    pub(crate) settings: Settings,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            spares: 0,
            forks_each: fork_capacity(None),
            thread_name: String::new(),
            stack_size: None,
            reactor: None,
            settings: Settings::default(),
        }
    }
}

/// The pool and its workers, before any thread. None if there is no memory for so many forks.
pub(crate) fn assemble(count: usize, plan: Plan) -> Option<(Arc<Shared>, Vec<Worker>)> {
    let epoch = now();
    let privates = iter::repeat_with(|| Private::new(plan.forks_each)).take(count + plan.spares);
    let privates: Vec<_> = privates.collect::<Option<_>>()?;
    let (seats, remotes): (Vec<_>, Vec<_>) = (0..)
        .zip(privates)
        .map(|(index, private)| {
            let (tasks, tasks_remote) = RunQueue::new();
            let forks = Forks::new(Local::new(Order::Lifo));
            let remote = Remote {
                tasks: tasks_remote,
                jobs: forks.stealer(),
                private,
                own: Own::new(),
                fork_unparker: forks.unparker(),
                counters: WorkerCounters::new(epoch),
                held: Counter::new(),
            };
            // Spares are given theirs when they begin.
            let parker = WorkerParker::new(plan.reactor.clone().filter(|_| index < count));
            (Seat { index, tasks, forks, parker }, remote)
        })
        .unzip();
    let sleep = Sleep::new(count, seats.iter().map(|seat| seat.parker.unparker()));
    let mut seats = seats.into_iter();
    let core: Vec<_> = seats.by_ref().take(count).collect();
    let spares = Spares::new(seats, plan.thread_name, plan.stack_size);
    let shared = Shared::new(count, remotes.into(), sleep, spares, plan.settings, epoch);
    let shared = Arc::new(shared);
    let workers = core.into_iter().map(|seat| Worker::new(seat, Arc::clone(&shared))).collect();
    Some((shared, workers))
}
