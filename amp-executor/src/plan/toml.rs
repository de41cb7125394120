//! Plans as TOML: one `[[role]]` table each, in the order of declaration.

#[cfg(feature = "config")]
mod error;
#[cfg(feature = "config")]
mod read;

use std::fmt;

#[cfg(feature = "config")]
pub use error::{TomlError, TomlFileError};

use super::RolePlan;
use super::config::RoleConfig;
use super::spin_window::Window;
use crate::idle::IdlePolicy;
use crate::sched::SchedClass;

impl RolePlan {
    /// The plan as TOML, which `RolePlan::from_toml` (feature `config`) reads back as the same plan. What has not been
    /// changed from its default is left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::RolePlan;
    ///
    /// let plan = RolePlan::parse("io=0,2-3 capacity=64 lend=db;db=4-7")?;
    /// assert_eq!(
    ///     plan.to_toml(),
    ///     r#"[[role]]
    /// name = "io"
    /// cores = "0,2,3"
    /// capacity = 64
    /// lend_to = ["db"]
    ///
    /// [[role]]
    /// name = "db"
    /// cores = "4-7"
    /// "#,
    /// );
    /// # Ok::<(), amp_executor::PlanError>(())
    /// ```
    pub fn to_toml(&self) -> String {
        Toml(self).to_string()
    }
}

struct Toml<'a>(&'a RolePlan);

impl fmt::Display for Toml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, config) in self.0.roles().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write_role(f, config)?;
        }
        Ok(())
    }
}

/// No value needs escapes: a valid role's name has none of the characters that would, and the rest is digits and words.
fn write_role(f: &mut fmt::Formatter<'_>, config: &RoleConfig) -> fmt::Result {
    writeln!(f, "[[role]]\nname = \"{}\"\ncores = \"{}\"", config.role(), config.core_set())?;
    if config.is_shared() {
        writeln!(f, "shared = true")?;
    }
    if config.channel_capacity() != RoleConfig::DEFAULT_CAPACITY {
        writeln!(f, "capacity = {}", config.channel_capacity())?;
    }
    if config.idle_policy() != IdlePolicy::default() {
        writeln!(f, "idle = \"{}\"", config.idle_policy())?;
    }
    if config.sched_class() != SchedClass::default() {
        writeln!(f, "sched = \"{}\"", config.sched_class())?;
    }
    if config.timed_spin_window() != RoleConfig::DEFAULT_SPIN_WINDOW {
        writeln!(f, "spin_window = \"{}\"", Window(config.timed_spin_window()))?;
    }
    if !config.lends_to().is_empty() {
        let names: Vec<_> = config.lends_to().iter().map(|role| format!("\"{role}\"")).collect();
        writeln!(f, "lend_to = [{}]", names.join(", "))?;
    }
    Ok(())
}
