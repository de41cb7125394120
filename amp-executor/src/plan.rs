//! Which role has which cores: declared, and checked once.
//!
//! A [`RolePlan`] is what the builder's calls, a string and the environment all become, so that the rest of the
//! crate knows one validated form. What can be checked without a machine is checked here; whether the cores exist
//! is checked when the executor is built.

mod config;
mod error;
mod excerpt;
mod lending;
mod parse;
mod spin_window;
mod suggest;
mod toml;

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use executor_common::Role;

pub use config::RoleConfig;
pub use error::{PlanError, RoleListError};
pub(crate) use excerpt::Shortened;
pub use suggest::{Machine, RoleRequest, SuggestError, Suggestion};
#[cfg(feature = "config")]
pub use toml::{TomlError, TomlFileError};

/// The most tasks that one role's channel can hold.
///
/// # Examples
///
/// ```
/// use amp_executor::{MAX_CAPACITY, Role, RoleConfig, RolePlan};
///
/// let with = |capacity| RolePlan::new([RoleConfig::new(Role::new("io")).cores([0]).capacity(capacity)]);
/// assert!(with(MAX_CAPACITY).is_ok());
/// assert!(with(MAX_CAPACITY + 1).is_err());
/// ```
pub const MAX_CAPACITY: usize = 1 << 24;

/// The most workers that one executor can have.
///
/// # Examples
///
/// ```
/// use amp_executor::{MAX_WORKERS, Role, RoleConfig, RolePlan};
///
/// let with = |workers| RolePlan::new([RoleConfig::new(Role::new("compute")).cores(0..workers)]);
/// assert!(with(MAX_WORKERS).is_ok());
/// assert!(with(MAX_WORKERS + 1).is_err());
/// ```
pub const MAX_WORKERS: usize = 1024;

/// The longest name of a role, in bytes.
///
/// # Examples
///
/// ```
/// use amp_executor::{MAX_ROLE_NAME, RolePlan};
///
/// let with = |length| RolePlan::parse(&format!("{}=0", "x".repeat(length)));
/// assert!(with(MAX_ROLE_NAME).is_ok());
/// assert!(with(MAX_ROLE_NAME + 1).is_err());
/// ```
pub const MAX_ROLE_NAME: usize = 64;

/// The longest time that a worker may spin before a timed task: far more than a sleeping thread is ever late, and far less
/// than what a core is worth.
///
/// # Examples
///
/// ```
/// use amp_executor::{MAX_SPIN_WINDOW, Role, RoleConfig, RolePlan};
///
/// let with = |window| RolePlan::new([RoleConfig::new(Role::new("realtime")).cores([1]).spin_window(window)]);
/// assert!(with(MAX_SPIN_WINDOW).is_ok());
/// assert!(with(2 * MAX_SPIN_WINDOW).is_err());
/// ```
pub const MAX_SPIN_WINDOW: Duration = Duration::from_millis(10);

/// The environment variable that [`RolePlan::from_env`] reads.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use amp_executor::{ENV_VARIABLE, RolePlan};
///
/// // For a program that asks `RolePlan::from_env`.
/// let plan = RolePlan::parse("io=0;compute=1-3")?;
/// let mut server = Command::new("server");
/// server.env(ENV_VARIABLE, plan.to_string());
/// assert!(server.get_envs().any(|(name, _)| name == "AMP_ROLES"));
/// # Ok::<(), amp_executor::PlanError>(())
/// ```
pub const ENV_VARIABLE: &str = "AMP_ROLES";

/// A checked assignment of roles to cores.
///
/// Written in the builder's calls, as a role list, or as TOML ([`RolePlan::to_toml`], and `RolePlan::from_toml` with the
/// feature `config`): all three make the same plan.
///
/// # Role lists
///
/// A plan is written as `role=cores` entries, separated by semicolons. `cores` is a list in the Linux kernel's
/// syntax (`0`, `2-5`, `0,2,8-15:4`), without spaces. Attributes may follow, each after a space:
///
/// | attribute | meaning | without it |
/// |---|---|---|
/// | `shared` | the role accepts other shared roles on its cores | its cores are its own |
/// | `capacity=64` | how many tasks may wait in the role's channel | 1024 |
/// | `idle=spin` (`backoff`, `park`) | the role's [`IdlePolicy`](crate::IdlePolicy) | `backoff` |
/// | `sched=fifo:50` (`normal`) | the workers' [`SchedClass`](crate::SchedClass) | `normal` |
/// | `spin-window=1500us` (`ns`, `ms`, `s`) | how long a worker spins before a timed task is due | `200us` |
/// | `lend=db,io` | the roles that idle workers help, in this order | none |
///
/// # Examples
///
/// ```
/// use amp_executor::{PlanError, RolePlan};
///
/// let plan: RolePlan = "io=0 capacity=64;compute=2-5".parse()?;
/// assert_eq!(plan.roles().count(), 2);
/// assert_eq!(plan.to_string(), "io=0 capacity=64;compute=2-5");
///
/// let error = RolePlan::parse("io=0;compute=0-3").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "core 0 is in role \"io\" and in role \"compute\", and not both are shared",
/// );
/// # Ok::<(), PlanError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePlan {
    roles: Vec<RoleConfig>,
}

impl RolePlan {
    /// Checks `roles`.
    ///
    /// # Errors
    ///
    /// [`PlanError`] names the culprit.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{Role, RoleConfig, RolePlan};
    ///
    /// let plan = RolePlan::new([RoleConfig::new(Role::new("io")).cores([0])])?;
    /// assert_eq!(plan.to_string(), "io=0");
    /// # Ok::<(), amp_executor::PlanError>(())
    /// ```
    pub fn new(roles: impl IntoIterator<Item = RoleConfig>) -> Result<Self, PlanError> {
        Self::checked(roles.into_iter().map(Ok))
    }

    /// Checks `roles`, of which it takes no more than can make a plan.
    fn checked(
        all: impl IntoIterator<Item = Result<RoleConfig, PlanError>>,
    ) -> Result<Self, PlanError> {
        let (mut roles, mut workers) = (Vec::new(), 0);
        for config in all {
            let config = config?;
            workers += config.core_set().len();
            // Each role is compared with each other below: a number of them without a bound would take its square.
            if workers.max(roles.len()) > MAX_WORKERS {
                return Err(PlanError::TooManyWorkers { workers: workers.max(roles.len()) });
            }
            roles.push(config);
        }
        if roles.is_empty() {
            return Err(PlanError::NoRoles);
        }
        for (index, config) in roles.iter().enumerate() {
            config.check()?;
            for earlier in &roles[..index] {
                earlier.check_beside(config)?;
            }
        }
        lending::check(&roles)?;
        Ok(Self { roles })
    }

    /// Reads a role list; see the type's documentation for its syntax.
    ///
    /// # Errors
    ///
    /// [`PlanError::Malformed`] carries the position of a mistake in the syntax; the other errors are those of
    /// [`RolePlan::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::RolePlan;
    ///
    /// let plan = RolePlan::parse("io=0 shared;log=0 shared;compute=2-5 idle=park")?;
    /// assert_eq!(plan.roles().count(), 3);
    /// # Ok::<(), amp_executor::PlanError>(())
    /// ```
    pub fn parse(list: &str) -> Result<Self, PlanError> {
        Self::checked(parse::role_list(list).map(|config| Ok(config?)))
    }

    /// Reads the role list in the environment variable `AMP_ROLES`. `None` where it is not set.
    ///
    /// # Errors
    ///
    /// As [`RolePlan::parse`].
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::RolePlan;
    ///
    /// let plan = match RolePlan::from_env()? {
    ///     Some(plan) => plan,
    ///     None => RolePlan::parse("io=0")?,
    /// };
    /// assert_ne!(plan.roles().count(), 0);
    /// # Ok::<(), amp_executor::PlanError>(())
    /// ```
    pub fn from_env() -> Result<Option<Self>, PlanError> {
        std::env::var_os(ENV_VARIABLE).map(Self::from_env_value).transpose()
    }

    fn from_env_value(value: OsString) -> Result<Self, PlanError> {
        Self::parse(&value.into_string().map_err(|_| PlanError::NotUnicode)?)
    }

    /// The roles in the order of declaration, which is the order in which a shutdown closes them.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::RolePlan;
    ///
    /// let plan = RolePlan::parse("io=0;compute=2-5")?;
    /// let workers: usize = plan.roles().map(|role| role.core_set().len()).sum();
    /// assert_eq!(workers, 5);
    /// # Ok::<(), amp_executor::PlanError>(())
    /// ```
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &RoleConfig> {
        self.roles.iter()
    }

    /// Whether another role than `role` uses `core`.
    pub(crate) fn is_core_shared(&self, role: Role, core: usize) -> bool {
        self.roles().any(|other| other.role() != role && other.core_set().contains(core))
    }
}

impl FromStr for RolePlan {
    type Err = PlanError;

    fn from_str(list: &str) -> Result<Self, PlanError> {
        Self::parse(list)
    }
}

/// Writes the plan as a role list, which reads back as the same plan.
impl fmt::Display for RolePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, config) in self.roles.iter().enumerate() {
            write!(f, "{}{config}", if index == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idle::IdlePolicy;
    use crate::sched::SchedClass;
    use proptest::prelude::*;

    const A: Role = Role::new("a");
    const B: Role = Role::new("b");

    fn on(role: Role, cores: &[usize]) -> RoleConfig {
        RoleConfig::new(role).cores(cores.iter().copied())
    }

    #[test]
    fn structural_mistakes_name_the_culprit() {
        let cases: [(Vec<RoleConfig>, PlanError); 14] = [
            (vec![], PlanError::NoRoles),
            (vec![on(A, &[0]), on(A, &[1])], PlanError::DuplicateRole { role: A }),
            (vec![on(A, &[])], PlanError::NoCores { role: A }),
            (vec![on(A, &[0]).capacity(0)], PlanError::ZeroCapacity { role: A }),
            (
                vec![on(A, &[0]).capacity(MAX_CAPACITY + 1)],
                PlanError::CapacityTooLarge { role: A, capacity: MAX_CAPACITY + 1 },
            ),
            (
                vec![RoleConfig::new(A).cores(0..=MAX_WORKERS)],
                PlanError::TooManyWorkers { workers: MAX_WORKERS + 1 },
            ),
            (
                vec![on(A, &[0, 3]), on(B, &[3]).shared()],
                PlanError::CoreInTwoRoles { core: 3, first: A, second: B },
            ),
            (
                vec![on(A, &[0]).shared().idle(IdlePolicy::Spin), on(B, &[0]).shared()],
                PlanError::SpinOnSharedCore { core: 0, role: A, other: B },
            ),
            (
                vec![on(A, &[0]).shared(), on(B, &[0]).shared().idle(IdlePolicy::Spin)],
                PlanError::SpinOnSharedCore { core: 0, role: B, other: A },
            ),
            (
                vec![on(Role::new("a b"), &[0])],
                PlanError::InvalidRoleName { role: Role::new("a b") },
            ),
            (
                vec![on(A, &[0]).sched(SchedClass::Fifo(0))],
                PlanError::FifoPriority { role: A, priority: 0 },
            ),
            (
                vec![on(A, &[0]).sched(SchedClass::Fifo(100))],
                PlanError::FifoPriority { role: A, priority: 100 },
            ),
            (
                vec![on(A, &[0]).sched(SchedClass::Fifo(1)).idle(IdlePolicy::Spin)],
                PlanError::FifoSpins { role: A },
            ),
            (
                vec![on(A, &[0]).spin_window(MAX_SPIN_WINDOW + Duration::from_nanos(1))],
                PlanError::SpinWindowTooLong {
                    role: A,
                    window: MAX_SPIN_WINDOW + Duration::from_nanos(1),
                },
            ),
        ];
        for (roles, expected) in cases {
            let error = RolePlan::new(roles).unwrap_err();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn the_text_of_an_error_names_core_and_roles() {
        let text = |roles: Vec<RoleConfig>| RolePlan::new(roles).unwrap_err().to_string();
        let both = text(vec![on(A, &[3]), on(B, &[3])]);
        assert!(both.contains("core 3") && both.contains("\"a\"") && both.contains("\"b\""));
        let spin = text(vec![on(A, &[0]).shared().idle(IdlePolicy::Spin), on(B, &[0]).shared()]);
        assert!(spin.contains("core 0") && spin.contains("\"a\"") && spin.contains("\"b\""));
    }

    #[test]
    fn sharing_and_the_largest_sizes_are_accepted() {
        RolePlan::new([on(A, &[0, 1]).shared(), on(B, &[1]).shared()]).unwrap();
        RolePlan::new([on(A, &[0]).capacity(MAX_CAPACITY)]).unwrap();
        RolePlan::new([RoleConfig::new(A).cores(0..MAX_WORKERS)]).unwrap();
        let fifo = on(A, &[0]).sched(SchedClass::Fifo(99)).spin_window(MAX_SPIN_WINDOW);
        RolePlan::new([fifo]).unwrap();
    }

    #[test]
    fn the_environment_holds_the_same_syntax() {
        assert_eq!(RolePlan::from_env_value("a=0".into()), RolePlan::parse("a=0"));
        assert!(matches!(
            RolePlan::from_env_value("a=".into()),
            Err(PlanError::Malformed(error)) if error.position() == 2
        ));
    }

    #[cfg(unix)]
    #[test]
    fn an_environment_that_is_not_text_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(vec![b'a', b'=', 0xff]);
        assert_eq!(RolePlan::from_env_value(value), Err(PlanError::NotUnicode));
    }

    proptest! {
        #[test]
        fn no_list_panics_and_positions_are_inside(list in "[a-z0-9=;, :é-]{0,30}") {
            if let Err(PlanError::Malformed(error)) = RolePlan::parse(&list) {
                prop_assert!(list.is_char_boundary(error.position()));
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
