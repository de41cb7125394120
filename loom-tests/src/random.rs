//! Runs a program under random schedules, each of which a seed brings back.
//!
//! A seed decides everything: which thread goes on at each operation of `executor_common::sync`, when a timed wait ends, and
//! what [`pick`] and [`chance`] choose. Half of a seed's executions choose among the threads evenly, the others by
//! PCT (Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs", 2010), which lets one
//! thread run for long and leaves it at few moments.

use std::cell::RefCell;
use std::env;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::ops::Range;
use std::panic;
use std::process;
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{
    PctScheduler, RandomScheduler, Schedule, Scheduler, Task as Thread, TaskId as ThreadId,
};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

/// The first seed; the others follow it. A random one unless it is set.
const SEED: &str = "SHUTTLE_SEED";

/// How many seeds each test runs: [`USUAL_ITERATIONS`] unless it is set, or one if the seed is.
const ITERATIONS: &str = "SHUTTLE_ITERATIONS";

const USUAL_ITERATIONS: u64 = 1_000;

/// Executions of one seed for each of the two schedulers. PCT's first one only counts the steps.
const EXECUTIONS: usize = 3;

/// How often PCT leaves a thread that could go on, plus one.
const PCT_DEPTH: usize = 4;

/// Steps of one execution: far more than any program here needs, so that only an endless loop reaches it.
const MAX_STEPS: usize = 2_000_000;

/// For one step.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of each thread, in bytes.
const STACK: usize = 1 << 18;

std::thread_local! {
    /// What the calling thread runs. The program's own threads all live on this one.
    static CURRENT: RefCell<Option<(String, Progress)>> = const { RefCell::new(None) };
}

/// How far a test has got.
#[derive(Clone, Debug, Default)]
struct Progress(Arc<Mutex<Counts>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    seed: u64,
    executions: u64,
    steps: u64,
    threads: usize,
}

impl Progress {
    fn get(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Runs `program` under random schedules, and prints how many there were.
///
/// # Panics
///
/// If an execution fails: if something in it panics ([`planned_panic`] excepted), if no thread can go on, if it does not end. The
/// message says how to have the same again.
pub fn check(name: &str, program: impl Fn() + Sync + Send + 'static) {
    show_failures();
    let progress = Progress::default();
    CURRENT.set(Some((name.to_owned(), progress.clone())));
    let fixed = number(SEED);
    let first = fixed.unwrap_or_else(|| RandomState::new().hash_one(name) % 1_000_000_000);
    let iterations =
        number(ITERATIONS).unwrap_or(if fixed.is_some() { 1 } else { USUAL_ITERATIONS });
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;

    let start = Instant::now();
    let watchdog = Watchdog::start(name, &progress);
    Runner::new(Seeds::new(first, iterations, progress.clone()), config).run(program);
    drop(watchdog);
    let Counts { executions, steps, threads, .. } = progress.get();
    say(format_args!(
        "random {name}: {executions} executions of up to {threads} threads, {} steps each, in {:.2?}",
        steps / executions.max(1),
        start.elapsed(),
    ));
    assert!(CURRENT.take().is_some(), "{name}: something has panicked");
    assert!(executions > 0, "{name}: nothing was run");
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|error| panic!("{variable}={value}: {error}")))
}

/// One of a range.
pub fn pick(range: Range<usize>) -> usize {
    thread_rng().gen_range(range)
}

/// True once in so many times.
pub fn chance(times: u32) -> bool {
    thread_rng().gen_ratio(1, times)
}

/// The payload of a panic that is part of a program.
#[derive(Debug)]
pub struct Planned;

/// Panics as part of a program, which no hook hears of.
pub fn planned_panic() -> ! {
    panic::resume_unwind(Box::new(Planned));
}

/// The schedules of one seed after the other.
struct Seeds {
    seeds: Range<u64>,
    progress: Progress,
    /// What is left of the present seed.
    schedulers: Vec<Box<dyn Scheduler + Send>>,
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds").field("seeds", &self.seeds).finish_non_exhaustive()
    }
}

impl Seeds {
    fn new(first: u64, count: u64, progress: Progress) -> Self {
        Self { seeds: first..first + count, progress, schedulers: Vec::new() }
    }

    fn scheduler(&mut self) -> &mut dyn Scheduler {
        &mut **self.schedulers.last_mut().expect("an execution has begun")
    }
}

impl Scheduler for Seeds {
    fn new_execution(&mut self) -> Option<Schedule> {
        loop {
            if let Some(scheduler) = self.schedulers.last_mut() {
                if let Some(schedule) = scheduler.new_execution() {
                    self.progress.update(|counts| counts.executions += 1);
                    return Some(schedule);
                }
                self.schedulers.pop();
                continue;
            }
            let seed = self.seeds.next()?;
            self.progress.update(|counts| counts.seed = seed);
            self.schedulers = vec![
                Box::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, EXECUTIONS)),
                Box::new(RandomScheduler::new_from_seed(seed, EXECUTIONS)),
            ];
        }
    }

    fn next_task(
        &mut self,
        runnable: &[&Thread],
        current: Option<ThreadId>,
        is_yielding: bool,
    ) -> Option<ThreadId> {
        let next = self.scheduler().next_task(runnable, current, is_yielding);
        self.progress.update(|counts| {
            counts.steps += 1;
            counts.threads = counts.threads.max(next.map_or(0, |id| usize::from(id) + 1));
        });
        next
    }

    fn next_u64(&mut self) -> u64 {
        self.scheduler().next_u64()
    }
}

/// Ends the process where a step does not end: a real lock in the code under test, held by a thread that cannot go on.
struct Watchdog {
    _end: mpsc::Sender<()>,
}

impl Watchdog {
    fn start(name: &str, progress: &Progress) -> Self {
        let (end, ended) = mpsc::channel();
        let (name, progress) = (name.to_owned(), progress.clone());
        thread::spawn(move || {
            let mut before = progress.get();
            while ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let now = progress.get();
                if (now.executions, now.steps) == (before.executions, before.steps) {
                    say(format_args!("random {name} HANGS with seed {}, in a step", now.seed));
                    process::abort();
                }
                before = now;
            }
        });
        Self { _end: end }
    }
}

/// Writes past the test harness, which would swallow the line of a test that passes.
fn say(line: fmt::Arguments<'_>) {
    // Nothing depends on the line, and a closed stderr is no failure of the program.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The reason of a failure, and how to have it again, is written at once: the destructors of what is left may end the process.
fn show_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let failed = CURRENT.try_with(|current| current.try_borrow_mut().ok()?.take());
            if let Ok(Some((name, progress))) = failed {
                let Counts { seed, executions, .. } = progress.get();
                say(format_args!(
                    "random {name} FAILED with seed {seed}, in execution {executions}: {}{}\n    \
                     to have it again: {SEED}={seed} cargo shuttle {}",
                    info.payload_as_str().unwrap_or("(no text)"),
                    info.location().map(|at| format!(" ({at})")).unwrap_or_default(),
                    this_test(),
                ));
            }
            previous(info);
        }));
    });
}

/// What `cargo test` calls the running test.
fn this_test() -> String {
    let thread = thread::current();
    let test = thread.name().unwrap_or_default();
    let program = env::current_exe().unwrap_or_default();
    let file = program.file_stem().unwrap_or_default().to_string_lossy();
    let target = file.rsplit_once('-').map_or(&*file, |(target, _)| target);
    format!("--test {target} -- --exact {test}")
}
