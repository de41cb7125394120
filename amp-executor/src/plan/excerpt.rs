//! What an error shows of a text that may be of any length.

use std::fmt::{self, Write};

/// How much of a line is shown before a mistake and from it on, in characters.
const BEFORE: usize = 60;
const AFTER: usize = 60;

/// The longest part of a name or of a message that is shown, in bytes.
const LONGEST: usize = 256;

/// A text, cut where it is long.
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.floor_char_boundary(LONGEST);
        f.write_str(&self.0[..end])?;
        f.write_str(if end < self.0.len() { ".." } else { "" })
    }
}

/// A line with a mark below a part of it. Of a long line what is around the mark.
pub(super) struct Marked<'a> {
    pub(super) line: &'a str,
    /// Where the part begins, in bytes.
    pub(super) at: usize,
    /// In characters.
    pub(super) length: usize,
}

impl fmt::Display for Marked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.line.split_at(self.at);
        let from = before.char_indices().rev().take(BEFORE).last().map_or(self.at, |(at, _)| at);
        let to = after.char_indices().nth(AFTER).map_or(after.len(), |(at, _)| at);
        let (left, right) = (&before[from..], &after[..to]);
        let cut = if from > 0 { ".." } else { "" };
        let rest = if to < after.len() { ".." } else { "" };
        write!(f, "  {cut}")?;
        // Line breaks and tabs would move the mark.
        let shown = left.chars().chain(right.trim_end().chars());
        shown.map(|c| if c.is_control() { ' ' } else { c }).try_for_each(|c| f.write_char(c))?;
        let indent = cut.len() + left.chars().count();
        let length = self.length.clamp(1, right.chars().count().max(1));
        write!(f, "{rest}\n  {:indent$}{:^<length$}", "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(line: &str, at: usize, length: usize) -> String {
        Marked { line, at, length }.to_string()
    }

    #[test]
    fn a_short_line_is_shown_as_it_is() {
        assert_eq!(marked("io=x", 3, 1), "  io=x\n     ^");
        assert_eq!(marked("\u{e9}\t=x  ", 4, 3), "  \u{e9} =x\n     ^^^");
        assert_eq!(marked("", 0, 0), "  \n  ^");
    }

    #[test]
    fn of_a_long_line_what_is_around_the_mark() {
        let line = format!("{}x{}", "\u{e9}".repeat(1000), "-".repeat(1000));
        let text = marked(&line, 2000, 500);
        let (shown, marks) = text.split_once('\n').unwrap();
        assert_eq!(shown, format!("  ..{}x{}..", "\u{e9}".repeat(60), "-".repeat(59)));
        assert_eq!(marks, format!("{}{}", " ".repeat(64), "^".repeat(60)));
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(Shortened("io").to_string(), "io");
        assert_eq!(Shortened(&"a".repeat(256)).to_string(), "a".repeat(256));
        let long = format!("a{}", "\u{e9}".repeat(1000));
        assert_eq!(Shortened(&long).to_string(), format!("a{}..", "\u{e9}".repeat(127)));
    }
}
