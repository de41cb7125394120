//! What a shutdown reports.

use std::fmt;
use std::time::Duration;

/// What became of an executor's tasks between the call of a shutdown and its return.
///
/// # Examples
///
/// ```
/// use executor_common::ShutdownReport;
///
/// let report = ShutdownReport { ran: 3, cancelled: 1, ..ShutdownReport::default() };
/// assert_eq!(report.to_string(), "3 ran, 1 cancelled, 0 still running, after 0ns");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "the report says whether anything was lost or left running"]
pub struct ShutdownReport {
    /// Tasks that ended by themselves, panics included.
    pub ran: u64,
    /// Tasks that were cancelled before they ended.
    pub cancelled: u64,
    /// Tasks that still held their thread when the time was up. Their threads end when they do.
    pub still_running: u64,
    /// How long the shutdown took.
    pub elapsed: Duration,
}

impl ShutdownReport {
    /// Whether everything that had been accepted ran to its end.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ShutdownReport;
    ///
    /// let report = ShutdownReport { ran: 3, ..ShutdownReport::default() };
    /// assert!(report.is_clean());
    /// assert!(!ShutdownReport { cancelled: 1, ..report }.is_clean());
    /// ```
    pub fn is_clean(&self) -> bool {
        self.cancelled == 0 && self.still_running == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ran, {} cancelled, {} still running, after {:?}",
            self.ran, self.cancelled, self.still_running, self.elapsed
        )
    }
}
