//! How figures are written.

use indicatif::HumanCount;
use maud::{Markup, html};

use crate::rounds::{Spread, duration};

/// Where there is no figure.
const NOTHING: &str = "\u{2013}";

/// A time with three digits.
pub(super) fn time(ns: f64) -> String {
    if !ns.is_finite() {
        return NOTHING.to_owned();
    }
    if ns == 0.0 { "0".to_owned() } else { duration(ns / 1e9) }
}

/// A round time, such as those on axes and in limits, without zeros that say nothing.
pub(super) fn round_time(ns: f64) -> String {
    let text = time(ns);
    let Some((value, unit)) = text.split_once(' ') else { return text };
    // The logarithm of a round number is not exact, so that 1 ms may come as 1,000 us.
    match (value, unit) {
        ("1000", "ns") => "1 us".to_owned(),
        ("1000", "us") => "1 ms".to_owned(),
        ("1000", "ms") => "1 s".to_owned(),
        _ if value.contains('.') => {
            format!("{} {unit}", value.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// Thousands as k and so on, without zeros that say nothing, for axes.
pub(super) fn round_count(value: f64) -> String {
    let text = scaled(value, 1e3);
    let (number, unit) = text
        .split_once(' ')
        .map_or((text.as_str(), ""), |(number, _)| (number, &text[number.len()..]));
    if !number.contains('.') {
        return text;
    }
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

/// Three digits, and thousands as k and so on.
pub(super) fn count(value: f64) -> String {
    scaled(value, 9_995.0)
}

/// From this on in thousands.
fn scaled(value: f64, thousands: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let (value, unit) = match value.abs() {
        999_500.0.. => (value / 1e6, " M"),
        size if size >= thousands => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let decimals = match value.abs() {
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    let decimals = if value == 0.0 { 0 } else { decimals };
    format!("{value:.decimals$}{unit}")
}

/// All digits.
pub(super) fn whole(value: f64) -> String {
    HumanCount(value.round().max(0.0) as u64).to_string()
}

/// KiB, MiB and so on.
pub(super) fn bytes(value: f64) -> String {
    let (value, unit) = match value {
        1_048_064.0.. => (value / 1_048_576.0, "MiB"),
        1_000.0.. => (value / 1_024.0, "KiB"),
        _ => return format!("{value:.0} B"),
    };
    let decimals = match value {
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

/// A part of a whole.
pub(super) fn percent(part: f64) -> String {
    if !part.is_finite() {
        return NOTHING.to_owned();
    }
    let percent = part * 100.0;
    let decimals = if percent == 0.0 || percent.abs() >= 9.95 { 0 } else { 1 };
    format!("{percent:.decimals$} %")
}

/// How many times.
pub(super) fn times(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { NOTHING.to_owned() }
}

/// The median, and below it the range over the rounds.
pub(super) fn spread(spread: Option<Spread>, format: impl Fn(f64) -> String) -> Markup {
    html! {
        @match spread {
            Some(Spread { median, min, max }) => {
                span .median { (format(median)) }
                @if min < max { span .range { (range(&format(min), &format(max))) } }
            }
            None => { span .none { (NOTHING) } }
        }
    }
}

/// From one to the other. A unit that both have is named once.
fn range(min: &str, max: &str) -> String {
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    let min = match (min.split_once(' '), unit(max)) {
        (Some((value, unit)), Some(other)) if unit == other => value,
        _ => min,
    };
    format!("{min} \u{2013} {max}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_no_idle_zeros() {
        assert_eq!([0.0, 1234.0, f64::NAN].map(time), ["0", "1.23 us", "\u{2013}"]);
        let times = [1e3, 999.99, 2e6, 5e7, 1e9, 2.5e3].map(round_time);
        assert_eq!(times, ["1 us", "1 us", "2 ms", "50 ms", "1 s", "2.5 us"]);
        let counts = [0.0, 0.5, 12.345, 999.0, 1234.0, 12_345.0, 999_900.0, 1.5e7];
        let texts = ["0", "0.50", "12.3", "999", "1234", "12.3 k", "1.00 M", "15.0 M"];
        assert_eq!(counts.map(count), texts);
        let texts = ["0", "0.5", "12.3", "999", "1.23 k", "12.3 k", "1 M", "15 M"];
        assert_eq!(counts.map(round_count), texts);
        assert_eq!([0.0, 999.0, 5e5, 1.5e6].map(bytes), ["0 B", "999 B", "488 KiB", "1.43 MiB"]);
        assert_eq!([0.0, 0.012, 0.5, 1.0].map(percent), ["0 %", "1.2 %", "50 %", "100 %"]);
        assert_eq!(whole(1_234_567.0), "1,234,567");
    }

    #[test]
    fn a_unit_that_both_ends_have_is_named_once() {
        assert_eq!(range("1.20 ms", "1.30 ms"), "1.20 \u{2013} 1.30 ms");
        assert_eq!(range("980 us", "1.30 ms"), "980 us \u{2013} 1.30 ms");
        assert_eq!(range("1", "2"), "1 \u{2013} 2");
    }

    #[test]
    fn a_single_round_has_no_range() {
        let one = Spread { median: 5.0, min: 5.0, max: 5.0 };
        assert!(!spread(Some(one), count).into_string().contains("range"));
        assert!(spread(None, count).into_string().contains("none"));
    }
}
