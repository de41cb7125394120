//! Roles whose machine is none.

use std::io;

use amp_executor::cpu::{CpuControl, CpuSet};
use amp_executor::model::{Channel, LaneId, Turns};
#[cfg(loom)]
use amp_executor::model::{ModelAmp, ModelWorker};
use amp_executor::{AmpBuilder, AmpExecutor, Priority, Role, RoleConfig};
use executor_common::WorkerParker;
use executor_common::sync::asymmetric::Fences;

/// The role that most models have one of.
pub const ROLE: Role = Role::new("role");

/// The lane that a role's workers share.
pub const NORMAL: LaneId = LaneId::shared(Priority::Normal);

/// A machine on which every pin succeeds.
#[derive(Debug)]
struct FakeCpus;

const CPUS: usize = 4;

impl CpuControl for FakeCpus {
    fn allowed(&self) -> io::Result<CpuSet> {
        Ok((0..CPUS).collect())
    }

    fn pin(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn current_cpu(&self) -> Option<usize> {
        None
    }

    fn exists(&self, cpu: usize) -> bool {
        cpu < CPUS
    }
}

/// An executor of these roles, to be started.
pub fn builder(roles: impl IntoIterator<Item = RoleConfig>) -> AmpBuilder {
    let builder = AmpExecutor::builder().cpus(std::sync::Arc::new(FakeCpus));
    roles.into_iter().fold(builder, AmpBuilder::role)
}

/// [`ROLE`] with one worker, and room for so many tasks.
pub fn one_core(capacity: usize) -> RoleConfig {
    RoleConfig::new(ROLE).cores([0]).capacity(capacity)
}

/// The executor of these roles, and their workers, which nobody runs yet.
///
/// # Panics
///
/// If the roles contradict each other.
#[cfg(loom)]
pub fn model<const WORKERS: usize>(
    roles: impl IntoIterator<Item = RoleConfig>,
) -> (ModelAmp, [ModelWorker; WORKERS]) {
    let (amp, workers) = builder(roles).model().expect("the roles fit");
    (amp, workers.try_into().expect("so many workers"))
}

/// A channel for so many workers, with room for two items in each lane, and the workers' parkers.
pub fn channel<const WORKERS: usize>() -> (Channel<usize>, [WorkerParker; WORKERS]) {
    let parkers = [(); WORKERS].map(|()| WorkerParker::new(None));
    let unparkers = parkers.each_ref().map(WorkerParker::unparker);
    let channel = Channel::new(2, unparkers, [], Fences::new());
    (channel, parkers)
}

/// A worker: takes `wanted` items, and sleeps where there is none. Ends early where none will come.
pub fn consume(
    channel: &Channel<usize>,
    worker: usize,
    parker: &WorkerParker,
    wanted: usize,
) -> Vec<usize> {
    let (mut taken, mut turns) = (Vec::new(), Turns::new());
    while taken.len() < wanted {
        match channel.take(worker, &mut turns) {
            Some((item, origin)) => {
                channel.after_take(origin);
                taken.push(item);
            }
            None if channel.is_drained(worker) => break,
            None => {
                let drained = || channel.is_drained(worker);
                parker.run(channel.sleep(worker, parker, None, std::iter::empty(), drained));
            }
        }
    }
    taken
}
