//! Use case: unpredictable, fluctuating load; specialised work such as I/O, real-time, database queries, a game's frame tasks.

use super::{Holds, Row, amps, not_shown, smps};
use crate::compare::outcome::Comparison;
use crate::compare::report::{Crossover, Sweep, Verdict};
use crate::compare::verdict::certainty::agreement;
use crate::compare::verdict::words::{enumerate, percent, times};
use crate::compare::verdict::workload::Decision;
use crate::noise::NoiseFloor;

const SUBJECT: &str = "use case";

/// The workloads that stand for the row's words, and the executor that each speaks for.
const CASES: [(&str, &str); 5] = [
    ("unpredictable", "smp"),
    ("fluctuating", "smp"),
    ("realtime", "amp"),
    ("service", "amp"),
    ("game-frame", "amp"),
];

pub(super) fn verdict(comparisons: &[Comparison], sweeps: &[Sweep], noise: &NoiseFloor) -> Verdict {
    let row = row(comparisons, sweeps, noise);
    let is_swept = comparisons.is_empty() && row.holds != Holds::Unknown;
    let verdict = row.into_verdict();
    if !is_swept {
        return verdict;
    }
    let given: Vec<_> = sweeps.iter().map(|sweep| sweep.given.as_str()).collect();
    let command = format!("cargo run --release -p benches -- sweep {}", given.join(" "));
    Verdict { command, ..verdict }
}

fn row<'a>(comparisons: &'a [Comparison], sweeps: &'a [Sweep], noise: &NoiseFloor) -> Row<'a> {
    let mut borne_out = Vec::new();
    let mut exceptions = Vec::new();
    let mut rounds = Vec::new();
    let mut used = Vec::new();
    for (name, executor) in CASES {
        let comparison = comparisons.iter().find(|comparison| comparison.workload == name);
        let both = comparison.filter(|comparison| {
            smps(comparison).next().is_some() && amps(comparison).next().is_some()
        });
        let decision = both.and_then(|comparison| Decision::of(comparison, noise));
        let crossover = best_crossover(sweeps, name);
        let mut texts = Vec::new();
        let mut holds = false;
        if comparison
            .is_some_and(|comparison| comparison.layouts.iter().any(|layout| layout.oversubscribed))
        {
            rounds.push(format!("{name}: OVERSUBSCRIBED: roles share cores"));
        }
        if let Some(decision) = &decision {
            holds |= decision.winner().is_some_and(|winner| winner.executor == executor);
            rounds.push(format!("{name}: {}", agreement(&decision.pair, decision.outcome)));
            texts.push(decision.text());
        }
        if let Some(crossover) = crossover {
            // From there on AMP pays, whatever holds at the file's load.
            holds |= executor == "amp";
            texts.push(in_words(crossover));
        }
        if texts.is_empty() {
            continue;
        }
        used.push(name);
        let text = format!("{name}: {}", texts.join(", and "));
        if holds { borne_out.push(text) } else { exceptions.push(text) }
    }
    if used.is_empty() {
        let names = CASES.map(|(name, _)| name);
        let all = enumerate(&names.map(str::to_owned));
        let text =
            format!("none of the workloads that stand for it was run on both: {all} would show it");
        return not_shown(SUBJECT, &text, &names);
    }
    let holds = if borne_out.is_empty() { Holds::No } else { Holds::Yes };
    let mut text = borne_out.join("; ");
    if !exceptions.is_empty() {
        let and = if text.is_empty() { "" } else { ". NOT BORNE OUT: " };
        text = format!("{text}{and}{}", exceptions.join("; "));
    }
    let missing: Vec<_> = CASES
        .iter()
        .filter(|(name, _)| !used.contains(name))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let mut certainty = rounds.join("; ");
    if !missing.is_empty() {
        let separator = if certainty.is_empty() { "" } else { "; " };
        certainty.push_str(&format!("{separator}not run: {}", enumerate(&missing)));
    }
    Row {
        subject: SUBJECT,
        holds,
        winner: None,
        text,
        certainty,
        would_change: "the load, where a sweep has a crossover; the number of cores: the more there are, the less a role of its own costs".to_owned(),
        workloads: used,
    }
}

/// The crossover of a workload's sweep that comes at the lowest load.
fn best_crossover<'a>(sweeps: &'a [Sweep], workload: &str) -> Option<&'a Crossover> {
    let of_it = sweeps.iter().filter(|sweep| sweep.workload == workload);
    of_it.flat_map(|sweep| &sweep.crossovers).min_by(|one, other| one.load.total_cmp(&other.load))
}

fn in_words(crossover: &Crossover) -> String {
    let Crossover { above, below, load, range: (from, to), until, gain_above, .. } = crossover;
    let gain = gain_above.map_or_else(String::new, |gain| format!(" ({} times)", times(gain)));
    format!(
        "swept, {above} begins to pay at {} of the full load [{}..{}], where {below} misses what is wanted, up to {}{gain}",
        percent(*load),
        percent(*from),
        percent(*to),
        percent(*until)
    )
}
