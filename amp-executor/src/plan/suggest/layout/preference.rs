//! Which CPU a role would rather have.

use std::collections::{BTreeMap, BTreeSet};

use executor_common::cpu::LogicalCpu;

use super::super::request::Kind;
use super::{Layout, Slot};

/// How well a cache has room: smaller is better.
pub(super) type Fit = (usize, usize);

impl Layout<'_> {
    /// For each last-level cache, how well it has room for a role and for those near it that are still to come: the
    /// tightest that has enough cores, then the tightest that has enough CPUs, then the roomiest.
    pub(super) fn fits(&self, role: usize) -> BTreeMap<usize, Fit> {
        let to_come =
            self.partners[role].iter().filter(|other| self.taken[**other].cpus.is_empty());
        let needed: usize =
            to_come.map(|other| self.counts[*other]).sum::<usize>() + self.counts[role];
        let mut rooms: BTreeMap<usize, (BTreeSet<usize>, usize)> = BTreeMap::new();
        for slot in self.free() {
            let (cores, cpus) = rooms.entry(slot.cpu.last_level_cache).or_default();
            if !self.busy.contains(&slot.cpu.core) {
                cores.insert(slot.cpu.core);
            }
            *cpus += 1;
        }
        let fit = |(cache, (cores, cpus)): (usize, (BTreeSet<usize>, usize))| {
            let fit = if cores.len() >= needed {
                (0, cores.len() - needed)
            } else if cpus >= needed {
                (1, cpus - needed)
            } else {
                (2, needed - cpus)
            };
            (cache, fit)
        };
        rooms.into_iter().map(fit).collect()
    }

    /// What speaks against a CPU for a role, the weightiest first.
    pub(super) fn cost(
        &self,
        role: usize,
        slot: &Slot<'_>,
        fits: &BTreeMap<usize, Fit>,
    ) -> [usize; 11] {
        let cpu = slot.cpu;
        let own = &self.taken[role];
        let shared = if slot.is_critical { self.requests.len() + slot.load } else { slot.load };
        let near = self.partners[role].iter().map(|other| &self.taken[*other]);
        let near = near.filter(|taken| !taken.cpus.is_empty());
        let near = near.map(|taken| taken.distance(cpu)).min().unwrap_or(0);
        let (away, (lack, waste)) = if own.cpus.is_empty() {
            (0, fits.get(&cpu.last_level_cache).copied().unwrap_or_default())
        } else {
            (own.distance(cpu), Fit::default())
        };
        let slowness = LogicalCpu::FULL_CAPACITY.saturating_sub(cpu.capacity) as usize;
        match self.requests[role].kind() {
            Kind::LatencyCritical => {
                let outside = self.siblings_outside(cpu).next().is_some();
                let first = cpu.id == 0 || cpu.smt_siblings.contains(0);
                let little = cpu.is_little().into();
                let busy = self.busyness(role, cpu);
                [
                    shared,
                    busy,
                    near,
                    little,
                    outside.into(),
                    first.into(),
                    slowness,
                    away,
                    lack,
                    waste,
                    cpu.id,
                ]
            }
            Kind::Normal => [
                shared,
                near,
                self.crowding(role, cpu),
                away,
                lack,
                waste,
                slowness,
                cpu.id,
                0,
                0,
                0,
            ],
            Kind::Background => {
                let rank = match (cpu.is_little(), self.busyness(role, cpu)) {
                    (true, _) => 0,
                    (false, 0) => 4,
                    (false, busy) => busy.min(5),
                };
                [shared, near, rank, away, lack, waste, cpu.id, 0, 0, 0, 0]
            }
        }
    }

    /// The preferences of a role that may run beside others.
    fn crowding(&self, role: usize, cpu: &LogicalCpu) -> usize {
        let may_spread = self.taken[role].cores.len() < self.spread[role];
        match (self.busyness(role, cpu), may_spread) {
            (0, true) => cpu.is_little().into(),
            (1, _) => 2,
            (0, false) => 3 + usize::from(cpu.is_little()),
            (busy, _) => 3 + busy,
        }
    }

    /// Who uses the CPU's core: 0 nobody, 1 the role itself, 2 another one, 5 a latency-critical one.
    fn busyness(&self, role: usize, cpu: &LogicalCpu) -> usize {
        if !self.busy.contains(&cpu.core) {
            0
        } else if self.taken[role].cores.contains(&cpu.core) {
            1
        } else if self.critical.contains(&cpu.core) {
            5
        } else {
            2
        }
    }
}
