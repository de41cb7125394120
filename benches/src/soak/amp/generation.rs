//! One AMP executor, from its beginning to its end.

use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, AmpHandle, BuildError, PinPolicy, Role, RoleConfig, RoleMetrics};
use executor_common::ShutdownReport;
use executor_common::cpu::CpuSet;
use executor_common::sync::Arc;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::{Amp, BACK, FRONT, OneRole, ROLES, Rows, STATE, TIMED};
use crate::soak::account::{Account, Sums};
use crate::soak::actor::{self, Crew, generator};
use crate::soak::audit::{Ending, Gate, comes_true, settled};
use crate::soak::state::{Soak, Station};
use crate::soak::task::{Maker, Taken};

/// One executor.
pub(super) struct Generation<'a> {
    pub(super) soak: &'static Soak,
    pub(super) station: &'a Station,
    pub(super) number: u64,
    pub(super) rng: Pcg64Mcg,
    pub(super) cores: &'a CpuSet,
}

impl Generation<'_> {
    pub(super) fn run(mut self, actors: &[actor::Role<Amp>]) {
        self.station.at("builds an executor");
        let lends = self.rng.random_bool(0.5);
        let executor = match self.build(lends) {
            Ok(executor) => Arc::new(executor),
            Err(error) => return self.soak.fault(format!("{}: {error}", self.name())),
        };
        let handle = executor.handle();
        let roles: Vec<_> = ROLES.iter().filter_map(|role| self.one(&handle, *role)).collect();
        let amp = Arc::new(Amp {
            handle: handle.clone(),
            roles,
            lends,
            executor: Arc::downgrade(&executor),
        });
        let books: Vec<_> = amp.roles.iter().map(|one| one.book).collect();
        let chosen: Vec<_> = actors
            .iter()
            .filter(|_| actors.len() < 4 || self.rng.random_bool(0.8))
            .copied()
            .collect();
        let crew = Crew::hire(self.soak, self.number, chosen, &amp);
        self.live();

        let ending = Ending::random(&mut self.rng);
        let mut crew = Some(crew);
        if self.rng.random_bool(0.3) && !matches!(ending, Ending::Quiet) {
            self.drain_one(&executor);
        }
        let before = done(&handle);
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
                self.end_quietly(&executor, &amp)
            }
        };
        // After a shutdown nothing is left to end. Else this is it, or an actor does it that looks at the executor.
        self.station.at("drops an executor");
        drop(executor);
        if let Some(crew) = crew {
            std::thread::sleep(Duration::from_micros(self.rng.random_range(0..3000)));
            self.station.at("waits for the actors");
            crew.dismiss();
        }
        if settled(self.soak, self.station, &books) {
            self.audit(&amp, ending, before, report.as_ref());
            books.iter().for_each(|book| self.soak.close_book(book));
        }
    }

    fn name(&self) -> String {
        format!("amp executor {}", self.number)
    }

    fn one(&self, handle: &AmpHandle, role: Role) -> Option<OneRole> {
        match handle.role(role) {
            Ok(handle) => {
                Some(OneRole { role, handle, book: self.soak.book(), cores: self.cores_of(role) })
            }
            Err(error) => {
                self.soak.fault(format!("{}: {error}", self.name()));
                None
            }
        }
    }

    fn cores_of(&self, role: Role) -> CpuSet {
        let most = if role == TIMED { 1 } else { usize::MAX };
        self.cores.iter().rev().take(most).collect()
    }

    fn build(&mut self, lends: bool) -> Result<AmpExecutor, BuildError> {
        let mut builder = AmpExecutor::builder()
            .pin(PinPolicy::BestEffort)
            .measure_delays(self.rng.random_bool(0.3))
            .state(STATE, |_core| Rows::default());
        if self.rng.random_bool(0.3) {
            builder = builder.stall_limit(Duration::from_millis(50)).on_event(|_event| {});
        }
        for role in ROLES {
            let mut config = RoleConfig::new(role)
                .cores(self.cores_of(role).iter())
                .capacity(self.rng.random_range(4..200))
                .shared();
            if role == BACK && lends {
                config = config.lend_to(FRONT);
            }
            builder = builder.role(config);
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

    /// One role goes before the others.
    fn drain_one(&mut self, executor: &AmpExecutor) {
        let role = ROLES[self.rng.random_range(0..ROLES.len())];
        self.station.at("drains a role");
        match executor.drain_role(role) {
            Ok(report) if report.still_running == 0 => {}
            other => self.soak.fault(format!("{}: draining {role} gave {other:?}", self.name())),
        }
    }

    /// Workers of the front are held by so many tasks, or these are queued behind them, and the shutdown begins: it has to report exactly these.
    fn end_quietly(&mut self, executor: &AmpExecutor, amp: &Amp) -> Option<ShutdownReport> {
        let books: Vec<_> = amp.roles.iter().map(|one| one.book).collect();
        if !settled(self.soak, self.station, &books) {
            return None;
        }
        comes_true(self.soak, self.station, &self.name(), || compare_all(amp, true));
        let front = amp.of(FRONT);
        let mut make =
            Maker::new(self.soak, "amp quiet end", generator(self.soak.seed, "quiet", self.number));
        let gate = Gate::default();
        let mut taken = Vec::new();
        self.station.at("fills an executor's queues");
        for _ in 0..make.rng.random_range(1..4) {
            let (work, pending) = make.closure(front.book);
            let gate = gate.clone();
            match front.handle.spawn(move || {
                gate.pass();
                work.run()
            }) {
                Ok(handle) => taken.push(Taken { pending, handle }),
                Err(_) => pending.refused(),
            }
        }
        self.station.at("ends an idle executor with tasks in its queues");
        let report = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !front.handle.is_closed() {
                    std::thread::sleep(Duration::from_micros(100));
                }
                gate.open();
            });
            executor.shutdown()
        });
        let queued = taken.len() as u64;
        if report.ran != queued || report.cancelled != 0 || report.still_running != 0 {
            self.soak.fault(format!("{}: {report}, and {queued} were queued", self.name()));
        }
        taken.into_iter().for_each(Taken::join);
        Some(report)
    }

    fn audit(&self, amp: &Amp, ending: Ending, before: u64, report: Option<&ShutdownReport>) {
        let who = format!("{}, ended by {ending:?}", self.name());
        comes_true(self.soak, self.station, &who, || {
            compare_all(amp, false)?;
            let since = done(&amp.handle) - before;
            match report {
                Some(report) if report.ran > since => {
                    Err(format!("{report}, and {since} tasks have ended since"))
                }
                Some(report) if ending.runs_all() && report.still_running > 0 => {
                    Err(format!("{report}, from a shutdown without a limit"))
                }
                _ => Ok(()),
            }
        });
    }
}

/// Tasks that ended by themselves.
fn done(handle: &AmpHandle) -> u64 {
    handle.metrics().roles.iter().map(|role| role.completed + role.claimed).sum()
}

fn compare_all(amp: &Amp, is_open: bool) -> Result<(), String> {
    let metrics = amp.handle.metrics();
    for one in &amp.roles {
        let (role, book): (_, &Account) = (one.role, one.book);
        let Some(counts) = metrics.role(role) else {
            return Err(format!("the metrics lack role {role}"));
        };
        let sums = book.sums();
        if let Some(what) = difference(counts, &sums, is_open) {
            return Err(format!("role {role}: {what} ({}; {sums:?})", counted(counts)));
        }
    }
    let panics: u64 = metrics.workers.iter().map(|worker| worker.panics).sum();
    let panicked: u64 = amp.roles.iter().map(|one| one.book.sums().panicked).sum();
    if panics > panicked {
        return Err(format!("{panics} panics were counted, and there were {panicked}"));
    }
    if metrics.live_futures > 0 {
        return Err(format!("{} futures are alive", metrics.live_futures));
    }
    Ok(())
}

fn counted(counts: &RoleMetrics) -> String {
    format!(
        "admitted {}, completed {}, claimed {}, expired {}, cancelled {}, rejected {}, closed {}, depth {}, timed {}",
        counts.admitted,
        counts.completed,
        counts.claimed,
        counts.expired,
        counts.cancelled,
        counts.rejected,
        counts.rejected_closed,
        counts.queue_depth,
        counts.timed,
    )
}

/// What does not add up.
fn difference(counts: &RoleMetrics, sums: &Sums, is_open: bool) -> Option<&'static str> {
    let ended = counts.completed + counts.claimed + counts.expired + counts.cancelled;
    let is_near = |count: u64, sum: u64| count.abs_diff(sum) <= sums.loose;
    let rules = [
        (counts.admitted != ended, "admitted = completed + claimed + expired + cancelled"),
        (counts.queue_depth + counts.timed > 0, "nothing waits"),
        (!is_near(counts.admitted, sums.accepted()), "admitted = accepted"),
        (!is_near(counts.completed + counts.claimed, sums.done()), "done = ran + panicked"),
        (counts.expired != sums.expired, "expired = expired"),
        (!is_near(counts.cancelled, sums.cancelled), "cancelled = cancelled"),
        (
            !is_near(counts.rejected + counts.rejected_closed, sums.refused - sums.extra),
            "rejected = refused",
        ),
        (is_open && counts.rejected_closed > 0, "nobody is turned away while it is open"),
    ];
    rules.into_iter().find_map(|(is_wrong, what)| is_wrong.then_some(what))
}
