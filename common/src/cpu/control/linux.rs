//! Linux: masks and timer slack by `rustix`, classes by system calls that it does not have.

use std::io;
use std::num::NonZero;
use std::time::Duration;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::thread::{
    CpuSet as KernelSet, sched_getaffinity, sched_getcpu, set_current_timer_slack,
};

use super::{CpuControl, CpuSet, SystemCpus, ThreadClass};

impl CpuControl for SystemCpus {
    fn allowed(&self) -> io::Result<CpuSet> {
        let mask = sched_getaffinity(None)?;
        Ok((0..KernelSet::MAX_CPU).filter(|cpu| mask.is_set(*cpu)).collect())
    }

    fn allows_only(&self, cpu: usize) -> io::Result<bool> {
        let mask = sched_getaffinity(None)?;
        Ok(cpu < KernelSet::MAX_CPU && mask.is_set(cpu) && mask.count() == 1)
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        // `core_affinity` indexes a fixed mask without looking at its size.
        if cpu >= KernelSet::MAX_CPU {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        if core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    fn current_cpu(&self) -> Option<usize> {
        Some(sched_getcpu())
    }

    fn exists(&self, cpu: usize) -> bool {
        std::path::Path::new("/sys/devices/system/cpu").join(format!("cpu{cpu}")).exists()
    }

    fn set_class(&self, class: ThreadClass) -> io::Result<()> {
        match class {
            // Who has no privileges may not take the mark off again.
            ThreadClass::Normal => {
                set_policy(libc::SCHED_OTHER | (policy()? & libc::SCHED_RESET_ON_FORK), 0)
            }
            // With the mark, threads that this one starts are normal ones.
            ThreadClass::Fifo(priority) => {
                set_policy(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority)
            }
            ThreadClass::Other => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }

    fn class(&self) -> io::Result<ThreadClass> {
        match policy()? & !libc::SCHED_RESET_ON_FORK {
            libc::SCHED_OTHER => Ok(ThreadClass::Normal),
            libc::SCHED_FIFO => Ok(ThreadClass::Fifo(fifo_priority()?)),
            _ => Ok(ThreadClass::Other),
        }
    }

    fn lock_memory(&self) -> io::Result<()> {
        Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)?)
    }

    fn set_timer_slack(&self, slack: Duration) -> io::Result<()> {
        // To the kernel, zero is its own default.
        let nanoseconds = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX);
        let nanoseconds = NonZero::new(nanoseconds).unwrap_or(NonZero::<u64>::MIN);
        Ok(set_current_timer_slack(Some(nanoseconds))?)
    }
}

/// To the scheduler's system calls: the calling thread. Called by number, because musl's functions of these names
/// always fail, and because POSIX means the process where Linux means the thread.
const THIS_THREAD: libc::pid_t = 0;

fn set_policy(policy: libc::c_int, priority: u8) -> io::Result<()> {
    // The kernel reads this one number; the C library's structure may have more behind it.
    let priority = libc::c_int::from(priority);
    // SAFETY: the kernel reads a `c_int` from the pointer, which points to one that lives until the call is over.
    let answer = unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, THIS_THREAD, policy, &raw const priority)
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The policy in force, with `SCHED_RESET_ON_FORK` if that is set.
fn policy() -> io::Result<libc::c_int> {
    // SAFETY: the call takes no pointers.
    let answer = unsafe { libc::syscall(libc::SYS_sched_getscheduler, THIS_THREAD) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    libc::c_int::try_from(answer).map_err(io::Error::other)
}

fn fifo_priority() -> io::Result<u8> {
    let mut priority: libc::c_int = 0;
    // SAFETY: the kernel writes a `c_int` to the pointer, which points to one that nobody else sees.
    let answer = unsafe { libc::syscall(libc::SYS_sched_getparam, THIS_THREAD, &raw mut priority) };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    u8::try_from(priority).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `body` on a thread of its own, whose class and mask nobody else has.
    fn on_a_thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(body).join().unwrap()
    }

    #[test]
    fn a_class_is_read_back_and_not_inherited() {
        on_a_thread(|| {
            assert_eq!(SystemCpus.class().unwrap(), ThreadClass::Normal);
            match SystemCpus.set_class(ThreadClass::Fifo(7)) {
                // The usual answer to those without privileges.
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
                    assert_eq!(SystemCpus.class().unwrap(), ThreadClass::Normal);
                }
                Ok(()) => {
                    assert_eq!(SystemCpus.class().unwrap(), ThreadClass::Fifo(7));
                    let child = on_a_thread(|| SystemCpus.class().unwrap());
                    assert_eq!(child, ThreadClass::Normal);
                    SystemCpus.set_class(ThreadClass::Normal).unwrap();
                    assert_eq!(SystemCpus.class().unwrap(), ThreadClass::Normal);
                }
            }
        });
    }

    #[test]
    fn classes_that_do_not_exist_are_refused() {
        on_a_thread(|| {
            for class in [ThreadClass::Other, ThreadClass::Fifo(0), ThreadClass::Fifo(100)] {
                let error = SystemCpus.set_class(class).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{class}");
            }
            assert_eq!(SystemCpus.class().unwrap(), ThreadClass::Normal);
        });
    }

    #[test]
    fn a_foreign_class_is_told_apart() {
        on_a_thread(|| {
            set_policy(libc::SCHED_BATCH, 0).unwrap();
            assert_eq!(SystemCpus.class().unwrap(), ThreadClass::Other);
        });
    }

    #[test]
    fn timer_slack_is_in_nanoseconds_and_never_the_default() {
        on_a_thread(|| {
            for (asked, set) in [(Duration::from_micros(3), 3_000), (Duration::ZERO, 1)] {
                SystemCpus.set_timer_slack(asked).unwrap();
                assert_eq!(rustix::thread::current_timer_slack().unwrap(), set);
            }
        });
    }

    #[test]
    fn the_short_question_about_the_mask_has_the_same_answer() {
        on_a_thread(|| {
            let before = SystemCpus.allowed().unwrap();
            let cpu = before.iter().next().unwrap();
            assert_eq!(SystemCpus.allows_only(cpu).unwrap(), before.len() == 1);
            SystemCpus.pin(cpu).unwrap();
            assert!(SystemCpus.allows_only(cpu).unwrap());
            assert!(!SystemCpus.allows_only(cpu + 1).unwrap());
            assert!(!SystemCpus.allows_only(usize::MAX).unwrap());
        });
    }
}
