//! The workload files that come with the program.

use std::path::Path;

use amp_executor::Machine;

use super::{Workload, WorkloadError};

/// The built-in workloads: names, and the texts of their files.
pub const BUILTIN: [(&str, &str); 6] = [
    ("unpredictable", include_str!("../../../workloads/unpredictable.toml")),
    ("realtime", include_str!("../../../workloads/realtime.toml")),
    ("service", include_str!("../../../workloads/service.toml")),
    ("game-frame", include_str!("../../../workloads/game-frame.toml")),
    ("fluctuating", include_str!("../../../workloads/fluctuating.toml")),
    ("checksum", include_str!("../../../workloads/checksum.toml")),
];

impl Workload {
    /// Reads a workload file; or the built-in workload of this name, where there is no such file.
    ///
    /// # Errors
    ///
    /// As [`Workload::from_file`].
    pub fn load(name: &str) -> Result<Self, WorkloadError> {
        match Self::builtin(name).filter(|_| !Path::new(name).exists()) {
            Some(text) => {
                let origin = Path::new("benches/workloads").join(name).with_extension("toml");
                let workload = Self::from_toml(text, &origin, &Machine::of_this_process())?;
                Ok(Self { given: name.to_owned(), ..workload })
            }
            None => Self::from_file(Path::new(name)),
        }
    }

    /// The text of a built-in workload's file.
    ///
    /// # Examples
    ///
    /// ```
    /// use benches::compare::Workload;
    ///
    /// assert!(Workload::builtin("realtime").unwrap().contains("[[class]]"));
    /// assert_eq!(Workload::builtin("no-such"), None);
    /// ```
    pub fn builtin(name: &str) -> Option<&'static str> {
        BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }
}
