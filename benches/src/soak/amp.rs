//! AMP executors, one after the other.

mod generation;
mod spawns;
mod waits;

use std::sync::Weak;

use amp_executor::{AmpExecutor, AmpHandle, Role, RoleHandle};
use executor_common::cpu::CpuSet;
use rand::RngExt;

use super::account::Account;
use super::actor::{self, Actor, generator};
use super::state::Soak;
use super::task::Work;
use generation::Generation;

/// All that is done with an executor.
pub(super) const ACTORS: &[actor::Role<Amp>] = &[
    ("amp spawn", spawns::spawn),
    ("amp nested", spawns::nested),
    ("amp batches", spawns::batches),
    ("amp cores and keys", spawns::cores_and_keys),
    ("amp time to live", spawns::time_to_live),
    ("amp timed", spawns::timed),
    ("amp periodic", spawns::periodic),
    ("amp waits for room", waits::room),
    ("amp calls", waits::calls),
    ("amp blocking calls", waits::blocking_calls),
    ("amp futures", waits::futures),
    ("amp state", waits::state),
    ("amp JoinSet", waits::join_set),
];

/// Takes requests.
const FRONT: Role = Role::new("soak.front");
/// Serves them; may lend its workers to the front.
const BACK: Role = Role::new("soak.back");
/// Has a value on each of its workers.
const STATE: Role = Role::new("soak.state");
/// Runs timed tasks, on one core.
const TIMED: Role = Role::new("soak.timed");

/// In the order of their declaration, which is that of a shutdown.
const ROLES: [Role; 4] = [FRONT, BACK, STATE, TIMED];

/// The value on each worker of [`STATE`].
#[derive(Debug, Default)]
struct Rows(u64);

/// What the actors have of an executor.
#[derive(Debug)]
pub(super) struct Amp {
    handle: AmpHandle,
    /// In the order of [`ROLES`].
    roles: Vec<OneRole>,
    /// Whether tasks of the front may run on workers of the back.
    lends: bool,
    /// Kept for a look at the placement while the executor lives.
    executor: Weak<AmpExecutor>,
}

/// A role of an executor.
#[derive(Clone, Debug)]
struct OneRole {
    role: Role,
    handle: RoleHandle,
    book: &'static Account,
    cores: CpuSet,
}

impl Amp {
    fn of(&self, role: Role) -> &OneRole {
        match self.roles.iter().find(|one| one.role == role) {
            Some(one) => one,
            None => unreachable!("every executor has role {role}"),
        }
    }

    fn any(&self, actor: &mut Actor) -> &OneRole {
        &self.roles[actor.make.rng.random_range(0..self.roles.len())]
    }

    /// The work, for this role, which sees to it that it runs nowhere else.
    fn strictly(
        &self,
        soak: &'static Soak,
        role: Role,
        work: Work,
    ) -> impl FnOnce() -> u64 + Send + use<> {
        let may_be_lent = self.lends && role == FRONT;
        move || {
            check_place(soak, role, may_be_lent);
            work.run()
        }
    }

    /// Looks at what an executor shows of itself, which is to work at any time.
    fn look(&self) {
        let metrics = self.handle.metrics();
        assert_eq!(metrics.roles.len(), ROLES.len(), "metrics of all roles");
        if let Some(executor) = self.executor.upgrade() {
            assert_eq!(executor.placement().len(), metrics.workers.len(), "places of all workers");
        }
    }
}

/// A worker's thread is named after its role.
fn check_place(soak: &Soak, role: Role, may_be_lent: bool) {
    let thread = std::thread::current();
    let is_of = |role: Role| thread.name().is_some_and(|name| name.starts_with(role.name()));
    let is_home = is_of(role) || (may_be_lent && is_of(BACK));
    if !is_home {
        soak.fault(format!("a task of role {role} ran on thread {:?}", thread.name()));
    }
}

/// Builds executors, lets actors work with them, and ends them, until the program comes to its end.
pub(super) fn drive(soak: &'static Soak, cores: &CpuSet, actors: &[actor::Role<Amp>]) {
    let station = soak.station("amp executors".to_owned());
    while !soak.is_over() && !actors.is_empty() {
        let number = soak.next_generation();
        let rng = generator(soak.seed, "amp executor", number);
        Generation { soak, station: &station, number, rng, cores }.run(actors);
    }
    soak.leave(&station);
}
