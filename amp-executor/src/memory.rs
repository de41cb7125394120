//! Memory that stays in RAM.

use std::fmt;

use executor_common::cpu::CpuControl;

/// What became of locking the process's memory into RAM.
///
/// The lock is the process's: it covers what others have allocated too, and stays when the executor ends.
///
/// # Examples
///
/// ```
/// use amp_executor::MemoryLock;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// # let amp = AmpExecutor::builder().role(RoleConfig::new(IO).cores([core])).build()?;
/// match amp.memory_lock() {
///     MemoryLock::Refused { reason, .. } => eprintln!("pages may be missing: {reason}"),
///     lock => assert_eq!(*lock, MemoryLock::NotAsked), // `AmpBuilder::lock_memory` was not called
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryLock {
    /// The program did not ask for it.
    NotAsked,
    /// What the process has, and what it will get, is in RAM.
    Locked,
    /// Pages may be missing when they are touched.
    #[non_exhaustive]
    Refused {
        /// The error of the operating system.
        reason: String,
    },
}

impl fmt::Display for MemoryLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("memory not locked (not asked for)"),
            Self::Locked => f.write_str("memory locked"),
            Self::Refused { reason } => write!(f, "memory NOT LOCKED ({reason})"),
        }
    }
}

/// Locks the process's memory, if `asked`. Comes before the workers' threads are made, so that their stacks are in RAM
/// when they start.
pub(crate) fn lock_memory(cpus: &dyn CpuControl, asked: bool) -> MemoryLock {
    if !asked {
        return MemoryLock::NotAsked;
    }
    match cpus.lock_memory() {
        Ok(()) => MemoryLock::Locked,
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            MemoryLock::Refused { reason: error.to_string() }
        }
        Err(error) => {
            let hint = "on Linux it takes CAP_IPC_LOCK, or a memlock limit that allows it";
            MemoryLock::Refused { reason: format!("{error}; {hint}") }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use executor_common::cpu::CpuSet;
    use std::io;

    #[derive(Debug)]
    struct Kernel(Result<(), io::ErrorKind>);

    impl CpuControl for Kernel {
        fn allowed(&self) -> io::Result<CpuSet> {
            Ok(CpuSet::new())
        }

        fn pin(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn current_cpu(&self) -> Option<usize> {
            None
        }

        fn exists(&self, _: usize) -> bool {
            true
        }

        fn lock_memory(&self) -> io::Result<()> {
            self.0.map_err(io::Error::from)
        }
    }

    #[test]
    fn what_came_of_it_is_told() {
        let denied = Kernel(Err(io::ErrorKind::PermissionDenied));
        assert_eq!(lock_memory(&denied, false), MemoryLock::NotAsked);
        assert_eq!(lock_memory(&Kernel(Ok(())), true), MemoryLock::Locked);
        let text = lock_memory(&denied, true).to_string();
        assert!(text.contains("NOT LOCKED (permission denied; ") && text.contains("memlock limit"));
        let text = lock_memory(&Kernel(Err(io::ErrorKind::Unsupported)), true).to_string();
        assert_eq!(text, "memory NOT LOCKED (unsupported)");
    }
}
