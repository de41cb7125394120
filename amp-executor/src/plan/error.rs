//! What can be wrong with a plan before any machine is asked.

use std::fmt;
use std::time::Duration;

use executor_common::Role;
use executor_common::cpu::CpuSet;

use super::excerpt::{Marked, Shortened};
use super::{ENV_VARIABLE, MAX_CAPACITY, MAX_ROLE_NAME, MAX_SPIN_WINDOW, MAX_WORKERS};
use crate::sched::MAX_FIFO_PRIORITY;

/// Why roles make no plan.
///
/// # Examples
///
/// ```
/// use amp_executor::{PlanError, Role, RolePlan};
///
/// let error = RolePlan::parse("io=0;compute=1;io=2").unwrap_err();
/// assert_eq!(error, PlanError::DuplicateRole { role: Role::new("io") });
/// assert_eq!(error.to_string(), "role \"io\" is declared twice");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The role list's syntax is wrong.
    #[error(transparent)]
    Malformed(#[from] RoleListError),
    /// The environment variable does not hold text.
    #[error("the environment variable {ENV_VARIABLE} is not valid Unicode")]
    NotUnicode,
    /// An executor without roles could run nothing.
    #[error("no role is declared")]
    NoRoles,
    /// A name that could not be written in a role list.
    #[error(
        "\"{name}\" is no role name: 1 to {MAX_ROLE_NAME} ASCII letters, digits, '_', '-' or '.'",
        name = Shortened(role.name()).to_string().escape_debug()
    )]
    InvalidRoleName {
        /// The role.
        role: Role,
    },
    /// A role is declared twice.
    #[error("role \"{role}\" is declared twice")]
    DuplicateRole {
        /// The role.
        role: Role,
    },
    /// A role without cores could run nothing.
    #[error("role \"{role}\" has no core")]
    NoCores {
        /// The role.
        role: Role,
    },
    /// No CPU has such a number, and no role list could name it.
    #[error("role \"{role}\" has core {core}; the highest number is {}", CpuSet::MAX_CPU)]
    CoreTooLarge {
        /// The role.
        role: Role,
        /// The first core of those that are too large.
        core: usize,
    },
    /// A channel without room could take nothing.
    #[error("role \"{role}\" has a channel of capacity zero")]
    ZeroCapacity {
        /// The role.
        role: Role,
    },
    /// The channel would be larger than [`MAX_CAPACITY`].
    #[error("role \"{role}\" has a channel of capacity {capacity}; the maximum is {MAX_CAPACITY}")]
    CapacityTooLarge {
        /// The role.
        role: Role,
        /// What was asked for, in tasks.
        capacity: usize,
    },
    /// There would be more workers than [`MAX_WORKERS`].
    #[error("the roles have {workers} workers; the maximum is {MAX_WORKERS}")]
    TooManyWorkers {
        /// One per core of each role.
        workers: usize,
    },
    /// Two roles use one core without both having agreed to it.
    #[error("core {core} is in role \"{first}\" and in role \"{second}\", and not both are shared")]
    CoreInTwoRoles {
        /// The core.
        core: usize,
        /// The role that was declared first.
        first: Role,
        /// The other one.
        second: Role,
    },
    /// A worker that never sleeps would take the core away from the other role.
    #[error("role \"{role}\" spins on core {core}, which role \"{other}\" uses too")]
    SpinOnSharedCore {
        /// The core.
        core: usize,
        /// The role that spins.
        role: Role,
        /// The role that would wait for the core.
        other: Role,
    },
    /// The kernel knows no such priority.
    #[error(
        "role \"{role}\" asks for SCHED_FIFO with priority {priority}; they go from 1 to {MAX_FIFO_PRIORITY}"
    )]
    FifoPriority {
        /// The role.
        role: Role,
        /// What was asked for.
        priority: u8,
    },
    /// The kernel takes the core away from a thread of this class that never sleeps.
    #[error(
        "role \"{role}\" spins for ever under SCHED_FIFO, and the kernel takes the core away from such a thread for \
         50 ms in each second; use idle policy backoff or park, and a spin window before timed tasks"
    )]
    FifoSpins {
        /// The role.
        role: Role,
    },
    /// A worker would spin for longer than [`MAX_SPIN_WINDOW`] before each timed task.
    #[error("role \"{role}\" has a spin window of {window:?}; the maximum is {MAX_SPIN_WINDOW:?}")]
    SpinWindowTooLong {
        /// The role.
        role: Role,
        /// What was asked for.
        window: Duration,
    },
    /// A role lends to one that is not in the plan.
    #[error("role \"{role}\" lends to role \"{}\", which is not declared", Shortened(&to.name().escape_debug().to_string()))]
    LendsToUnknown {
        /// The role that lends.
        role: Role,
        /// The role that does not exist.
        to: Role,
    },
    /// A role lends to itself.
    #[error("role \"{role}\" lends to itself")]
    LendsToItself {
        /// The role.
        role: Role,
    },
    /// A role lends to another one twice.
    #[error("role \"{role}\" lends to role \"{}\" twice", Shortened(&to.name().escape_debug().to_string()))]
    LendsTwice {
        /// The role that lends.
        role: Role,
        /// The role that is named twice.
        to: Role,
    },
    /// Roles that lend to each other are one role with more cores.
    #[error("lending goes one way, and here it goes in a circle: {circle}", circle = Circle(.roles))]
    LendsInCircle {
        /// The roles along the circle, the first one again at its end.
        roles: Vec<Role>,
    },
}

/// How many roles of a long circle are named at either end.
const CIRCLE_ENDS: usize = 5;

struct Circle<'a>(&'a [Role]);

impl fmt::Display for Circle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = match self.0 {
            long if long.len() > 2 * CIRCLE_ENDS => {
                (&long[..CIRCLE_ENDS], &long[long.len() - CIRCLE_ENDS..])
            }
            short => (short, &[][..]),
        };
        let mut separator = "";
        for role in first {
            write!(f, "{separator}\"{role}\"")?;
            separator = " to ";
        }
        if !last.is_empty() {
            write!(f, " to {} more", self.0.len() - 2 * CIRCLE_ENDS)?;
        }
        last.iter().try_for_each(|role| write!(f, " to \"{role}\""))
    }
}

/// Where and why a role list is malformed. Its text shows the list, or the part of a long one, with a mark below the place.
///
/// # Examples
///
/// ```
/// use amp_executor::RolePlan;
///
/// let error = RolePlan::parse("io=0;compute=x").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "malformed role list at byte 13: expected a CPU number\n  \
///      io=0;compute=x\n               ^",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleListError {
    list: String,
    position: usize,
    reason: &'static str,
}

impl RoleListError {
    /// `position` is a boundary of `list`.
    pub(super) fn new(list: &str, position: usize, reason: &'static str) -> Self {
        debug_assert!(list.is_char_boundary(position), "{position} of {list:?}");
        Self { list: list.to_owned(), position, reason }
    }

    /// Byte offset of the mistake in the list.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{PlanError, RolePlan};
    ///
    /// let list = "io=0;compute=x";
    /// let PlanError::Malformed(error) = RolePlan::parse(list).unwrap_err() else { panic!() };
    /// assert_eq!(&list[error.position()..], "x");
    /// ```
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is wrong there.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{PlanError, RolePlan};
    ///
    /// let PlanError::Malformed(error) = RolePlan::parse("io=0;compute=x").unwrap_err() else { panic!() };
    /// assert_eq!(error.reason(), "expected a CPU number");
    /// ```
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for RoleListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marked = Marked { line: &self.list, at: self.position, length: 1 };
        write!(f, "malformed role list at byte {}: {}\n{marked}", self.position, self.reason)
    }
}

impl std::error::Error for RoleListError {}
