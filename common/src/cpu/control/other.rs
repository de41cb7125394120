//! Systems on which nothing is pinned, nor scheduled in another class.

use std::io;

use super::{CpuControl, CpuSet, SystemCpus};

impl CpuControl for SystemCpus {
    fn allowed(&self) -> io::Result<CpuSet> {
        let ids = core_affinity::get_core_ids().ok_or(io::ErrorKind::Unsupported)?;
        Ok(ids.into_iter().map(|core| core.id).collect())
    }

    /// Nothing here can read a mask back, and a pin that cannot be checked is not reported as one.
    fn pin(&self, _: usize) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn current_cpu(&self) -> Option<usize> {
        None
    }

    fn exists(&self, cpu: usize) -> bool {
        self.allowed().is_ok_and(|allowed| allowed.contains(cpu))
    }
}
