//! `benches noop`: the CPU time of an empty job that comes now and then.
//!
//! rayon-demo's measurement of the same name. A thread sleeps, queues an empty closure, and sleeps again; what the process
//! spends is waking a worker, the worker's search for more, and its way back to sleep. With `none` there is no pool, and the
//! figure is what the sleeping thread itself costs, which is part of all the others. The targets are for the whole
//! process, as rayon-demo reports it.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use cpu_time::ProcessTime;

use crate::peers::{Countdown, Measurement, Pool, PoolKind, Workers};
use crate::rounds::{self, AnyProgram, Contender, Manner, Plan, Prepared, RoundsArgs, Target};

/// Who takes part.
pub const PEERS: [PoolKind; 5] =
    [PoolKind::None, PoolKind::Smp, PoolKind::Rayon, PoolKind::Tokio, PoolKind::AsyncExecutor];

const MANNER: Manner<PoolKind> =
    Manner { peers: &PEERS, times: "CPU time of the process for one job: " };

/// How long a pool has to come to rest after it was built.
const SETTLE: Duration = Duration::from_millis(50);

/// Options of `benches noop`.
#[derive(Clone, Debug, Args)]
pub struct NoopArgs {
    /// Those that all measurements in rounds have.
    #[command(flatten)]
    pub rounds: RoundsArgs<PoolKind>,
    /// How long each turn lasts
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub seconds: f64,
}

/// An empty job at every interval.
#[derive(Clone, Copy, Debug)]
pub struct Noop {
    /// How long the thread sleeps between two jobs.
    pub interval: Duration,
}

/// Measures both intervals and writes a table. False if a target was missed and `--check` asks for it.
///
/// # Errors
///
/// Unusable options, or a pool that cannot be built.
pub fn run(args: &NoopArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let NoopArgs { rounds: args, seconds } = args;
    let window = Duration::try_from_secs_f64(*seconds)
        .ok()
        .filter(|window| !window.is_zero())
        .context("--seconds must be a positive number")?;
    let window = if args.turns.quick { Duration::from_millis(20) } else { window };
    let programs: Vec<Box<dyn AnyProgram<PoolKind>>> =
        [10, 1].map(|ms| Box::new(Noop { interval: Duration::from_millis(ms) }) as _).into();
    let plan = Plan {
        warm_up: false,
        min_repetitions: 1,
        repetition: window,
        turn: Duration::ZERO,
        ..args.plan(&MANNER)?
    };
    rounds::run(programs, args, &plan, &MANNER, out)
}

impl AnyProgram<PoolKind> for Noop {
    fn name(&self) -> String {
        format!("noop({} ms)", self.interval.as_millis())
    }

    fn suits(&self, _peer: PoolKind) -> bool {
        true
    }

    fn targets(&self, _workers: usize) -> Vec<Target<PoolKind>> {
        vec![Target::at_most(0.5, PoolKind::Rayon)]
    }

    fn prepare(&self) -> Box<dyn Prepared<PoolKind> + Send + '_> {
        // Never freed, so that jobs need not count who holds it.
        Box::new(WithCountdown { noop: *self, left: Countdown::leak() })
    }
}

#[derive(Clone, Copy, Debug)]
struct WithCountdown {
    noop: Noop,
    left: &'static Countdown,
}

impl Prepared<PoolKind> for WithCountdown {
    fn takes(&mut self) -> anyhow::Result<Duration> {
        Ok(self.noop.interval)
    }

    fn on(&mut self, peer: PoolKind, workers: Workers) -> anyhow::Result<Box<dyn Contender + '_>> {
        peer.measure(NewPool { with: *self, workers })
    }
}

struct NewPool {
    with: WithCountdown,
    workers: Workers,
}

impl Measurement for NewPool {
    type Output = anyhow::Result<Box<dyn Contender>>;

    fn of<P: Pool>(self) -> Self::Output {
        let pool = P::build(self.workers)?;
        std::thread::sleep(SETTLE);
        Ok(Box::new(OnPool { pool, with: self.with, has_run: false }))
    }
}

struct OnPool<P> {
    pool: P,
    with: WithCountdown,
    has_run: bool,
}

impl<P: Pool> Contender for OnPool<P> {
    /// CPU time, not time.
    fn time(&mut self, jobs: u64, _depth: usize) -> Duration {
        let WithCountdown { noop, left } = self.with;
        left.set(jobs as usize);
        let start = ProcessTime::now();
        for _ in 0..jobs {
            std::thread::sleep(noop.interval);
            self.pool.detach(|| left.done());
        }
        left.wait();
        self.has_run = true;
        start.elapsed()
    }

    fn check(&self) -> anyhow::Result<()> {
        let who = format!("{} on {}", self.with.noop.name(), P::KIND);
        ensure!(self.has_run, "{who} has not run");
        ensure!(self.with.left.is_over(), "{who}: a job has run more than once");
        Ok(())
    }
}
