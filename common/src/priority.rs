//! Which queued task goes first.

/// A task's place among the queued tasks of its pool or role.
///
/// # Examples
///
/// ```
/// use executor_common::Priority;
///
/// assert!(Priority::High > Priority::Normal);
/// assert_eq!(Priority::default(), Priority::Normal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Priority {
    /// When nothing else is to do.
    Low,
    /// In order of arrival.
    #[default]
    Normal,
    /// Overtakes queued work of the other classes.
    High,
}
