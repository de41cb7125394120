//! Reads TOML.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use executor_common::Role;
use executor_common::cpu::CpuSet;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{TomlError, TomlFileError};
use crate::idle::IdlePolicy;
use crate::plan::spin_window::Window;
use crate::plan::{MAX_WORKERS, PlanError, RoleConfig, RolePlan};
use crate::sched::SchedClass;

impl RolePlan {
    /// Reads a plan from TOML: a `[[role]]` table each, in the order of declaration.
    ///
    /// | key | value | without it |
    /// |---|---|---|
    /// | `name` | 1 to 64 ASCII letters, digits, `_`, `-`, `.` | required |
    /// | `cores` | a list in the kernel's syntax, `"0,2-5"`, or an array, `[0, 2, 3]` | required |
    /// | `shared` | whether the role accepts other shared roles on its cores | `false` |
    /// | `capacity` | how many tasks may wait in the role's channel | 1024 |
    /// | `idle` | `"spin"`, `"backoff"`, `"park"` | `"backoff"` |
    /// | `sched` | `"normal"`, or `"fifo:50"` | `"normal"` |
    /// | `spin_window` | `"1500us"`, with `ns`, `us`, `ms` or `s` | `"200us"` |
    /// | `lend_to` | an array of roles' names | none |
    ///
    /// Keys that are not in this table are errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::RolePlan;
    ///
    /// let plan = RolePlan::from_toml(
    ///     r#"
    /// [[role]]
    /// name = "realtime"
    /// cores = [1]
    /// sched = "fifo:50"
    /// spin_window = "300us"
    ///
    /// [[role]]
    /// name = "compute"
    /// cores = "2-5"
    /// lend_to = ["io"]
    ///
    /// [[role]]
    /// name = "io"
    /// cores = "0"
    /// "#,
    /// )?;
    /// assert_eq!(
    ///     plan.to_string(),
    ///     "realtime=1 sched=fifo:50 spin-window=300us;compute=2-5 lend=io;io=0",
    /// );
    /// # Ok::<(), amp_executor::TomlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TomlError`] names line, column and role, and shows the offending text.
    pub fn from_toml(text: &str) -> Result<Self, TomlError> {
        let File { role: entries } = toml::from_str(text).map_err(|error| {
            let role = error.span().and_then(|span| role_at(text, span.start));
            TomlError::malformed(text, error.span(), role, error.message())
        })?;
        Self::new(entries.iter().map(Entry::config)).map_err(|error| {
            let (role, span) = match blame(&error) {
                Some((role, key)) => (Some(role.name().to_owned()), span_of(&entries, role, key)),
                None => (None, None),
            };
            TomlError::invalid(text, span, role, error)
        })
    }

    /// Reads a plan from a TOML file; see [`RolePlan::from_toml`].
    ///
    /// # Errors
    ///
    /// The file cannot be read, or what is in it is no plan.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::RolePlan;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("roles.toml");
    /// std::fs::write(&path, "[[role]]\nname = \"io\"\ncores = \"0,2-5\"\n")?;
    /// let plan = RolePlan::from_toml_file(&path)?;
    /// assert_eq!(plan.to_string(), "io=0,2-5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_toml_file(path: impl AsRef<Path>) -> Result<Self, TomlFileError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| TomlFileError::Read { path: path.to_owned(), source })?;
        Self::from_toml(&text)
            .map_err(|error| TomlFileError::Malformed { path: path.to_owned(), error })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "entries")]
    role: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    cores: Spanned<Cores>,
    #[serde(default)]
    shared: bool,
    capacity: Option<Spanned<usize>>,
    idle: Option<Spanned<Word<IdlePolicy>>>,
    sched: Option<Spanned<Word<SchedClass>>>,
    spin_window: Option<Spanned<Word<Window>>>,
    lend_to: Option<Spanned<Vec<String>>>,
}

impl Entry {
    fn config(&self) -> RoleConfig {
        let role = Role::intern(self.name.get_ref());
        let mut config = RoleConfig::new(role).cores(self.cores.get_ref().0.iter());
        if self.shared {
            config = config.shared();
        }
        if let Some(tasks) = &self.capacity {
            config = config.capacity(*tasks.get_ref());
        }
        if let Some(idle) = &self.idle {
            config = config.idle(idle.get_ref().0);
        }
        if let Some(sched) = &self.sched {
            config = config.sched(sched.get_ref().0);
        }
        if let Some(window) = &self.spin_window {
            config = config.spin_window(window.get_ref().0.0);
        }
        let helped = self.lend_to.iter().flat_map(Spanned::get_ref);
        helped.fold(config, |config, name| config.lend_to(Role::intern(name)))
    }
}

/// Reads no more of the roles than [`RolePlan::new`] needs to see that there are too many.
fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of roles")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<Entry>, A::Error> {
            let (mut entries, mut workers) = (Vec::new(), 0);
            while workers.max(entries.len()) <= MAX_WORKERS {
                let Some(entry) = array.next_element::<Entry>()? else { return Ok(entries) };
                workers += entry.cores.get_ref().0.len();
                entries.push(entry);
            }
            while array.next_element::<IgnoredAny>()?.is_some() {}
            Ok(entries)
        }
    }

    deserializer.deserialize_seq(Entries)
}

/// A list as text, or an array of numbers.
struct Cores(CpuSet);

impl<'de> Deserialize<'de> for Cores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Cores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CPU list such as \"0,2-5\", or an array of CPU numbers")
            }

            fn visit_str<E: de::Error>(self, list: &str) -> Result<Cores, E> {
                list.parse().map(Cores).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Cores, A::Error> {
                let mut cores = CpuSet::new();
                while let Some(core) = array.next_element()? {
                    if core > CpuSet::MAX_CPU {
                        let reason = format!("CPU number too large: {core}");
                        return Err(de::Error::custom(reason));
                    }
                    cores.insert(core);
                }
                Ok(Cores(cores))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Text with a syntax of its own.
struct Word<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
            type Value = Word<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Word<T>, E> {
                word.parse().map(Word).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// The name of the role in whose table byte `offset` is. Works on what of the text is TOML.
fn role_at(text: &str, offset: usize) -> Option<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let DeValue::Array(roles) = table.get_ref().get("role")?.get_ref() else { return None };
    let role = roles.iter().rfind(|role| role.span().start <= offset)?;
    Some(role.get_ref().get("name")?.get_ref().as_str()?.to_owned())
}

/// A key of a role's table.
#[derive(Clone, Copy)]
enum Key {
    Name,
    Cores,
    Capacity,
    Idle,
    Sched,
    SpinWindow,
    LendTo,
}

/// The role and the key that would have to change, where it is one.
fn blame(error: &PlanError) -> Option<(Role, Key)> {
    Some(match error {
        PlanError::Malformed(_)
        | PlanError::NotUnicode
        | PlanError::NoRoles
        | PlanError::TooManyWorkers { .. } => return None,
        PlanError::InvalidRoleName { role } | PlanError::DuplicateRole { role } => {
            (*role, Key::Name)
        }
        PlanError::NoCores { role }
        | PlanError::CoreTooLarge { role, .. }
        | PlanError::CoreInTwoRoles { second: role, .. } => (*role, Key::Cores),
        PlanError::ZeroCapacity { role } | PlanError::CapacityTooLarge { role, .. } => {
            (*role, Key::Capacity)
        }
        PlanError::SpinOnSharedCore { role, .. } | PlanError::FifoSpins { role } => {
            (*role, Key::Idle)
        }
        PlanError::FifoPriority { role, .. } => (*role, Key::Sched),
        PlanError::SpinWindowTooLong { role, .. } => (*role, Key::SpinWindow),
        PlanError::LendsToUnknown { role, .. }
        | PlanError::LendsToItself { role }
        | PlanError::LendsTwice { role, .. } => (*role, Key::LendTo),
        PlanError::LendsInCircle { roles } => (*roles.first()?, Key::LendTo),
    })
}

/// Where the value of `key` stands. Of two tables with one name, the second one is the culprit.
fn span_of(entries: &[Entry], role: Role, key: Key) -> Option<Range<usize>> {
    let entry = entries.iter().rfind(|entry| entry.name.get_ref() == role.name())?;
    match key {
        Key::Name => Some(entry.name.span()),
        Key::Cores => Some(entry.cores.span()),
        Key::Capacity => entry.capacity.as_ref().map(Spanned::span),
        Key::Idle => entry.idle.as_ref().map(Spanned::span),
        Key::Sched => entry.sched.as_ref().map(Spanned::span),
        Key::SpinWindow => entry.spin_window.as_ref().map(Spanned::span),
        Key::LendTo => entry.lend_to.as_ref().map(Spanned::span),
    }
}
