//! Which CPUs are one core.

use std::collections::BTreeMap;
use std::fmt;

use executor_common::cpu::{CpuSet, Topology};
use serde::Serialize;

use super::{as_texts, listed};

/// Which of the allowed CPUs are hardware threads of one core, and take time from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Smt {
    /// How many hardware threads the cores of the allowed CPUs have at most, those that this process may not use included.
    pub threads_per_core: usize,
    /// Allowed CPUs that are one core, for each core with more than one of them.
    #[serde(serialize_with = "as_texts")]
    pub siblings: Vec<CpuSet>,
    /// Whether the system does not say which CPUs are one core, so that each is taken for one.
    pub unknown: bool,
}

impl Smt {
    pub(super) fn of(topology: &Topology, allowed: &CpuSet) -> Self {
        let mut cores: BTreeMap<usize, CpuSet> = BTreeMap::new();
        let mut threads_per_core = 1;
        for cpu in topology.cpus().iter().filter(|cpu| allowed.contains(cpu.id)) {
            cores.entry(cpu.core).or_default().insert(cpu.id);
            threads_per_core = threads_per_core.max(cpu.smt_siblings.len() + 1);
        }
        // The topology's notes name what it had to assume.
        let unknown = topology.notes().iter().any(|note| note.contains("core of its own"));
        let siblings = cores.into_values().filter(|core| core.len() > 1).collect();
        Self { threads_per_core, siblings, unknown }
    }
}

impl fmt::Display for Smt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unknown {
            return f.write_str("unknown: the system does not say which CPUs are one core");
        }
        match self.threads_per_core {
            1 => return f.write_str("none: 1 hardware thread per core"),
            threads => write!(f, "{threads} hardware threads per core; ")?,
        }
        if self.siblings.is_empty() {
            f.write_str("no two of the allowed CPUs are one core")
        } else {
            write!(f, "of one core: {}", listed(&self.siblings))
        }
    }
}
