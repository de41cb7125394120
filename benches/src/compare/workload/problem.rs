//! What is wrong with a workload file, and where.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// So many problems are shown; a file that is no workload file at all has thousands.
const SHOWN: usize = 20;

/// A line that is longer is not shown.
const WIDEST: usize = 200;

/// Why a file is no workload. Its Display has `FILE:LINE:COLUMN: FIELD: reason` and the line with the place marked, for each
/// problem, in the order of the file.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use amp_executor::Machine;
/// use benches::compare::Workload;
///
/// let text = r#"
/// [[class]]
/// name = "tick"
/// arrival = { poisson = 0 }
/// service = { fixed = "50us" }
/// "#;
/// let machine = Machine::of_this_process();
/// let error = Workload::from_toml(text, Path::new("my.toml"), &machine).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"my.toml:4:23: class "tick".arrival.poisson: a rate of 0 is none; it must be above 0
///   arrival = { poisson = 0 }
///                         ^"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadError {
    file: PathBuf,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: Option<Place>,
    field: String,
    reason: String,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// In characters, at least 1.
    length: usize,
    /// The whole line.
    text: String,
}

/// Where a value stands: its field, and the bytes of the text.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) field: String,
    pub(super) span: Range<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) at: At,
    pub(super) value: T,
}

/// The problems of one text, as they are found.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    text: &'a str,
    found: RefCell<Vec<(At, String)>>,
}

impl WorkloadError {
    /// The file, as it was named.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// At least one, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The file as a whole is none.
    pub(super) fn unreadable(file: &Path, reason: impl fmt::Display) -> Self {
        let reason = format!("cannot be read: {reason}");
        let problem = Problem { place: None, field: String::new(), reason };
        Self { file: file.to_owned(), problems: vec![problem] }
    }
}

impl Problem {
    /// The line, from 1. `None` where it is in no single place.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }

    /// Which field, as a path. Empty where it is the whole file.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl<'a> Problems<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, found: RefCell::default() }
    }

    pub(super) fn add(&self, at: &At, reason: impl Into<String>) {
        self.found.borrow_mut().push((at.clone(), reason.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Whether the text has at `span` just these characters between quotes, so that offsets in a string are offsets in the
    /// text.
    pub(super) fn is_verbatim(&self, span: &Range<usize>, value: &str) -> bool {
        self.text.get(span.start + 1..span.start + 1 + value.len()) == Some(value)
            && span.len() == value.len() + 2
    }

    /// All that were found. There is at least one.
    pub(super) fn into_error(self, file: &Path) -> WorkloadError {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(at, _)| at.span.start);
        let problem = |(at, reason): (At, String)| Problem {
            place: Some(Place::of(self.text, at.span)),
            field: at.field,
            reason,
        };
        WorkloadError { file: file.to_owned(), problems: found.into_iter().map(problem).collect() }
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
            length: text[start..end.min(to)].chars().count().max(1),
            text: text[from..to].to_owned(),
        }
    }
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let Problem { place, field, reason } = problem;
            write!(f, "{}{}:", if index == 0 { "" } else { "\n" }, self.file.display())?;
            if let Some(Place { line, column, .. }) = place {
                write!(f, "{line}:{column}:")?;
            }
            let separator = if field.is_empty() { "" } else { ": " };
            write!(f, " {field}{separator}{reason}")?;
            if let Some(place) = place {
                place.show(f)?;
            }
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more", self.file.display()),
        }
    }
}

impl Place {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, length, text, .. } = self;
        if text.chars().count() > WIDEST || text.trim().is_empty() {
            return Ok(());
        }
        // Tabs would move the mark, and other control characters do worse.
        let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let indent = column - 1;
        write!(f, "\n  {}\n  {:indent$}{:^<length$}", shown.trim_end(), "", "")
    }
}

impl std::error::Error for WorkloadError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(field: &str, span: Range<usize>) -> At {
        At { field: field.to_owned(), span }
    }

    #[test]
    fn problems_are_told_in_the_order_of_the_text() {
        let text = "é = 1\n\tlong = 2\n";
        let problems = Problems::of(text);
        problems.add(&at("long", 8..12), "second");
        problems.add(&at("é", 0..2), "first");
        let error = problems.into_error(Path::new("w.toml"));
        assert_eq!(
            error.to_string(),
            "w.toml:1:1: é: first\n  é = 1\n  ^\nw.toml:2:2: long: second\n   long = 2\n   ^^^^",
        );
    }

    #[test]
    fn what_is_too_much_is_left_out() {
        let text = "x".repeat(WIDEST + 1);
        let problems = Problems::of(&text);
        (0..SHOWN + 3).for_each(|index| problems.add(&at("x", index..index + 1), "no"));
        let error = problems.into_error(Path::new("w.toml"));
        assert_eq!(error.problems().len(), SHOWN + 3);
        let shown = error.to_string();
        assert_eq!(shown.lines().count(), SHOWN + 1);
        assert!(shown.ends_with("w.toml: and 3 more"), "{shown}");
        assert!(!shown.contains("xx"));
    }
}
