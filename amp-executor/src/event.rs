//! What an executor tells the program while it runs.

use std::fmt;
use std::time::Duration;

use executor_common::cpu::CpuSet;
use executor_common::panic::contained;
use executor_common::{Role, TaskId};

/// Something that the program may want to act on; see [`AmpBuilder::on_event`](crate::AmpBuilder::on_event).
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
/// use amp_executor::Event;
/// # use amp_executor::{AmpExecutor, Role, RoleConfig};
/// # use amp_executor::cpu::{CpuControl, SystemCpus};
/// # const IO: Role = Role::new("io");
/// # let core = SystemCpus.allowed()?.iter().next().unwrap();
/// let (tell, told) = channel();
/// let limit = Duration::from_millis(5);
/// let amp = AmpExecutor::builder()
///     .role(RoleConfig::new(IO).cores([core]))
///     .stall_limit(limit)
///     .on_event(move |event| drop(tell.send(event.clone())))
///     .build()?;
/// let (release, wait) = channel::<()>();
/// let slow = amp.role(IO)?.spawn(move || wait.recv())?;
/// match told.recv()? {
///     Event::Stall { role, held_for, .. } => assert!(role == IO && held_for >= limit),
///     event => panic!("{event}"),
/// }
/// drop(release);
/// # slow.join()?.unwrap_err();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker's pin is not in force any more: the kernel has changed its mask, as it does when a cpuset changes.
    #[non_exhaustive]
    PinLost {
        /// The worker's role.
        role: Role,
        /// The worker's number in the executor.
        worker: usize,
        /// The core that it was pinned to.
        core: usize,
        /// The mask that was found. `None` where it could not be read.
        mask: Option<CpuSet>,
        /// The pin was set again and read back.
        restored: bool,
    },
    /// A task holds its worker for longer than the limit.
    #[non_exhaustive]
    Stall {
        /// The worker's role.
        role: Role,
        /// The worker's number in the executor.
        worker: usize,
        /// The worker's core.
        core: usize,
        /// The task.
        task: TaskId,
        /// For how long it has been seen to run; it goes on.
        held_for: Duration,
    },
    /// A worker's loop has panicked, which no task can bring about, and has been started again on the same core.
    #[non_exhaustive]
    WorkerRestarted {
        /// The worker's role.
        role: Role,
        /// The worker's number in the executor.
        worker: usize,
        /// The worker's core.
        core: usize,
        /// What the panic said.
        message: String,
    },
}

/// Who is told. The standard library's `Arc`, as for `PanicHook`.
pub(crate) type EventHook = std::sync::Arc<dyn Fn(&Event) + Send + Sync>;

/// Tells the program, if it wants to know. The hook is foreign code: its panic ends here.
pub(crate) fn report(hook: Option<&EventHook>, event: &Event) {
    if let Some(hook) = hook {
        contained(|| hook(event));
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinLost { role, worker, core, mask, restored } => {
                write!(
                    f,
                    "worker {worker} of role \"{role}\" has lost its pin to core {core}; mask found: "
                )?;
                match mask {
                    Some(mask) => write!(f, "{mask}")?,
                    None => f.write_str("unknown")?,
                }
                f.write_str(if *restored { "; restored" } else { "; NOT restored" })
            }
            Self::Stall { role, worker, core, task, held_for } => write!(
                f,
                "task {task} has held worker {worker} of role \"{role}\" (core {core}) for {held_for:?}"
            ),
            Self::WorkerRestarted { role, worker, core, message } => write!(
                f,
                "worker {worker} of role \"{role}\" (core {core}) was started again after a panic: {message}"
            ),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use executor_common::sync::Counter;

    #[test]
    fn a_hook_that_panics_has_been_told_and_ends_nothing() {
        let told = std::sync::Arc::new(Counter::new());
        let count = std::sync::Arc::clone(&told);
        let hook: EventHook = std::sync::Arc::new(move |event: &Event| {
            count.add(1);
            panic!("{event}");
        });
        let role = Role::new("io");
        let message = "a bug".to_owned();
        let event = Event::WorkerRestarted { role, worker: 0, core: 1, message };
        report(None, &event);
        report(Some(&hook), &event);
        report(Some(&hook), &event);
        assert_eq!(told.get(), 2);
    }

    #[test]
    fn events_read_as_sentences() {
        let (role, worker, core) = (Role::new("io"), 3, 2);
        let mask = Some("0-3".parse().unwrap());
        let lost = Event::PinLost { role, worker, core, mask, restored: true };
        assert_eq!(
            lost.to_string(),
            "worker 3 of role \"io\" has lost its pin to core 2; mask found: 0-3; restored"
        );
        let lost = Event::PinLost { role, worker, core, mask: None, restored: false };
        assert!(lost.to_string().ends_with("mask found: unknown; NOT restored"));
    }
}
