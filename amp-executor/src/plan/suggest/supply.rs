//! What a process may use of its machine, and whether it is enough.

use std::collections::BTreeMap;

use executor_common::cpu::{CpuSet, LogicalCpu};

use super::error::SuggestError;
use super::machine::Machine;
use super::request::{RoleRequest, Size};
use crate::plan::MAX_WORKERS;

/// What can be given out.
#[derive(Debug)]
pub(super) struct Supply<'a> {
    pub(super) machine: &'a Machine,
    /// The CPUs that are online and allowed.
    pub(super) cpus: Vec<&'a LogicalCpu>,
    /// The quota in CPUs, where it is less than those CPUs.
    pub(super) quota: Option<f64>,
    /// How many CPUs may be used at most.
    pub(super) budget: usize,
}

impl<'a> Supply<'a> {
    pub(super) fn of(machine: &'a Machine) -> Result<Self, SuggestError> {
        let may_use = |cpu: &&LogicalCpu| cpu.online && machine.allowed.contains(cpu.id);
        let cpus: Vec<_> = machine.topology.cpus().iter().filter(may_use).collect();
        if cpus.is_empty() {
            return Err(SuggestError::NoCpus { allowed: machine.allowed.clone() });
        }
        let quota = machine.quota.filter(|quota| *quota < cpus.len() as f64);
        // A quota of 1.5 is worth a second worker, which has its half.
        let granted = quota.map_or(cpus.len(), |quota| (quota.ceil() as usize).max(1));
        Ok(Self { machine, budget: granted.min(MAX_WORKERS), cpus, quota })
    }

    /// The numbers of the CPUs.
    pub(super) fn usable(&self) -> CpuSet {
        self.cpus.iter().map(|cpu| cpu.id).collect()
    }

    /// The most usable hardware threads that a core has.
    pub(super) fn threads_per_core(&self) -> usize {
        let mut threads: BTreeMap<usize, usize> = BTreeMap::new();
        for cpu in &self.cpus {
            *threads.entry(cpu.core).or_default() += 1;
        }
        threads.into_values().max().unwrap_or(1)
    }

    /// Refuses what could not be fulfilled whatever the other roles ask for.
    pub(super) fn check(&self, requests: &[RoleRequest]) -> Result<(), SuggestError> {
        for request in requests {
            let role = request.role();
            match request.size() {
                Size::Cores(0) => return Err(SuggestError::ZeroCores { role }),
                Size::Share(0) => return Err(SuggestError::ZeroShare { role }),
                Size::Cores(cores) if cores > self.budget => {
                    let (usable, quota) = (self.cpus.len(), self.quota);
                    return Err(SuggestError::TooManyCores { role, cores, usable, quota });
                }
                Size::Cores(_) | Size::Share(_) => {}
            }
            for near in request.nears() {
                if *near == role || requests.iter().all(|other| other.role() != *near) {
                    return Err(SuggestError::NearUnknown { role, near: *near });
                }
            }
        }
        Ok(())
    }
}

/// Hands out what is left, a worker at a time, to the role that has the least for its weight (D'Hondt's method); among
/// equals, to the first. A weight of zero gets nothing. A worker of a role costs `prices` of the `cpus`.
pub(super) fn apportion(
    counts: &mut [usize],
    weights: &[u32],
    prices: &[usize],
    mut workers: usize,
    mut cpus: usize,
) {
    // The weight for each worker that it would have then, compared without rounding.
    let order = |counts: &[usize], a: usize, b: usize| {
        let of =
            |role: usize, other: usize| u128::from(weights[role]) * (counts[other] as u128 + 1);
        of(a, b).cmp(&of(b, a)).then(b.cmp(&a))
    };
    while workers > 0 {
        let can_have = |role: &usize| weights[*role] > 0 && prices[*role] <= cpus;
        let Some(next) = (0..counts.len()).filter(can_have).max_by(|a, b| order(counts, *a, *b))
        else {
            return;
        };
        counts[next] += 1;
        workers -= 1;
        cpus -= prices[next];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(weights: &[u32], prices: &[usize], workers: usize, cpus: usize) -> Vec<usize> {
        let mut counts = vec![1; weights.len()];
        apportion(&mut counts, weights, prices, workers, cpus);
        counts
    }

    #[test]
    fn twice_the_weight_gets_twice_the_cores() {
        assert_eq!(shares(&[1, 2], &[1, 1], 10, 10), [4, 8]);
        assert_eq!(shares(&[1, 1, 1], &[1; 3], 2, 2), [2, 2, 1]);
        assert_eq!(shares(&[1, u32::MAX], &[1; 2], 5, 5), [1, 6]);
        assert_eq!(shares(&[0, 1], &[1; 2], 3, 3), [1, 4]);
        assert_eq!(shares(&[0, 0], &[1; 2], 3, 3), [1, 1]);
    }

    #[test]
    fn neither_workers_nor_cpus_are_exceeded() {
        assert_eq!(shares(&[1, 1], &[2, 1], 10, 5), [3, 2]);
        assert_eq!(shares(&[1, 1], &[2, 1], 1, 5), [2, 1]);
        assert_eq!(shares(&[1, 1], &[2, 1], 5, 1), [1, 2]);
    }
}
