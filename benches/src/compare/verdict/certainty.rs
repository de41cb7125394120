//! How sure a verdict is.

use super::goal::Goal;
use super::pair::{Outcome, Pair, Why};
use super::words::{label, percent, times};
use crate::compare::outcome::{ClassOutcome, LayoutOutcome, TurnOutcome};
use crate::noise::NoiseFloor;
use crate::rounds::{Spread, duration};

/// A part of all requests that is worth a word.
const WORTH_A_WORD: f64 = 0.001;

/// Everything that is to be known about a pair whose outcome this is; the first one is the better one, if one is.
pub(super) fn of_pair(pair: &Pair<'_>, outcome: Outcome, noise: &NoiseFloor) -> String {
    let mut parts = vec![agreement(pair, outcome), spread(pair)];
    parts.extend(machine(pair, outcome, noise));
    parts.extend(too_few_values(pair));
    for layout in [pair.one, pair.other] {
        parts.extend(refused(pair.goal, layout));
        parts.extend(not_ended(pair.goal, layout));
        parts.extend(fed_late(pair.goal, layout));
        if layout.oversubscribed {
            parts.push(format!("{} is OVERSUBSCRIBED: its roles share cores", label(layout)));
        }
    }
    parts.join("; ")
}

/// Whether the rounds agree.
pub(super) fn agreement(pair: &Pair<'_>, outcome: Outcome) -> String {
    let rounds = pair.round_count();
    match outcome {
        Outcome::Draw(Why::Spread) if [0, rounds].contains(&pair.rounds_better()) => {
            "they are within 2 % of each other".to_owned()
        }
        Outcome::Draw(Why::Spread) => format!(
            "the rounds do not agree: {} is better in {} of {rounds}",
            label(pair.one),
            pair.rounds_better()
        ),
        Outcome::Draw(Why::FewRounds) => format!(
            "{}, in which they are within 10 % of each other",
            if rounds == 1 { "a single round".to_owned() } else { format!("only {rounds} rounds") }
        ),
        Outcome::Draw(Why::Noise) => "both are below the machine's own noise".to_owned(),
        Outcome::Better | Outcome::Worse => match rounds {
            1 => "a single round, so nothing is known of the spread".to_owned(),
            2 => "both rounds agree, but two are few".to_owned(),
            _ => format!("all {rounds} rounds agree"),
        },
    }
}

/// The range of what each has reached.
fn spread(pair: &Pair<'_>) -> String {
    let (one, other) = pair.values();
    let range = |layout: &LayoutOutcome, Spread { min, max, .. }: Spread| {
        format!("{} {} to {}", label(layout), pair.goal.text(min), pair.goal.text(max))
    };
    format!("spread: {}, {}", range(pair.one, one), range(pair.other, other))
}

/// What the machine itself does at the goal's percentile, or to everybody's time.
fn machine(pair: &Pair<'_>, outcome: Outcome, noise: &NoiseFloor) -> Option<String> {
    if noise.cpus.is_empty() {
        return None;
    }
    let Some((_, percentile)) = pair.goal.latency() else {
        let lost = noise.cpus.iter().map(|cpu| cpu.lost_share).fold(0.0, f64::max);
        return Some(format!("the machine itself took up to {} of a CPU's time", percent(lost)));
    };
    let floor = pair.floor_ns(noise)?;
    if floor == 0.0 {
        return Some(format!("the machine's own noise does not reach {}", percentile.name()));
    }
    let mut text =
        format!("the machine's own noise is {} at {}", duration(floor / 1e9), percentile.name());
    let (one, other) = pair.values();
    if outcome == Outcome::Better && one.median < floor && other.median < floor {
        text.push_str(", more than both values: the rounds agree all the same");
    } else if outcome == Outcome::Better && one.median < floor {
        // What is better than the machine is better by luck.
        text.push_str(&format!(
            ", more than the value of {}: no more than {} times is certain",
            label(pair.one),
            times(other.median / floor)
        ));
    }
    Some(text)
}

/// Whether the percentile rests on nothing.
fn too_few_values(pair: &Pair<'_>) -> Option<String> {
    let (_, percentile) = pair.goal.latency()?;
    let counts = [pair.one, pair.other].into_iter().flat_map(|layout| {
        layout.turns.iter().filter_map(|turn| Some(pair.goal.class(turn)?.latency.as_ref()?.count))
    });
    let fewest = counts.min()?;
    let above = fewest as f64 * (1.0 - percentile.quantile());
    // The maximum is always one value.
    let is_backed = percentile.quantile() < 1.0 && above >= 1.0 - 1e-9;
    (!is_backed).then(|| format!("{} is that of single values", percentile.name()))
}

/// The part of the goal's requests for which `part` counts, over all turns; all classes' where it is about none.
fn share(goal: Goal<'_>, layout: &LayoutOutcome, part: fn(&ClassOutcome) -> u64) -> f64 {
    let classes = |turn: &TurnOutcome| -> (u64, u64) {
        let count = |class: &ClassOutcome| (part(class), class.offered);
        match goal.latency() {
            Some(_) => goal.class(turn).map_or((0, 0), count),
            None => turn
                .classes
                .iter()
                .map(count)
                .fold((0, 0), |sum, class| (sum.0 + class.0, sum.1 + class.1)),
        }
    };
    let (part, offered) =
        layout.turns.iter().map(classes).fold((0, 0), |sum, turn| (sum.0 + turn.0, sum.1 + turn.1));
    part as f64 / offered.max(1) as f64
}

fn refused(goal: Goal<'_>, layout: &LayoutOutcome) -> Option<String> {
    let share = share(goal, layout, |class| class.refused);
    (share >= WORTH_A_WORD)
        .then(|| format!("{} refused {} of the requests", label(layout), percent(share)))
}

/// Where many requests have not ended, the latency is that of the turn's length.
fn not_ended(goal: Goal<'_>, layout: &LayoutOutcome) -> Option<String> {
    goal.latency()?;
    let share = share(goal, layout, |class| {
        class.offered.saturating_sub(class.ended).saturating_sub(class.refused)
    });
    (share >= WORTH_A_WORD).then(|| {
        format!(
            "with {}, {} of the requests had not ended when the turn was over: a longer turn gives longer times",
            label(layout),
            percent(share)
        )
    })
}

/// Where requests were handed over late, that is a part of their latency, whatever the executor did.
fn fed_late(goal: Goal<'_>, layout: &LayoutOutcome) -> Option<String> {
    let (_, percentile) = goal.latency()?;
    let late = layout.turns.iter().filter_map(|turn| {
        let fed = goal.class(turn)?.feeding.as_ref()?;
        Some((fed.at(percentile) as f64, goal.value(turn)?))
    });
    let fed = Spread::of(late.clone().map(|(fed, _)| fed))?.median;
    let value = Spread::of(late.map(|(_, value)| value))?.median;
    (2.0 * fed >= value).then(|| {
        format!(
            "with {}, requests were handed over up to {} late at {}, which is in its value",
            label(layout),
            duration(fed / 1e9),
            percentile.name()
        )
    })
}
