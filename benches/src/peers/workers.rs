//! How many workers, and whether the kernel may move them.

use executor_common::cpu::{CpuControl, CpuSet, SystemCpus};

/// What a pool is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// How many, the calling thread included where it is one of them.
    pub count: usize,
    /// Whether each is bound to a CPU of its own, as far as the peer and the system let it.
    pub pinned: bool,
}

impl Workers {
    /// So many, wherever the kernel puts them.
    pub const fn unpinned(count: usize) -> Self {
        Self { count, pinned: false }
    }
}

/// The CPUs that the calling thread may use, to be read before it is pinned.
#[derive(Clone, Debug)]
pub(crate) struct Cpus(CpuSet);

impl Cpus {
    pub(crate) fn allowed() -> anyhow::Result<Self> {
        Ok(Self(SystemCpus.allowed()?))
    }

    /// Binds the calling thread to the CPU of that worker, going round where there are more workers than CPUs.
    pub(crate) fn pin_calling_thread(&self, worker: usize) -> anyhow::Result<()> {
        if let Some(cpu) = self.0.iter().nth(worker % self.0.len().max(1)) {
            SystemCpus.pin(cpu)?;
        }
        Ok(())
    }

    /// As [`Cpus::pin_calling_thread`]; what goes wrong is told on the standard error stream.
    pub(crate) fn pin_calling_thread_or_say_so(&self, worker: usize) {
        if let Err(error) = self.pin_calling_thread(worker) {
            eprintln!("worker {worker} is not pinned: {error}");
        }
    }
}
