//! This workspace's asymmetric executor, used as if it were a symmetric one.

use amp_executor::{AmpExecutor, PinPolicy, RoleConfig, RoleHandle};
use executor_common::cpu::{CpuControl, SystemCpus};
use executor_common::{JoinHandle, Role};

use super::pool::{HandlePool, Pool, PoolKind};
use super::workers::Workers;

const WORK: Role = Role::new("work");

/// This workspace's asymmetric executor with one role. Its workers are always pinned.
#[derive(Debug)]
pub struct Amp {
    /// Dropped with its threads.
    _executor: AmpExecutor,
    /// Never freed, so that tasks need not count who holds it.
    role: &'static RoleHandle,
}

impl Amp {
    /// Tasks that it has room for, where the queues of the others have no bound. A worker cannot spawn more than that before one
    /// has run.
    pub const CAPACITY: usize = 20_000;
}

impl Pool for Amp {
    const KIND: PoolKind = PoolKind::Amp;
    type Inside = &'static RoleHandle;

    fn build(workers: Workers) -> anyhow::Result<Self> {
        let cores = SystemCpus.allowed()?;
        let role =
            RoleConfig::new(WORK).cores(cores.iter().take(workers.count)).capacity(Self::CAPACITY);
        let executor = AmpExecutor::builder().role(role).pin(PinPolicy::BestEffort).build()?;
        let role = Box::leak(Box::new(executor.role(WORK)?));
        Ok(Self { _executor: executor, role })
    }

    fn inside(&self) -> &'static RoleHandle {
        self.role
    }

    #[inline]
    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        Self::detach_inside(self.role, f);
    }

    #[inline]
    fn detach_inside(inside: &'static RoleHandle, f: impl FnOnce() + Send + 'static) {
        drop(Self::spawn_inside(inside, f));
    }
}

impl HandlePool for Amp {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    #[inline]
    fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        Self::spawn_inside(self.role, f)
    }

    #[inline]
    fn spawn_inside<T: Send + 'static>(
        inside: &'static RoleHandle,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        inside.spawn(f).unwrap_or_else(|error| panic!("{error}"))
    }

    #[inline]
    fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.join().unwrap_or_else(|error| panic!("{error}"))
    }

    fn detach_joiner(
        &self,
        make: impl FnOnce() -> Vec<JoinHandle<u64>> + Send + 'static,
        then: impl FnOnce(u64) + Send + 'static,
    ) {
        self.detach(move || then(make().into_iter().map(Self::join).sum()));
    }
}
