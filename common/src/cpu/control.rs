//! The seam between the executors and the operating system's scheduler.

use std::fmt;
use std::io;

use super::set::CpuSet;

/// Asks and tells the operating system which thread runs where. Replaceable, so that plans for machines that
/// are not here, and pins that a kernel refuses, can be tested.
pub trait CpuControl: fmt::Debug + Send + Sync + 'static {
    /// The CPUs that the calling thread may use: at the start of a program, those of the process.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    fn allowed(&self) -> io::Result<CpuSet>;

    /// Pins the calling thread to one CPU.
    ///
    /// # Errors
    ///
    /// The operating system refuses, or cannot pin at all ([`io::ErrorKind::Unsupported`]).
    fn pin(&self, cpu: usize) -> io::Result<()>;

    /// The CPU that the calling thread is on, where that can be told.
    fn current_cpu(&self) -> Option<usize>;

    /// Whether CPUs exist beyond those allowed, `cpu` among them. Only used for a better error text.
    fn exists(&self, cpu: usize) -> bool;
}

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemCpus;

#[cfg(target_os = "linux")]
impl CpuControl for SystemCpus {
    fn allowed(&self) -> io::Result<CpuSet> {
        use rustix::thread::{CpuSet as KernelSet, sched_getaffinity};
        let mask = sched_getaffinity(None)?;
        Ok((0..KernelSet::MAX_CPU).filter(|cpu| mask.is_set(*cpu)).collect())
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        // `core_affinity` indexes a fixed mask without looking at its size.
        if cpu >= rustix::thread::CpuSet::MAX_CPU {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        if core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    fn current_cpu(&self) -> Option<usize> {
        Some(rustix::thread::sched_getcpu())
    }

    fn exists(&self, cpu: usize) -> bool {
        std::path::Path::new("/sys/devices/system/cpu").join(format!("cpu{cpu}")).exists()
    }
}

#[cfg(not(target_os = "linux"))]
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
