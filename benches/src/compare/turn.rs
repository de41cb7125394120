//! One turn: one layout runs one workload.

use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, PinPolicy};
use cpu_time::ProcessTime;
use executor_common::Spawn;
use executor_common::sync::Arc;
use smp_executor::SmpExecutor;

use super::feed::{Fed, Feeder};
use super::guest::Guest;
use super::interrupt::Interrupt;
use super::memory::{MemoryWatch, give_back};
use super::outcome::{Span, TurnOutcome};
use super::prepared::Prepared;
use super::program::{Overflow, Program};
use super::record::Recorder;
use super::summary;
use super::workload::{Executor, Layout};
use crate::peers::{Pool, Rayon, Tokio, Workers};

/// Threads have so long to get ready before the first request is due.
const SETTLE: Duration = Duration::from_millis(20);

/// What was sent has at least so long to end after the last request was due, and half the turn's time if that is more.
const GRACE: Duration = Duration::from_millis(250);

/// How long an executor has to end its tasks, all of which return at once.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// How often the main thread looks whether all is done.
const GLANCE: Duration = Duration::from_millis(2);

/// What a turn is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) layout: &'a Layout,
    pub(crate) round: usize,
    /// The rate of the classes that scale is multiplied by this.
    pub(crate) scale: f64,
    pub(crate) interrupt: &'a Interrupt,
}

/// What a turn gave.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) outcome: TurnOutcome,
    pub(crate) spans: Vec<Span>,
    /// Where the workers ran, as read back; a line each.
    pub(crate) placement: Vec<String>,
}

/// What was seen while a turn went on.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) fed: Vec<Fed>,
    /// When the turn was over, after its start.
    pub(crate) over_ns: u64,
    pub(crate) cpu: Duration,
    pub(crate) memory_growth_bytes: u64,
    pub(crate) worker_count: usize,
}

impl Turn<'_> {
    /// Takes it. Nothing if it was interrupted.
    pub(crate) fn take(self) -> anyhow::Result<Option<Taken>> {
        let workers = self.prepared.workers;
        let instants = self.prepared.instants(self.scale);
        // When requests are due is the measurement's own, and not what the turn adds.
        let memory = MemoryWatch::start();
        let mut placement = Vec::new();
        let seen = match &self.layout.executor {
            Executor::Smp => {
                let smp = SmpExecutor::builder().workers(workers).build()?;
                self.run(smp.handle(), workers, instants, memory, |_| {
                    drop(smp.shutdown_timeout(SHUTDOWN))
                })?
            }
            Executor::Amp(plan) => {
                let builder = AmpExecutor::builder().plan(plan.clone());
                let amp = builder.pin(PinPolicy::BestEffort).build()?;
                let workers = amp.placement().len();
                let seen = self.run(amp.handle(), workers, instants, memory, |_| {
                    // Before the workers end, so that it says where they were.
                    placement = amp.placement().iter().map(ToString::to_string).collect();
                    drop(amp.shutdown_timeout(SHUTDOWN));
                });
                seen?
            }
            Executor::Rayon => {
                let pool = Rayon::build(Workers::unpinned(workers))?;
                self.run(Guest::new(pool.downgrade()), workers, instants, memory, wait_for_all)?
            }
            Executor::Tokio => {
                let pool = Tokio::build(Workers::unpinned(workers))?;
                self.run(Guest::new(pool.handle()), workers, instants, memory, wait_for_all)?
            }
        };
        give_back();
        let Some(seen) = seen else { return Ok(None) };
        let (outcome, spans) = summary::summarise(&self, &seen)?;
        Ok(Some(Taken { outcome, spans, placement }))
    }

    /// `end` ends all tasks of the executor, which return at once by then, and releases who waits for room.
    fn run<E>(
        self,
        executor: E,
        worker_count: usize,
        instants: Vec<Vec<Duration>>,
        memory: MemoryWatch,
        end: impl FnOnce(&Program<E>),
    ) -> anyhow::Result<Option<Seen>>
    where
        E: Spawn + Clone + Send + Sync + 'static,
    {
        let workload = &self.prepared.workload;
        let time = workload.time;
        let classes = Arc::clone(&self.prepared.classes);
        let (overflow, overflowing): (Vec<_>, Vec<_>) =
            classes.iter().map(|_| crossbeam_channel::unbounded()).unzip();
        let start = Instant::now() + SETTLE;
        let program =
            Program::new(executor.clone(), classes, (start, time), workload.seed, overflow.clone());
        std::thread::scope(|scope| {
            for (class, _) in self.prepared.clients() {
                let (executor, overflowing) = (executor.clone(), overflowing[class].clone());
                let role = self.prepared.classes[class].role;
                scope.spawn(move || {
                    while let Ok(Overflow::Task(task)) = overflowing.recv() {
                        drop(executor.spawn_in(role, task));
                    }
                });
            }
            let feeders: Vec<ScopedJoinHandle<'_, anyhow::Result<Fed>>> = (0..)
                .zip(instants)
                .filter(|(_, instants)| !instants.is_empty())
                .map(|(class, instants)| {
                    let feeder = Feeder { class, instants, start, time };
                    let program = &program;
                    scope.spawn(move || feeder.run(program))
                })
                .collect();
            let mut memory = memory;
            std::thread::sleep(start.saturating_duration_since(Instant::now()));
            let cpu = ProcessTime::now();
            for (class, clients) in self.prepared.clients() {
                for _ in 0..clients {
                    program.send_of_client(class);
                }
            }
            let grace = GRACE.max(time / 2);
            while !self.interrupt.is_raised() && start.elapsed() < time + grace {
                let all_sent = feeders.iter().all(ScopedJoinHandle::is_finished);
                if all_sent && start.elapsed() >= time && program.live() == 0 {
                    break;
                }
                memory.look();
                std::thread::sleep(GLANCE);
            }
            program.end_now();
            let over_ns = program.now_ns();
            let cpu = cpu.elapsed();
            let recorder = Arc::clone(program.recorder());
            let memory_growth_bytes = memory.growth_bytes().saturating_sub(recorder.bytes());
            end(&program);
            for overflow in overflow {
                // Nobody receives where a class has no clients, or the thread has panicked, which the scope will tell.
                let _ = overflow.send(Overflow::End);
            }
            let fed = feeders.into_iter().map(|feeder| {
                feeder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            let fed = fed.collect::<anyhow::Result<Vec<Fed>>>()?;
            let seen = Seen { recorder, fed, over_ns, cpu, memory_growth_bytes, worker_count };
            Ok((!self.interrupt.is_raised()).then_some(seen))
        })
    }
}

/// Waits until all tasks of a pool that cannot be told to end have returned.
fn wait_for_all<E: Spawn + Send + Sync + 'static>(program: &Program<E>) {
    while program.live() > 0 {
        std::thread::sleep(GLANCE);
    }
}
