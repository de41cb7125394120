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
///
/// # Examples
///
/// ```
/// use std::io;
/// use executor_common::cpu::{CpuControl, CpuSet};
///
/// /// Two CPUs, and nobody may choose between them.
/// #[derive(Debug)]
/// struct Refusing;
///
/// impl CpuControl for Refusing {
///     fn allowed(&self) -> io::Result<CpuSet> {
///         Ok([0, 1].into_iter().collect())
///     }
///     fn pin(&self, _: usize) -> io::Result<()> {
///         Err(io::ErrorKind::PermissionDenied.into())
///     }
///     fn current_cpu(&self) -> Option<usize> {
///         None
///     }
///     fn exists(&self, cpu: usize) -> bool {
///         cpu < 2
///     }
/// }
///
/// assert!(!Refusing.allows_only(0)?);
/// assert_eq!(Refusing.lock_memory().unwrap_err().kind(), io::ErrorKind::Unsupported);
/// # Ok::<(), io::Error>(())
/// ```
pub trait CpuControl: fmt::Debug + Send + Sync + 'static {
    /// The CPUs that the calling thread may use: at the start of a program, those of the process.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// assert!(!SystemCpus.allowed()?.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn allowed(&self) -> io::Result<CpuSet>;

    /// Whether `cpu` is the only one that the calling thread may use: what [`allowed`](CpuControl::allowed) says, for
    /// those who ask often.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// let allowed = SystemCpus.allowed()?;
    /// for cpu in allowed.iter() {
    ///     assert_eq!(SystemCpus.allows_only(cpu)?, allowed.len() == 1);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn allows_only(&self, cpu: usize) -> io::Result<bool> {
        Ok(self.allowed()?.iter().eq([cpu]))
    }

    /// Pins the calling thread to one CPU.
    ///
    /// # Errors
    ///
    /// The operating system refuses, or cannot pin at all ([`io::ErrorKind::Unsupported`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// let last = SystemCpus.allowed()?.iter().last().unwrap();
    /// match SystemCpus.pin(last) {
    ///     Ok(()) => assert!(SystemCpus.allows_only(last)?),
    ///     Err(error) => println!("not pinned to CPU {last}: {error}"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn pin(&self, cpu: usize) -> io::Result<()>;

    /// The CPU that the calling thread is on, where that can be told. Asked often: it does not enter the kernel where
    /// there is a way around it.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// if let Some(cpu) = SystemCpus.current_cpu() {
    ///     assert!(SystemCpus.allowed()?.contains(cpu));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn current_cpu(&self) -> Option<usize>;

    /// Whether CPUs exist beyond those allowed, `cpu` among them. Only used for a better error text.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// assert!(!SystemCpus.exists(1_000_000));
    /// ```
    fn exists(&self, cpu: usize) -> bool;

    /// Changes the calling thread's scheduling class. Threads that it starts from then on are
    /// [`ThreadClass::Normal`]: they do not inherit a class that runs before everybody else.
    ///
    /// # Errors
    ///
    /// The operating system refuses. Linux grants [`ThreadClass::Fifo`] to those with `CAP_SYS_NICE`, and up to
    /// their `RLIMIT_RTPRIO` to others. [`ThreadClass::Other`] is nothing to ask for
    /// ([`io::ErrorKind::InvalidInput`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus, ThreadClass};
    ///
    /// match SystemCpus.set_class(ThreadClass::Fifo(10)) {
    ///     Ok(()) => assert_eq!(SystemCpus.class()?, ThreadClass::Fifo(10)),
    ///     Err(error) => println!("a normal thread: {error}"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn set_class(&self, class: ThreadClass) -> io::Result<()> {
        let _ = class;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// The scheduling class of the calling thread.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus, ThreadClass};
    ///
    /// if SystemCpus.set_class(ThreadClass::Normal).is_ok() {
    ///     assert_eq!(SystemCpus.class()?, ThreadClass::Normal);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// fn main() {
    ///     if std::env::args().any(|argument| argument == "--lock-memory") {
    ///         SystemCpus.lock_memory().expect("CAP_IPC_LOCK, or a higher `ulimit -l`");
    ///     }
    /// }
    /// ```
    fn lock_memory(&self) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// By how much the kernel may prolong the calling thread's timed sleeps to save wake-ups; Linux takes 50 us unless
    /// it is told. Less than a nanosecond counts as one. Threads of [`ThreadClass::Fifo`] have none in any case.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use executor_common::cpu::{CpuControl, SystemCpus};
    ///
    /// if let Err(error) = SystemCpus.set_timer_slack(Duration::from_nanos(1)) {
    ///     println!("sleeps are not exact: {error}");
    /// }
    /// let began = Instant::now();
    /// std::thread::sleep(Duration::from_millis(1));
    /// assert!(began.elapsed() >= Duration::from_millis(1)); // and hardly more
    /// ```
    fn set_timer_slack(&self, slack: Duration) -> io::Result<()> {
        let _ = slack;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// How the kernel schedules a thread among the others of its CPU.
///
/// # Examples
///
/// ```
/// use executor_common::cpu::ThreadClass;
///
/// assert_eq!(ThreadClass::Normal.to_string(), "normal");
/// assert_eq!(ThreadClass::Fifo(10).to_string(), "fifo:10");
/// ```
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
///
/// # Examples
///
/// ```
/// use executor_common::cpu::{CpuControl, SystemCpus};
///
/// let control: &dyn CpuControl = &SystemCpus;
/// println!("may run on {}", control.allowed()?);
/// assert!(!control.exists(1_000_000));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemCpus;
