//! Load balancing: no worker overloaded while another idles; may be imbalanced, which is measured and visible.

use super::{Holds, Row, not_shown, smps, strict_amps};
use crate::compare::outcome::{Comparison, GoalFacts, LayoutOutcome};
use crate::compare::report::Verdict;
use crate::compare::verdict::pair::{NOTABLE, both};
use crate::compare::verdict::words::{label, percent};
use crate::rounds::Spread;

const SUBJECT: &str = "load balancing";

/// The workload that is made for this row.
const MADE_FOR_IT: &str = "unpredictable";

pub(super) fn verdict(comparisons: &[Comparison]) -> Verdict {
    row(comparisons).into_verdict()
}

fn row(comparisons: &[Comparison]) -> Row<'_> {
    let usable: Vec<_> =
        comparisons.iter().filter_map(|comparison| Some((comparison, of(comparison)?))).collect();
    let chosen = usable
        .iter()
        .find(|(comparison, _)| comparison.workload == MADE_FOR_IT)
        .or_else(|| usable.iter().find(|(comparison, _)| is_about_throughput(comparison)));
    let Some((comparison, Beside { smp, amps })) = chosen else {
        let text =
            "no workload whose goal is throughput has run on both; unpredictable would show it";
        return not_shown(SUBJECT, text, &[MADE_FOR_IT]);
    };
    let is_better = |ratio: &Spread| ratio.min > 1.0 && ratio.median > NOTABLE;
    let better = amps.iter().filter(|(_, ratio)| is_better(ratio)).count();
    let figures: Vec<_> = [*smp]
        .into_iter()
        .chain(amps.iter().map(|(layout, _)| *layout))
        .filter_map(|layout| Some(format!("{} {}", label(layout), in_words(layout)?)))
        .collect();
    let rounds = smp.turns.len();
    Row {
        subject: SUBJECT,
        // AMP may be imbalanced: it need not be with every plan.
        holds: if better > 0 { Holds::Yes } else { Holds::No },
        winner: (better > 0).then(|| smp.name.clone()),
        text: format!(
            "imbalance, the busiest worker by the mean of all, on {}: {}",
            comparison.workload,
            figures.join("; ")
        ),
        certainty: format!(
            "SMP is better balanced in all of {rounds} round{} than {better} of {} AMP layout{}",
            if rounds == 1 { "" } else { "s" },
            amps.len(),
            if amps.len() == 1 { "" } else { "s" },
        ),
        would_change:
            "roles whose parts of the work fit their cores, for as long as that lasts; lending"
                .to_owned(),
        workloads: vec![&comparison.given],
    }
}

/// SMP, and the AMP layouts with how many times more imbalanced each is, round by round.
#[derive(Debug)]
struct Beside<'a> {
    smp: &'a LayoutOutcome,
    amps: Vec<(&'a LayoutOutcome, Spread)>,
}

fn of(comparison: &Comparison) -> Option<Beside<'_>> {
    let smp = smps(comparison).find(|smp| smp.turns.iter().any(|turn| turn.worker_count > 1))?;
    let amps: Vec<_> = strict_amps(comparison)
        .filter_map(|amp| {
            let ratios = both(amp, smp).map(|(amp, smp)| amp.imbalance / smp.imbalance);
            Some((amp, Spread::of(ratios.filter(|ratio| ratio.is_finite()))?))
        })
        .collect();
    (!amps.is_empty()).then_some(Beside { smp, amps })
}

/// As in `1.54 (workers 30 % to 100 % busy)`.
fn in_words(layout: &LayoutOutcome) -> Option<String> {
    let imbalance = Spread::of(layout.turns.iter().map(|turn| turn.imbalance))?.median;
    // A worker that ran nothing is in no list.
    let least = layout.turns.iter().map(|turn| {
        let busy = turn.workers.iter().map(|worker| worker.utilisation);
        if turn.workers.len() < turn.worker_count { 0.0 } else { busy.fold(1.0, f64::min) }
    });
    let most = layout
        .turns
        .iter()
        .map(|turn| turn.workers.iter().map(|worker| worker.utilisation).fold(0.0, f64::max));
    let (least, most) = (Spread::of(least)?.median, Spread::of(most)?.median);
    Some(format!("{imbalance:.2} (workers {} to {} busy)", percent(least), percent(most)))
}

fn is_about_throughput(comparison: &Comparison) -> bool {
    matches!(comparison.goal, GoalFacts::Throughput)
}
