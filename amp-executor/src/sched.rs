//! The kernel's scheduling class of a role's workers.

use std::fmt;
use std::str::FromStr;

/// How the kernel schedules a role's workers among the threads of their core.
///
/// What was granted is in [`WorkerPlacement::sched`](crate::WorkerPlacement::sched): a class that the kernel refuses
/// leaves the worker as it was.
///
/// # Examples
///
/// ```
/// use amp_executor::{Role, RoleConfig, SchedClass};
///
/// let class: SchedClass = "fifo:50".parse()?;
/// assert_eq!(class, SchedClass::Fifo(50));
/// let realtime = RoleConfig::new(Role::new("realtime")).cores([1]).sched(class);
/// assert_eq!(realtime.to_string(), "realtime=1 sched=fifo:50");
/// # Ok::<(), amp_executor::ParseSchedClassError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchedClass {
    /// As any thread (`SCHED_OTHER`).
    #[default]
    Normal,
    /// `SCHED_FIFO` with this priority, 1 to 99: runs before every normal thread, for as long as it wants.
    ///
    /// Linux takes the core away from such threads for 50 ms in each second that they fill (`sched_rt_runtime_us`). A
    /// role that spins for ever fills it, so that a plan with both is refused; a spin window before a timed task is not.
    Fifo(u8),
}

/// The highest priority of [`SchedClass::Fifo`]; the lowest is 1.
///
/// # Examples
///
/// ```
/// use amp_executor::{MAX_FIFO_PRIORITY, SchedClass};
///
/// let parse = |priority| format!("fifo:{priority}").parse::<SchedClass>();
/// assert_eq!(parse(MAX_FIFO_PRIORITY), Ok(SchedClass::Fifo(MAX_FIFO_PRIORITY)));
/// assert!(parse(MAX_FIFO_PRIORITY + 1).is_err());
/// ```
pub const MAX_FIFO_PRIORITY: u8 = 99;

impl fmt::Display for SchedClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Fifo(priority) => write!(f, "fifo:{priority}"),
        }
    }
}

/// The text is neither `normal` nor `fifo:` with a priority of 1 to 99.
///
/// # Examples
///
/// ```
/// use amp_executor::{ParseSchedClassError, SchedClass};
///
/// let refused: Result<SchedClass, ParseSchedClassError> = "fifo:100".parse();
/// assert_eq!(
///     refused.unwrap_err().to_string(),
///     "a scheduling class is normal or fifo:PRIORITY, with a priority of 1 to 99",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scheduling class is normal or fifo:PRIORITY, with a priority of 1 to {MAX_FIFO_PRIORITY}"
)]
pub struct ParseSchedClassError(());

impl FromStr for SchedClass {
    type Err = ParseSchedClassError;

    fn from_str(text: &str) -> Result<Self, ParseSchedClassError> {
        if text == "normal" {
            return Ok(Self::Normal);
        }
        let priority = text.strip_prefix("fifo:").and_then(|digits| digits.parse().ok());
        match priority {
            Some(priority @ 1..=MAX_FIFO_PRIORITY) => Ok(Self::Fifo(priority)),
            _ => Err(ParseSchedClassError(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_others_refused() {
        for class in [SchedClass::Normal, SchedClass::Fifo(1), SchedClass::Fifo(99)] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        for text in ["", "Normal", "fifo", "fifo:", "fifo:0", "fifo:100", "fifo:-1", "rr:1"] {
            assert!(text.parse::<SchedClass>().is_err(), "{text}");
        }
    }
}
