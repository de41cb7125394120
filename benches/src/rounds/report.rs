//! The table.

use std::io::Write;

use super::figures::{Figures, Spread};
use super::program::{AnyProgram, Kind};
use super::target::Judged;

/// Writes the table's head, in Markdown, with a column for each peer.
pub(super) fn write_head<K: Kind>(out: &mut impl Write, peers: &[K]) -> anyhow::Result<()> {
    write!(out, "| program | workers |")?;
    for peer in peers {
        write!(out, " {peer} |")?;
    }
    let mut columns = 2 + peers.len() + 2;
    for rival in rivals(peers) {
        write!(out, " {}/{rival} |", K::OURS)?;
        columns += 1;
    }
    writeln!(out, " speed-up | targets |")?;
    writeln!(out, "|{}", "---|".repeat(columns))?;
    out.flush()?;
    Ok(())
}

/// Whom the ratios are taken to.
fn rivals<K: Kind>(peers: &[K]) -> impl Iterator<Item = K> {
    peers.iter().copied().filter(|peer| *peer != K::OURS)
}

/// Writes the rows of one program. True if no target was missed.
pub(super) fn write_rows<K: Kind>(
    out: &mut impl Write,
    program: &dyn AnyProgram<K>,
    peers: &[K],
    rows: &[Figures<K>],
) -> anyhow::Result<bool> {
    let single = rows.iter().find(|row| row.workers == 1);
    let mut passed = true;
    for row in rows {
        write!(out, "| {} | {} |", row.program, row.workers)?;
        for peer in peers {
            let cell = row.of(*peer).and_then(|times| {
                let median = Spread::of(times.seconds_by_round.iter().copied())?.median;
                Some(format!("{} ({})", duration(median), duration(times.min_seconds)))
            });
            write!(out, " {} |", cell.as_deref().unwrap_or("-"))?;
        }
        for rival in rivals(peers) {
            write!(out, " {} |", ratio(row.ratio_to(rival)))?;
        }
        let speed_up = single
            .filter(|single| single.workers != row.workers)
            .and_then(|single| row.speed_up_over(single));
        let judged: Vec<Judged<K>> = program
            .targets(row.workers)
            .into_iter()
            .filter_map(|target| target.judge(row, single))
            .collect();
        passed &= judged.iter().all(Judged::is_met);
        let verdicts: Vec<_> = judged.iter().map(Judged::to_string).collect();
        writeln!(out, " {} | {} |", ratio(speed_up), verdicts.join(", "))?;
    }
    out.flush()?;
    Ok(passed)
}

/// The median, and the range.
pub fn ratio(spread: Option<Spread>) -> String {
    match spread {
        Some(Spread { median, min, max }) => format!("{median:.2} [{min:.2}..{max:.2}]"),
        None => "-".to_owned(),
    }
}

/// Three digits that count, and the unit.
pub fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        1.0.. => (seconds, "s"),
        1e-3.. => (seconds * 1e3, "ms"),
        1e-6.. => (seconds * 1e6, "us"),
        _ => (seconds * 1e9, "ns"),
    };
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let texts = [1.5, 0.0123, 123.4e-6, 1e-9].map(duration);
        assert_eq!(texts, ["1.50 s", "12.3 ms", "123 us", "1.00 ns"]);
    }
}
