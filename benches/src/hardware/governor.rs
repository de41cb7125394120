//! What decides on the clock frequency.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use executor_common::cpu::CpuSet;
use serde::{Serialize, Serializer};

use super::text;

/// The frequency governors of the allowed CPUs. Virtual machines show none; their hosts have some all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governors(pub BTreeMap<String, CpuSet>);

impl Governors {
    pub(super) fn read(root: &Path, allowed: &CpuSet) -> Self {
        let mut governors: BTreeMap<String, CpuSet> = BTreeMap::new();
        for cpu in allowed.iter() {
            let path = format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
            if let Some(governor) = text(root, path) {
                governors.entry(governor).or_default().insert(cpu);
            }
        }
        Self(governors)
    }
}

impl fmt::Display for Governors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none visible");
        }
        for (index, (governor, cpus)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{governor} (CPUs {cpus})")?;
        }
        Ok(())
    }
}

impl Serialize for Governors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
