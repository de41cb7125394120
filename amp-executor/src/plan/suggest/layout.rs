//! Which CPUs each role gets.
//!
//! Latency-critical roles choose first, then background roles among the little cores, then the others, then what is
//! left of the background. Each takes the best CPU for it, one at a time, so that every choice is an order of
//! preferences ([`preference`]) and nothing is undone.

mod preference;

use std::collections::BTreeSet;

use executor_common::cpu::{CpuSet, LogicalCpu};

use super::request::{Kind, RoleRequest, Size};
use super::supply::{Supply, apportion};

/// Who got what.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) supply: &'a Supply<'a>,
    pub(super) requests: &'a [RoleRequest],
    /// For each role, those that it is to be near to: either of two may have named the other.
    partners: Vec<Vec<usize>>,
    pub(super) counts: Vec<usize>,
    slots: Vec<Slot<'a>>,
    taken: Vec<Taken>,
    /// The cores that somebody uses.
    busy: BTreeSet<usize>,
    /// The cores of latency-critical roles.
    critical: BTreeSet<usize>,
    /// On how many cores each role may spread.
    spread: Vec<usize>,
    /// How many CPUs the roles need at least.
    pub(super) minimum: usize,
    /// SMT siblings of latency-critical cores that others needed.
    pub(super) released: CpuSet,
}

/// A CPU and who uses it.
#[derive(Debug)]
struct Slot<'a> {
    cpu: &'a LogicalCpu,
    /// How many roles.
    load: usize,
    /// One of them is latency-critical.
    is_critical: bool,
    /// The latency-critical role that uses a sibling.
    reserved_for: Option<usize>,
}

/// What a role has.
#[derive(Debug, Default)]
struct Taken {
    cpus: CpuSet,
    cores: BTreeSet<usize>,
    caches: BTreeSet<usize>,
    packages: BTreeSet<usize>,
}

impl Taken {
    /// 0 where they share a last-level cache, 1 a package, 2 neither.
    fn distance(&self, cpu: &LogicalCpu) -> usize {
        if self.caches.contains(&cpu.last_level_cache) {
            0
        } else if self.packages.contains(&cpu.package) {
            1
        } else {
            2
        }
    }
}

impl<'a> Layout<'a> {
    pub(super) fn of(supply: &'a Supply<'a>, requests: &'a [RoleRequest]) -> Self {
        let counts: Vec<_> = requests.iter().map(RoleRequest::minimum).collect();
        let slot =
            |cpu: &&'a LogicalCpu| Slot { cpu, load: 0, is_critical: false, reserved_for: None };
        let mut layout = Self {
            supply,
            requests,
            partners: partners(requests),
            minimum: counts.iter().sum(),
            spread: counts.clone(),
            counts,
            slots: supply.cpus.iter().map(slot).collect(),
            taken: requests.iter().map(|_| Taken::default()).collect(),
            busy: BTreeSet::new(),
            critical: BTreeSet::new(),
            released: CpuSet::new(),
        };
        layout.place_critical();
        layout.share_the_rest();
        layout.place_others();
        layout
    }

    /// There are not enough CPUs for each worker to have its own.
    pub(super) fn is_oversubscribed(&self) -> bool {
        self.minimum > self.supply.budget
    }

    /// The CPUs of a role.
    pub(super) fn cpus(&self, role: usize) -> &CpuSet {
        &self.taken[role].cpus
    }

    /// The roles that a role is to be near to.
    pub(super) fn partners(&self, role: usize) -> &[usize] {
        &self.partners[role]
    }

    /// The roles that use a CPU.
    pub(super) fn users(&self, cpu: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.taken.len()).filter(move |role| self.taken[*role].cpus.contains(cpu))
    }

    /// The CPUs that no role uses: those that are kept free beside latency-critical roles, and the others.
    pub(super) fn unused(&self) -> (CpuSet, CpuSet) {
        let of = |kept: bool| {
            let unused = self.slots.iter().filter(|slot| slot.load == 0);
            unused
                .filter(|slot| slot.reserved_for.is_some() == kept)
                .map(|slot| slot.cpu.id)
                .collect()
        };
        (of(true), of(false))
    }

    fn roles_of(&self, kind: Kind) -> Vec<usize> {
        (0..self.requests.len()).filter(|role| self.requests[*role].kind() == kind).collect()
    }

    fn weight(&self, role: usize) -> u32 {
        match self.requests[role].size() {
            Size::Cores(_) => 0,
            Size::Share(weight) => weight,
        }
    }

    fn place_critical(&mut self) {
        let critical = self.roles_of(Kind::LatencyCritical);
        if !self.is_oversubscribed() {
            // What they keep free is paid for too.
            let threads = self.supply.threads_per_core();
            let mut prices = vec![1; self.counts.len()];
            critical.iter().for_each(|role| prices[*role] = threads);
            let paid: usize = self.counts.iter().zip(&prices).map(|(n, price)| n * price).sum();
            let weights: Vec<_> = (0..self.counts.len()).map(|role| self.weight(role)).collect();
            let mut counts = self.counts.clone();
            let workers = self.supply.budget - self.minimum;
            apportion(
                &mut counts,
                &weights,
                &prices,
                workers,
                self.slots.len().saturating_sub(paid),
            );
            critical.iter().for_each(|role| self.counts[*role] = counts[*role]);
        }
        for &role in &critical {
            self.place(role, self.counts[role], |_| true);
        }
        for index in 0..self.slots.len() {
            let core = self.slots[index].cpu.core;
            let owner = critical.iter().find(|role| self.taken[**role].cores.contains(&core));
            if self.slots[index].load == 0 {
                self.slots[index].reserved_for = owner.copied();
            }
        }
        let others = (0..self.counts.len()).filter(|role| !critical.contains(role));
        let others = others.map(|role| self.counts[role]);
        // Where CPUs are shared anyway, it is enough that each of the others has distinct ones.
        let needed =
            if self.is_oversubscribed() { others.max().unwrap_or(0) } else { others.sum() };
        self.release(needed.min(self.supply.budget - self.used()));
    }

    /// Gives up siblings of latency-critical cores until there are `needed` free CPUs, those of the last role first.
    fn release(&mut self, needed: usize) {
        while self.free().count() < needed {
            let kept = |slot: &&mut Slot<'_>| slot.reserved_for.is_some();
            let last = self.slots.iter_mut().filter(kept);
            let Some(slot) = last.max_by_key(|slot| (slot.reserved_for, slot.cpu.id)) else {
                return;
            };
            slot.reserved_for = None;
            self.released.insert(slot.cpu.id);
        }
    }

    fn share_the_rest(&mut self) {
        if self.is_oversubscribed() {
            return;
        }
        let is_critical = |role: usize| self.requests[role].kind() == Kind::LatencyCritical;
        let others = || (0..self.counts.len()).filter(|role| !is_critical(*role));
        let mut weights = vec![0; self.counts.len()];
        others().for_each(|role| weights[role] = self.weight(role));
        let needed: usize = others().map(|role| self.counts[role]).sum();
        let workers = self.supply.budget - self.counts.iter().sum::<usize>();
        let cpus = self.free().count() - needed;
        let prices = vec![1; self.counts.len()];
        apportion(&mut self.counts, &weights, &prices, workers, cpus);
    }

    fn place_others(&mut self) {
        let (mut normal, background) =
            (self.roles_of(Kind::Normal), self.roles_of(Kind::Background));
        // Roles that are near somebody care which cores they get.
        normal.sort_by_key(|role| self.partners[*role].is_empty());
        for &role in &background {
            if self.partners[role].is_empty() {
                self.place(role, self.counts[role], |slot| slot.load == 0 && slot.cpu.is_little());
            }
        }
        self.spread_cores(&normal);
        for role in normal.into_iter().chain(background) {
            self.place(role, self.counts[role], |_| true);
        }
    }

    /// On how many cores the workers of each role are spread: on one each while there are enough, and otherwise so that few
    /// cores have workers of two roles.
    fn spread_cores(&mut self, roles: &[usize]) {
        let threads = self.supply.threads_per_core();
        let unused: Vec<_> =
            self.free().filter(|slot| !self.busy.contains(&slot.cpu.core)).collect();
        let cores: BTreeSet<_> = unused.iter().map(|slot| slot.cpu.core).collect();
        let workers: usize = roles.iter().map(|role| self.counts[*role]).sum();
        // A core that is opened beyond need wastes its other threads.
        let to_waste = unused.len().saturating_sub(workers).checked_div(threads - 1).unwrap_or(0);
        for &role in roles {
            self.spread[role] = self.counts[role].div_ceil(threads);
        }
        let packed: usize = roles.iter().map(|role| self.spread[*role]).sum();
        let mut left = cores.len().saturating_sub(packed).min(to_waste);
        while left > 0 {
            let crowded = roles.iter().filter(|role| self.spread[**role] < self.counts[**role]);
            let Some(&role) = crowded.min_by_key(|role| self.spread[**role]) else { return };
            self.spread[role] += 1;
            left -= 1;
        }
    }

    /// How many CPUs are in use.
    fn used(&self) -> usize {
        self.slots.iter().filter(|slot| slot.load > 0).count()
    }

    /// CPUs that nobody uses, and nobody keeps free.
    fn free(&self) -> impl Iterator<Item = &Slot<'a>> {
        self.slots.iter().filter(|slot| slot.load == 0 && slot.reserved_for.is_none())
    }

    /// Gives a role CPUs of a kind until it has `count`, or there are no more.
    fn place(&mut self, role: usize, count: usize, kind: impl Fn(&Slot<'_>) -> bool) {
        let fits = self.fits(role);
        while self.taken[role].cpus.len() < count {
            let used = self.used();
            let may_use = |index: &usize| {
                let slot = &self.slots[*index];
                let is_open =
                    slot.load > 0 || (used < self.supply.budget && slot.reserved_for.is_none());
                is_open && kind(slot) && !self.taken[role].cpus.contains(slot.cpu.id)
            };
            let best = (0..self.slots.len())
                .filter(may_use)
                .min_by_key(|index| self.cost(role, &self.slots[*index], &fits));
            let Some(best) = best else { return };
            self.take(role, best);
        }
    }

    fn take(&mut self, role: usize, index: usize) {
        let slot = &mut self.slots[index];
        slot.load += 1;
        self.busy.insert(slot.cpu.core);
        if self.requests[role].kind() == Kind::LatencyCritical {
            slot.is_critical = true;
            self.critical.insert(slot.cpu.core);
        }
        let taken = &mut self.taken[role];
        taken.cpus.insert(slot.cpu.id);
        taken.cores.insert(slot.cpu.core);
        taken.caches.insert(slot.cpu.last_level_cache);
        taken.packages.insert(slot.cpu.package);
    }

    /// SMT siblings that are online, and that only other processes may use.
    pub(super) fn siblings_outside(&self, cpu: &'a LogicalCpu) -> impl Iterator<Item = usize> + 'a {
        let machine = self.supply.machine;
        cpu.smt_siblings.iter().filter(move |sibling| {
            let is_online = machine.topology.cpu(*sibling).is_some_and(|cpu| cpu.online);
            is_online && !machine.allowed.contains(*sibling)
        })
    }
}

/// Who is to be near whom, whoever said it.
fn partners(requests: &[RoleRequest]) -> Vec<Vec<usize>> {
    let names = |a: &RoleRequest, b: &RoleRequest| a.nears().contains(&b.role());
    let of = |request: &RoleRequest| {
        let all = requests.iter().enumerate();
        let near = all.filter(|(_, other)| names(request, other) || names(other, request));
        near.map(|(index, _)| index).collect()
    };
    requests.iter().map(of).collect()
}
