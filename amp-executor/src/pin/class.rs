//! Asking for a scheduling class.

use std::fmt;
use std::io;

use executor_common::cpu::{CpuControl, ThreadClass};

use crate::sched::SchedClass;

/// What became of a worker's scheduling class.
///
/// # Examples
///
/// ```
/// use amp_executor::{SchedClass, SchedOutcome};
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let io = RoleConfig::new(IO).cores([core]).sched(SchedClass::Fifo(1));
/// let amp = AmpExecutor::builder().role(io).build()?;
/// match &amp.placement()[0].sched_granted {
///     SchedOutcome::Refused { reason, .. } => eprintln!("it runs as any thread: {reason}"),
///     outcome => assert_eq!(*outcome, SchedOutcome::Granted),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchedOutcome {
    /// The worker is in the class that was asked for, as read back.
    Granted,
    /// The role asks for [`SchedClass::Normal`]. The worker has the class of the thread that built the executor, as
    /// any thread has that of its parent.
    NotAsked,
    /// The worker is in another class.
    #[non_exhaustive]
    Refused {
        /// The error of the operating system, or the class that it left in force.
        reason: String,
    },
}

impl fmt::Display for SchedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::NotAsked => f.write_str("not asked for"),
            Self::Refused { reason } => write!(f, "NOT GRANTED ({reason})"),
        }
    }
}

/// Puts the calling thread into `asked`, and reads back where it is. Comes after the pin: a thread that runs before all
/// others should do so on its own core alone.
pub(crate) fn set_class_of_this_thread(cpus: &dyn CpuControl, asked: SchedClass) -> SchedOutcome {
    let class = match asked {
        SchedClass::Normal => return SchedOutcome::NotAsked,
        SchedClass::Fifo(priority) => ThreadClass::Fifo(priority),
    };
    let reason = match (cpus.set_class(class), cpus.class()) {
        (Ok(()), Ok(in_force)) if in_force == class => return SchedOutcome::Granted,
        (Ok(()), Ok(in_force)) => format!("the class in force is {in_force}"),
        (Ok(()), Err(error)) => format!("the class cannot be read back: {error}"),
        (Err(error), _) if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("{error}; on Linux it takes CAP_SYS_NICE, or an rtprio limit that allows it")
        }
        (Err(error), _) => error.to_string(),
    };
    SchedOutcome::Refused { reason }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use executor_common::cpu::{CpuSet, SystemCpus};

    /// Answers as it is told to.
    #[derive(Debug)]
    struct Kernel {
        set: Result<(), io::ErrorKind>,
        class: Result<ThreadClass, io::ErrorKind>,
    }

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

        fn set_class(&self, _: ThreadClass) -> io::Result<()> {
            self.set.map_err(io::Error::from)
        }

        fn class(&self) -> io::Result<ThreadClass> {
            self.class.map_err(io::Error::from)
        }
    }

    fn outcome(
        set: Result<(), io::ErrorKind>,
        class: Result<ThreadClass, io::ErrorKind>,
    ) -> SchedOutcome {
        set_class_of_this_thread(&Kernel { set, class }, SchedClass::Fifo(50))
    }

    fn reason(outcome: SchedOutcome) -> String {
        let SchedOutcome::Refused { reason } = outcome else { panic!("{outcome}") };
        reason
    }

    #[test]
    fn what_is_read_back_counts() {
        assert_eq!(outcome(Ok(()), Ok(ThreadClass::Fifo(50))), SchedOutcome::Granted);
        let lower = reason(outcome(Ok(()), Ok(ThreadClass::Fifo(49))));
        assert_eq!(lower, "the class in force is fifo:49");
        let normal = reason(outcome(Ok(()), Ok(ThreadClass::Normal)));
        assert_eq!(normal, "the class in force is normal");
        let unknown = reason(outcome(Ok(()), Err(io::ErrorKind::Unsupported)));
        assert!(unknown.starts_with("the class cannot be read back"), "{unknown}");
    }

    #[test]
    fn a_refusal_says_what_it_takes() {
        let denied = Err(io::ErrorKind::PermissionDenied);
        let reason = reason(outcome(denied, Ok(ThreadClass::Normal)));
        assert!(reason.contains("CAP_SYS_NICE"), "{reason}");
    }

    #[test]
    fn systems_without_classes_say_so() {
        let unsupported = Err(io::ErrorKind::Unsupported);
        assert_eq!(reason(outcome(unsupported, Ok(ThreadClass::Normal))), "unsupported");
    }

    #[test]
    fn normal_is_not_asked_for() {
        let kernel = Kernel { set: Err(io::ErrorKind::Other), class: Err(io::ErrorKind::Other) };
        let outcome = set_class_of_this_thread(&kernel, SchedClass::Normal);
        assert_eq!(outcome, SchedOutcome::NotAsked);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_real_kernel_grants_it_or_denies_it() {
        let thread = std::thread::spawn(|| {
            let outcome = set_class_of_this_thread(&SystemCpus, SchedClass::Fifo(1));
            (outcome, SystemCpus.class().unwrap())
        });
        match thread.join().unwrap() {
            (SchedOutcome::Granted, class) => assert_eq!(class, ThreadClass::Fifo(1)),
            (outcome, class) => {
                assert!(reason(outcome).contains("CAP_SYS_NICE"));
                assert_eq!(class, ThreadClass::Normal);
            }
        }
    }
}
