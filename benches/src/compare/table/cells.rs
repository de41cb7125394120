//! What stands in the tables' cells.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};
use indicatif::HumanCount;

use crate::rounds::{Spread, duration};

/// A value that there is none of.
pub(super) const NONE: &str = "-";

/// A table with these columns, of which the first `names` hold names and the others figures.
pub(super) fn table(names: usize, columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_style(TableComponent::HeaderLines, '-');
    table.set_style(TableComponent::MiddleHeaderIntersections, '-');
    table.set_header(columns);
    for (index, column) in table.column_iter_mut().enumerate() {
        // With the space that takes the place of a line.
        column.set_padding((0, 1));
        if index >= names {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Something per second, with about four digits that count.
pub(super) fn rate(value: f64) -> String {
    match value {
        1_000.0.. => HumanCount(value.round() as u64).to_string(),
        100.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The median, and the range where there is one.
pub(super) fn spread(spread: Option<Spread>, format: impl Fn(f64) -> String) -> String {
    match spread {
        None => NONE.to_owned(),
        Some(Spread { median, min, max }) if min == max => format(median),
        Some(Spread { median, min, max }) => {
            format!("{} [{}..{}]", format(median), format(min), format(max))
        }
    }
}

/// The median.
pub(super) fn median(spread: Option<Spread>, format: impl Fn(f64) -> String) -> String {
    spread.map_or_else(|| NONE.to_owned(), |spread| format(spread.median))
}

/// Nanoseconds.
pub(super) fn time(nanoseconds: f64) -> String {
    duration(nanoseconds / 1e9)
}

/// How many.
pub(super) fn count(value: u64) -> String {
    HumanCount(value).to_string()
}

/// A part of the whole.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_four_digits() {
        let texts = [12_345.6, 999.96, 12.345, 0.5].map(rate);
        assert_eq!(texts, ["12,346", "1000.0", "12.35", "0.50"]);
    }

    #[test]
    fn a_range_is_shown_where_there_is_one() {
        let whole = |value| format!("{value:.0}");
        assert_eq!(spread(Spread::of([1.0, 3.0, 2.0]), whole), "2 [1..3]");
        assert_eq!(spread(Spread::of([2.0]), whole), "2");
        assert_eq!(spread(None, whole), "-");
        assert_eq!(median(Spread::of([1.0, 3.0, 2.0]), whole), "2");
    }
}
