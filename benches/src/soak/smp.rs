//! SMP executors, one after the other.

mod closures;
mod futures;

use std::sync::Weak;
use std::time::{Duration, Instant};

use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicU64, Ordering};
use executor_common::{ExecutorMetrics, ShutdownReport, WorkerMetrics};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use smp_executor::{SmpExecutor, SmpHandle, current_worker};

use super::account::{Account, Sums};
use super::actor::{Crew, Role, generator};
use super::audit::{Ending, Gate, comes_true, settled};
use super::state::{Soak, Station};
use super::task::{Maker, Pending, Taken};

/// All that is done with an executor.
pub(super) const ACTORS: &[Role<Smp>] = &[
    ("smp spawn", closures::spawn),
    ("smp nested", closures::nested),
    ("smp join tree", closures::join_tree),
    ("smp scope", closures::scope),
    ("smp loops", closures::loops),
    ("smp priorities", closures::priorities),
    ("smp admission", closures::admission),
    ("smp broadcast", closures::broadcast),
    ("smp blocking", closures::block),
    ("smp JoinSet", futures::join_set),
    ("smp futures", futures::futures),
    ("smp cancellation", futures::cancellation),
    ("smp local", futures::local),
];

/// What the actors have of an executor.
#[derive(Debug)]
pub(super) struct Smp {
    handle: SmpHandle,
    /// Whoever is the last to use it drops it.
    executor: Weak<SmpExecutor>,
    book: &'static Account,
    cancels_scopes: bool,
}

impl Smp {
    /// Nothing if the executor has been dropped.
    fn with<R>(&self, f: impl FnOnce(&SmpExecutor) -> R) -> Option<R> {
        let executor = self.executor.upgrade()?;
        Some(f(&executor))
    }

    /// A closure that has no slot has begun: a worker will count it, unless the calling thread runs it for want of workers, and the task
    /// has perhaps been cancelled.
    fn count_if_on_worker(&self) {
        if current_worker().is_some() {
            self.book.add_extra(1);
        } else {
            self.book.add_loose(1);
        }
    }

    /// A scope waits for its tasks itself, and has no handles for them.
    fn let_scope_have(&self, pending: Pending, cancels: bool) {
        self.book.add_in_place(1);
        if cancels {
            pending.detach_loose();
        } else {
            pending.detach();
        }
    }
}

/// What an executor's metrics say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    done: u64,
    cancelled: u64,
    panics: u64,
}

impl Counts {
    fn of(metrics: &ExecutorMetrics) -> Self {
        let sum = |of: fn(&WorkerMetrics) -> u64| metrics.workers.iter().map(of).sum();
        Self {
            done: sum(|worker| worker.completed + worker.claimed),
            cancelled: sum(|worker| worker.cancelled),
            panics: sum(|worker| worker.panics),
        }
    }
}

/// Builds executors, lets actors work with them, and ends them, until the program comes to its end.
pub(super) fn drive(soak: &'static Soak, workers: usize, actors: &[Role<Smp>]) {
    let station = soak.station("smp executors".to_owned());
    while !soak.is_over() && !actors.is_empty() {
        let number = soak.next_generation();
        let rng = generator(soak.seed, "smp executor", number);
        Generation { soak, station: &station, number, rng }.run(workers, actors);
    }
    soak.leave(&station);
}

/// One executor, from its beginning to its end.
struct Generation<'a> {
    soak: &'static Soak,
    station: &'a Station,
    number: u64,
    rng: Pcg64Mcg,
}

impl Generation<'_> {
    fn run(mut self, workers: usize, actors: &[Role<Smp>]) {
        self.station.at("builds an executor");
        let hooked = Arc::new(AtomicU64::new(0));
        let executor = match self.build(workers, &hooked) {
            Ok(executor) => Arc::new(executor),
            Err(error) => return self.soak.fault(format!("{}: {error}", self.name())),
        };
        let book = self.soak.book();
        let handle = executor.handle();
        let smp = Arc::new(Smp {
            handle: handle.clone(),
            executor: Arc::downgrade(&executor),
            book,
            cancels_scopes: self.rng.random_bool(0.5),
        });
        let chosen: Vec<_> = actors
            .iter()
            .filter(|_| actors.len() < 4 || self.rng.random_bool(0.8))
            .copied()
            .collect();
        let crew = Crew::hire(self.soak, self.number, chosen, &smp);
        self.live();

        let ending = Ending::random(&mut self.rng);
        let before = Counts::of(&handle.metrics());
        let mut crew = Some(crew);
        self.station.at("ends an executor");
        let report = match ending {
            Ending::Shutdown => Some(executor.shutdown()),
            Ending::Timeout(time) => Some(executor.shutdown_timeout(time)),
            Ending::Drop => None,
            Ending::Quiet => {
                self.station.at("waits for the actors");
                if let Some(crew) = crew.take() {
                    crew.dismiss();
                }
                self.end_quietly(&executor, book)
            }
        };
        // After a shutdown nothing is left to end. Else this is it, or the last actor that uses the executor does it.
        self.station.at("drops an executor");
        drop(executor);
        if let Some(crew) = crew {
            std::thread::sleep(Duration::from_micros(self.rng.random_range(0..3000)));
            self.station.at("waits for the actors");
            crew.dismiss();
        }
        drop(smp);
        if settled(self.soak, self.station, &[book]) {
            let hooked = hooked.load(Ordering::Relaxed);
            self.audit(&handle, book, ending, before, report.as_ref(), hooked);
            self.soak.close_book(book);
        }
    }

    fn name(&self) -> String {
        format!("smp executor {}", self.number)
    }

    fn build(
        &mut self,
        workers: usize,
        hooked: &Arc<AtomicU64>,
    ) -> Result<SmpExecutor, smp_executor::BuildError> {
        let hooked = Arc::clone(hooked);
        let rng = &mut self.rng;
        let mut builder = SmpExecutor::builder()
            .workers(workers)
            .thread_name("soak-smp")
            .measure_delays(rng.random_bool(0.1))
            .on_panic(move |_| {
                hooked.fetch_add(1, Ordering::Relaxed);
            });
        if rng.random_bool(0.5) {
            builder = builder.injector_limit(rng.random_range(16..512));
        }
        if rng.random_bool(0.3) {
            builder = builder.max_compensating_threads(rng.random_range(0..8));
        }
        builder.build()
    }

    /// Some seconds, with the actors at work.
    fn live(&mut self) {
        self.station.at("lets an executor live");
        let until = Instant::now() + Duration::from_millis(self.rng.random_range(200..4000));
        while Instant::now() < until && !self.soak.is_over() && self.soak.faults().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All workers are held, so many tasks are queued, and the shutdown begins: it has to report exactly these.
    fn end_quietly(
        &mut self,
        executor: &SmpExecutor,
        book: &'static Account,
    ) -> Option<ShutdownReport> {
        if !settled(self.soak, self.station, &[book]) {
            return None;
        }
        if book.sums().loose == 0 {
            comes_true(self.soak, self.station, &self.name(), || {
                let (sums, counts) = (book.sums(), Counts::of(&executor.metrics()));
                let is_same =
                    counts.done == sums.done() + sums.extra && counts.cancelled == sums.cancelled;
                is_same.then_some(()).ok_or_else(|| format!("idle: {counts:?}, {sums:?}"))
            });
        }
        let done = book.sums().done();
        self.station.at("fills an executor's queues");
        let mut make =
            Maker::new(self.soak, "smp quiet end", generator(self.soak.seed, "quiet", self.number));
        let gate = Gate::default();
        let mut taken = Vec::new();
        let queued = make.rng.random_range(0..12);
        for _ in 0..executor.workers() + queued {
            let (work, pending) = make.closure(book);
            let gate = gate.clone();
            let handle = executor.spawn(move || {
                gate.pass();
                work.run()
            });
            taken.push(Taken { pending, handle });
        }
        let handle = executor.handle();
        self.station.at("ends an idle executor with tasks in its queues");
        let (report, more) = std::thread::scope(|scope| {
            let opens = scope.spawn(|| {
                let mut more = Vec::new();
                loop {
                    let (work, pending) = make.closure(book);
                    let held = gate.clone();
                    let spawned = handle.try_spawn(move || {
                        held.pass();
                        work.run()
                    });
                    match spawned {
                        Ok(handle) => more.push(Taken { pending, handle }),
                        Err(error) => {
                            let is_closed = error.is_closed();
                            drop(error.into_inner());
                            pending.refused();
                            if is_closed {
                                break;
                            }
                        }
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
                gate.open();
                more
            });
            let report = executor.shutdown();
            (report, opens.join())
        });
        match more {
            Ok(more) => taken.extend(more),
            Err(_) => self.soak.fault(format!("{}: the thread at the gate panicked", self.name())),
        }
        taken.into_iter().for_each(Taken::join);
        // One that came at the very moment of the end may have been accepted and cancelled.
        let expected = book.sums().done() - done;
        if book.sums().loose == 0 && (report.ran != expected || report.still_running != 0) {
            self.soak.fault(format!("{}: {report}, and {expected} have run", self.name()));
        }
        Some(report)
    }

    fn audit(
        &self,
        handle: &SmpHandle,
        book: &'static Account,
        ending: Ending,
        before: Counts,
        report: Option<&ShutdownReport>,
        hooked: u64,
    ) {
        let who = format!("{}, ended by {ending:?}", self.name());
        comes_true(self.soak, self.station, &who, || {
            let (counts, sums) = (Counts::of(&handle.metrics()), book.sums());
            match difference(ending, before, counts, &sums, report, hooked) {
                None => Ok(()),
                Some(what) => Err(format!(
                    "{what} ({counts:?} after {before:?}; {sums:?}; {report:?}; {hooked} hooked)"
                )),
            }
        });
    }
}

/// What does not add up.
fn difference(
    ending: Ending,
    before: Counts,
    counts: Counts,
    sums: &Sums,
    report: Option<&ShutdownReport>,
    hooked: u64,
) -> Option<&'static str> {
    let done = sums.done() + sums.extra;
    let report_is = |wrong: fn(&ShutdownReport, Counts, Counts, &Sums) -> bool| {
        report.is_some_and(|report| wrong(report, before, counts, sums))
    };
    let rules = [
        (counts.done > done + sums.loose, "it counted more tasks done than there were"),
        (ending.runs_all() && counts.done < done, "it counted fewer tasks done than there were"),
        // What a wait has run in place leaves an entry behind, which a worker counts, unless it is stopped before.
        (counts.done + sums.in_place < done, "it counted fewer tasks done than workers ran"),
        (counts.cancelled > sums.cancelled + sums.loose, "it cancelled more tasks than there were"),
        (counts.panics > sums.panicked + sums.extra, "it counted more panics than there were"),
        (hooked > sums.panicked + sums.cancelled, "its hook heard of more panics than there were"),
        (
            report_is(|report, before, after, _| report.ran > after.done - before.done),
            "the report has more tasks than ran since",
        ),
        (
            report_is(|report, _, _, sums| report.cancelled > sums.cancelled + sums.loose),
            "the report has more cancelled tasks than there were",
        ),
        (
            ending.runs_all() && report_is(|report, _, _, _| report.still_running > 0),
            "a shutdown without a limit reports running tasks",
        ),
    ];
    rules.into_iter().find_map(|(is_wrong, what)| is_wrong.then_some(what))
}
