//! What follows, in words.

use std::io::{self, Write};

use textwrap::{Options, fill};

use crate::compare::report::Verdict;

/// The width of all that is prose.
const COLUMNS: usize = 110;

/// Writes verdicts, one after the other.
///
/// # Errors
///
/// `out` cannot be written to.
pub fn write_verdicts(out: &mut impl Write, verdicts: &[Verdict]) -> io::Result<()> {
    for Verdict { subject, text, certainty, would_change, command, .. } in verdicts {
        writeln!(out, "{}", fill(&format!("> {subject}: {text}"), hanging("  ")))?;
        for (name, words) in [("sure", certainty), ("change", would_change)] {
            if !words.is_empty() {
                let label = format!("  {name:<9}");
                let options = hanging("           ").initial_indent(&label);
                writeln!(out, "{}", fill(words, options))?;
            }
        }
        // Never broken: it is there to be copied.
        writeln!(out, "  command  {command}\n")?;
    }
    Ok(())
}

fn hanging(indent: &str) -> Options<'_> {
    Options::new(COLUMNS).subsequent_indent(indent).break_words(false)
}
