//! Names and figures as verdicts write them.

use crate::compare::outcome::LayoutOutcome;

/// The command that compares these workloads: files, or names of built-in ones.
pub(super) fn command<'a>(given: impl IntoIterator<Item = &'a str>) -> String {
    let mut command = "cargo run --release -p benches -- compare".to_owned();
    for workload in given {
        command.push(' ');
        command.push_str(workload);
    }
    command
}

/// The executor, with the layout's name where that says more.
pub(super) fn label(layout: &LayoutOutcome) -> String {
    let executor = match layout.executor {
        "smp" => "SMP",
        "amp" => "AMP",
        other => other,
    };
    if layout.name == layout.executor {
        executor.to_owned()
    } else {
        format!("{executor} ({})", layout.name)
    }
}

/// Whether it is one of this workspace's executors.
pub(super) fn is_ours(layout: &LayoutOutcome) -> bool {
    is_smp(layout) || is_amp(layout)
}

pub(super) fn is_smp(layout: &LayoutOutcome) -> bool {
    layout.executor == "smp"
}

pub(super) fn is_amp(layout: &LayoutOutcome) -> bool {
    layout.executor == "amp"
}

/// How many times, with two digits that count or more.
pub(super) fn times(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        2.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A part of the whole.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent @ 10.0.. => format!("{percent:.0} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn enumerate(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_two_digits() {
        assert_eq!([37.4, 2.04, 1.234].map(times), ["37", "2.0", "1.23"]);
        assert_eq!([0.976, 0.031].map(percent), ["98 %", "3.1 %"]);
    }

    #[test]
    fn the_last_name_comes_after_an_and() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(enumerate(&names), "a, b and c");
        assert_eq!(enumerate(&names[..2]), "a and b");
        assert_eq!(enumerate(&names[..1]), "a");
        assert_eq!(enumerate(&[]), "");
    }
}
