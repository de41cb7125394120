//! The seam between the executors and the operating system's scheduler.

use std::fmt;
use std::io;
use std::time::Duration;

use super::set::CpuSet;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

/// Asks and tells the operating system which thread runs where. Replaceable, so that plans for machines that
/// are not here, and pins that a kernel refuses, can be tested.
///
/// What has a default answers [`io::ErrorKind::Unsupported`] by it.
pub trait CpuControl: fmt::Debug + Send + Sync + 'static {
    /// The CPUs that the calling thread may use: at the start of a program, those of the process.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    fn allowed(&self) -> io::Result<CpuSet>;

    /// Whether `cpu` is the only one that the calling thread may use: what [`allowed`](CpuControl::allowed) says, for
    /// those who ask often.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    fn allows_only(&self, cpu: usize) -> io::Result<bool> {
        Ok(self.allowed()?.iter().eq([cpu]))
    }

    /// Pins the calling thread to one CPU.
    ///
    /// # Errors
    ///
    /// The operating system refuses, or cannot pin at all ([`io::ErrorKind::Unsupported`]).
    fn pin(&self, cpu: usize) -> io::Result<()>;

    /// The CPU that the calling thread is on, where that can be told. Asked often: it does not enter the kernel where
    /// there is a way around it.
    fn current_cpu(&self) -> Option<usize>;

    /// Whether CPUs exist beyond those allowed, `cpu` among them. Only used for a better error text.
    fn exists(&self, cpu: usize) -> bool;

    /// Changes the calling thread's scheduling class. Threads that it starts from then on are
    /// [`ThreadClass::Normal`]: they do not inherit a class that runs before everybody else.
    ///
    /// # Errors
    ///
    /// The operating system refuses. Linux grants [`ThreadClass::Fifo`] to those with `CAP_SYS_NICE`, and up to
    /// their `RLIMIT_RTPRIO` to others. [`ThreadClass::Other`] is nothing to ask for
    /// ([`io::ErrorKind::InvalidInput`]).
    fn set_class(&self, class: ThreadClass) -> io::Result<()> {
        let _ = class;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// The scheduling class of the calling thread.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    fn class(&self) -> io::Result<ThreadClass> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Keeps the memory of the whole process in RAM, what it has and what it will get, so that no access waits for a
    /// page: for stacks and heaps that are touched for the first time in the middle of a task.
    ///
    /// There is no way back but the end of the process. Where a limit was enough for what is there now, growing
    /// beyond it fails later, as any allocation that finds no memory.
    ///
    /// # Errors
    ///
    /// The operating system refuses. Linux grants it to those with `CAP_IPC_LOCK`, and up to their `RLIMIT_MEMLOCK` to
    /// others.
    fn lock_memory(&self) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// By how much the kernel may prolong the calling thread's timed sleeps to save wake-ups; Linux takes 50 us unless
    /// it is told. Less than a nanosecond counts as one. Threads of [`ThreadClass::Fifo`] have none in any case.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    fn set_timer_slack(&self, slack: Duration) -> io::Result<()> {
        let _ = slack;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// How the kernel schedules a thread among the others of its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThreadClass {
    /// `SCHED_OTHER`: a share of the time, as any thread.
    Normal,
    /// `SCHED_FIFO` with this priority: before every normal thread, for as long as it wants.
    Fifo(u8),
    /// One that is never asked for here (`SCHED_BATCH`, `SCHED_IDLE`, `SCHED_RR`, `SCHED_DEADLINE`).
    Other,
}

impl fmt::Display for ThreadClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Fifo(priority) => write!(f, "fifo:{priority}"),
            Self::Other => f.write_str("another class"),
        }
    }
}

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemCpus;
