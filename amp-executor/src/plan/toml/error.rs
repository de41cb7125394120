//! Where and why TOML is no plan.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::plan::PlanError;
use crate::plan::excerpt::{Marked, Shortened};

/// Where and why a text is no plan. Its Display shows the line, or the part of a long one, with the offending part marked.
///
/// # Examples
///
/// ```
/// use amp_executor::RolePlan;
///
/// let error = RolePlan::from_toml(
///     r#"
/// [[role]]
/// name = "io"
/// cores = "0-x"
/// "#,
/// )
/// .unwrap_err();
/// assert_eq!((error.line(), error.column(), error.role()), (Some(4), Some(9), Some("io")));
/// assert_eq!(
///     error.to_string(),
///     r#"line 4, column 9: role "io": expected a CPU number at byte 2 of the CPU list
///   cores = "0-x"
///           ^^^^^"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlError(Box<Mistake>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    reason: String,
    role: Option<String>,
    place: Option<Place>,
    plan: Option<PlanError>,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// The same in bytes, from 0.
    at: usize,
    /// In characters, at least 1.
    length: usize,
    /// The whole line.
    text: String,
}

impl TomlError {
    /// The text is not TOML, or not of the form of a plan.
    pub(super) fn malformed(
        text: &str,
        span: Option<Range<usize>>,
        role: Option<String>,
        reason: &str,
    ) -> Self {
        let reason = match &role {
            Some(role) => format!("role \"{}\": {}", Shortened(role), Shortened(reason)),
            None => Shortened(reason).to_string(),
        };
        let place = span.map(|span| Place::of(text, span));
        Self(Box::new(Mistake { reason, role, place, plan: None }))
    }

    /// The text has the form of a plan, but its roles make none.
    pub(super) fn invalid(
        text: &str,
        span: Option<Range<usize>>,
        role: Option<String>,
        plan: PlanError,
    ) -> Self {
        let place = span.map(|span| Place::of(text, span));
        Self(Box::new(Mistake { reason: plan.to_string(), role, place, plan: Some(plan) }))
    }

    /// The line, from 1. `None` where the mistake is in no single place.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = "[[role]]\nname = \"io\"\ncores = \"0-x\"\n";
    /// let error = amp_executor::RolePlan::from_toml(text).unwrap_err();
    /// assert_eq!(error.line(), Some(3));
    ///
    /// let nowhere = amp_executor::RolePlan::from_toml("").unwrap_err();
    /// assert_eq!((nowhere.line(), nowhere.reason()), (None, "no role is declared"));
    /// ```
    pub fn line(&self) -> Option<usize> {
        self.0.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, from 1.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = "[[role]]\nname = \"io\"\ncores = \"0-x\"\n";
    /// let error = amp_executor::RolePlan::from_toml(text).unwrap_err();
    /// assert_eq!(error.column(), Some(9));
    /// ```
    pub fn column(&self) -> Option<usize> {
        self.0.place.as_ref().map(|place| place.column)
    }

    /// The name of the role whose table it is, where that could be told.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = "[[role]]\nname = \"io\"\ncores = \"0-x\"\n";
    /// let error = amp_executor::RolePlan::from_toml(text).unwrap_err();
    /// assert_eq!(error.role(), Some("io"));
    /// ```
    pub fn role(&self) -> Option<&str> {
        self.0.role.as_deref()
    }

    /// What is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = "[[role]]\nname = \"io\"\ncores = \"0-x\"\n";
    /// let error = amp_executor::RolePlan::from_toml(text).unwrap_err();
    /// assert_eq!(error.reason(), "role \"io\": expected a CPU number at byte 2 of the CPU list");
    /// ```
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What is wrong with the plan, where the text by itself is right.
    ///
    /// # Examples
    ///
    /// ```
    /// use amp_executor::{PlanError, RolePlan};
    ///
    /// let error = RolePlan::from_toml("[[role]]\nname = \"io\"\ncores = []\n").unwrap_err();
    /// assert!(matches!(error.plan_error(), Some(PlanError::NoCores { .. })));
    ///
    /// let error = RolePlan::from_toml("[[role]").unwrap_err();
    /// assert_eq!(error.plan_error(), None);
    /// ```
    pub fn plan_error(&self) -> Option<&PlanError> {
        self.0.plan.as_ref()
    }
}

impl Place {
    /// The part of `span` that is in the line where it starts.
    fn of(text: &str, span: Range<usize>) -> Self {
        let start = text.floor_char_boundary(span.start);
        let end = text.floor_char_boundary(span.end).max(start);
        let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        Self {
            line: text[..from].matches('\n').count() + 1,
            column: text[from..start].chars().count() + 1,
            at: start - from,
            length: text[start..end.min(to)].chars().count().max(1),
            text: text[from..to].to_owned(),
        }
    }
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Place { line, column, at, length, text }) = &self.0.place else {
            return f.write_str(&self.0.reason);
        };
        let marked = Marked { line: text, at: *at, length: *length };
        write!(f, "line {line}, column {column}: {}\n{marked}", self.0.reason)
    }
}

impl std::error::Error for TomlError {}

/// Why a file gave no plan.
///
/// # Examples
///
/// ```
/// use amp_executor::{RolePlan, TomlFileError};
///
/// match RolePlan::from_toml_file("no/such/file.toml").unwrap_err() {
///     TomlFileError::Read { source, .. } => assert_eq!(source.kind(), std::io::ErrorKind::NotFound),
///     error => panic!("{error}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TomlFileError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    #[non_exhaustive]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// What is in it is no plan.
    #[error("{}: {error}", path.display())]
    #[non_exhaustive]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: TomlError,
    },
}
