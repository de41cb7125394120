//! A role of this workspace's asymmetric executor.

use std::hint::{black_box, spin_loop};
use std::time::Instant;

use amp_executor::{AmpExecutor, IdlePolicy, PinPolicy, RoleConfig, RoleHandle};
use executor_common::Role;

use super::consumer::{Answer, Consumer, Producer, Setup, Waiting, nanos_since};

const TARGET: Role = Role::new("target");

/// One role with one worker.
#[derive(Debug)]
pub(super) struct Amp(AmpExecutor);

/// What a thread that spawns on it has.
#[derive(Debug)]
pub(super) struct Spawner(RoleHandle);

impl Consumer for Amp {
    type Producer = Spawner;

    fn start(setup: &Setup) -> anyhow::Result<(Self, Vec<Spawner>)> {
        let idle = match setup.waiting {
            Waiting::Spin => IdlePolicy::Spin,
            Waiting::Natural => IdlePolicy::default(),
            Waiting::Park => IdlePolicy::Park,
        };
        let role =
            RoleConfig::new(TARGET).cores([setup.place.to]).capacity(setup.capacity).idle(idle);
        let pin = if setup.place.binds() { PinPolicy::Require } else { PinPolicy::Off };
        let executor = AmpExecutor::builder().role(role).pin(pin).build()?;
        let role = executor.role(TARGET)?;
        let spawners = (0..setup.producers).map(|_| Spawner(role.clone())).collect();
        Ok((Self(executor), spawners))
    }

    fn wakes(&self) -> Option<u64> {
        Some(self.0.metrics().workers.iter().map(|worker| worker.wakes).sum())
    }
}

impl Producer for Spawner {
    #[inline]
    fn send(&mut self, job: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(job).unwrap_or_else(|error| panic!("{error}")));
    }

    /// With a handle, which is joined afterwards.
    fn one_way(&mut self, answer: &'static Answer) -> u64 {
        let sent = Instant::now();
        let spawned = self.0.try_spawn(move || answer.give(nanos_since(sent)));
        let handle = spawned.unwrap_or_else(|error| panic!("{error}"));
        let nanos = answer.take();
        handle.join().unwrap_or_else(|error| panic!("{error}"));
        nanos
    }

    /// Through the handle.
    fn round_trip(&mut self, _answer: &'static Answer) -> u64 {
        let sent = Instant::now();
        let spawned = self.0.try_spawn(|| 1_u64);
        let handle = spawned.unwrap_or_else(|error| panic!("{error}"));
        while !handle.is_finished() {
            spin_loop();
        }
        black_box(handle.join().unwrap_or_else(|error| panic!("{error}")));
        nanos_since(sent)
    }
}
