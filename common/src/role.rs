//! Names for kinds of work.

use std::collections::HashSet;
use std::fmt;
use std::sync::Mutex;

/// The names made at run time. The standard library's lock: a static cannot be one of loom's, and nothing
/// but the names is published through it.
static INTERNED: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// A kind of work: I/O, real-time, database queries. Compared by name.
///
/// The AMP executor routes by it; the SMP executor takes it as a label for metrics.
///
/// # Examples
///
/// ```
/// use executor_common::Role;
///
/// const IO: Role = Role::new("io");
/// assert_eq!(IO, Role::intern(&String::from("io")));
/// assert_eq!(IO.to_string(), "io");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Role(&'static str);

impl Role {
    /// The role of this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Role;
    ///
    /// const IO: Role = Role::new("io");
    /// assert_eq!(IO.to_string(), "io");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The role of a name that is only known at run time, from a configuration file say. Each distinct name
    /// is kept for the life of the process.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Role;
    ///
    /// let from_a_file = String::from("io");
    /// assert_eq!(Role::intern(&from_a_file), Role::new("io"));
    /// ```
    pub fn intern(name: &str) -> Self {
        let mut interned = INTERNED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let names = interned.get_or_insert_default();
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let name: &'static str = Box::leak(name.into());
        names.insert(name);
        Self(name)
    }

    /// The name.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Role;
    ///
    /// assert_eq!(Role::new("io").name(), "io");
    /// ```
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({})", self.0)
    }
}
