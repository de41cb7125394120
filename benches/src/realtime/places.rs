//! Which CPUs a role gets for itself, and which are left to the others.

use std::fmt;

use amp_executor::RoleConfig;
use anyhow::Context;
use executor_common::cpu::{CpuControl, CpuSet, SystemCpus};

/// One CPU for the one, and the rest for the others.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The last one: kernels like to do their own work on the first one.
    pub(crate) own: usize,
    /// All others. Where there is only one CPU, that one.
    pub(crate) others: CpuSet,
    /// There is only one CPU.
    pub(crate) oversubscribed: bool,
}

impl Places {
    /// From the CPUs that this process may use.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let allowed = SystemCpus.allowed()?;
        let own = allowed.iter().next_back().context("no CPU is allowed")?;
        let oversubscribed = allowed.len() == 1;
        let others = allowed.iter().filter(|cpu| oversubscribed || *cpu != own).collect();
        Ok(Self { own, others, oversubscribed })
    }

    /// Puts a role on `cores`, shared where there is no other way.
    pub(crate) fn place(
        &self,
        config: RoleConfig,
        cores: impl IntoIterator<Item = usize>,
    ) -> RoleConfig {
        let config = config.cores(cores);
        if self.oversubscribed { config.shared() } else { config }
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPU {}, and CPUs {} for the others", self.own, self.others)?;
        if self.oversubscribed {
            f.write_str("; OVERSUBSCRIBED: there are fewer CPUs than roles")?;
        }
        Ok(())
    }
}
