//! Two layouts, round by round.

use super::goal::Goal;
use super::words::{label, times};
use crate::compare::outcome::{Comparison, LayoutOutcome, TurnOutcome};
use crate::noise::NoiseFloor;
use crate::rounds::Spread;

/// Fewer rounds than this have no spread to speak of.
const ENOUGH_ROUNDS: usize = 3;

/// With too few rounds for a spread, a difference up to so many times is none.
const WITHIN: f64 = 1.1;

/// Nobody chooses an executor for a smaller difference than this, however the rounds agree.
pub(super) const NOTABLE: f64 = 1.02;

/// Where the machine delays everybody more than either layout does, a difference up to so many times is none, however the rounds agree.
const WITHIN_NOISE: f64 = 2.0;

/// One layout beside another one, in the rounds that both have completed.
#[derive(Clone, Debug)]
pub(super) struct Pair<'a> {
    pub(super) goal: Goal<'a>,
    pub(super) one: &'a LayoutOutcome,
    pub(super) other: &'a LayoutOutcome,
    /// What both have reached in each round; at least one.
    rounds: Vec<(f64, f64)>,
}

/// What follows for the first of two layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Better in every round.
    Better,
    /// Worse in every round.
    Worse,
    /// Neither.
    Draw(Why),
}

/// Why it is a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Better in some rounds and worse in others, or hardly different.
    Spread,
    /// Too few rounds for such a small difference.
    FewRounds,
    /// The machine delays everybody more than either of them does.
    Noise,
}

impl<'a> Pair<'a> {
    /// Nothing where no round has a value of both.
    pub(super) fn of(
        comparison: &'a Comparison,
        one: &'a LayoutOutcome,
        other: &'a LayoutOutcome,
    ) -> Option<Self> {
        let goal = Goal::of(comparison);
        let rounds = both(one, other)
            .filter_map(|(one, other)| Some((goal.value(one)?, goal.value(other)?)));
        let rounds: Vec<_> = rounds.collect();
        (!rounds.is_empty()).then_some(Self { goal, one, other, rounds })
    }

    pub(super) fn round_count(&self) -> usize {
        self.rounds.len()
    }

    /// In how many rounds the first one was the better one.
    pub(super) fn rounds_better(&self) -> usize {
        self.advantages().filter(|times| *times > 1.0).count()
    }

    fn advantages(&self) -> impl Iterator<Item = f64> {
        self.rounds.iter().map(|(one, other)| self.goal.advantage(*one, *other))
    }

    /// How many times better the first one is.
    pub(super) fn advantage(&self) -> Spread {
        spread(self.advantages())
    }

    /// What both have reached.
    pub(super) fn values(&self) -> (Spread, Spread) {
        (
            spread(self.rounds.iter().map(|(one, _)| *one)),
            spread(self.rounds.iter().map(|(_, other)| *other)),
        )
    }

    /// The same, seen from the other one.
    pub(super) fn turned(&self) -> Self {
        let rounds = self.rounds.iter().map(|(one, other)| (*other, *one)).collect();
        Self { goal: self.goal, one: self.other, other: self.one, rounds }
    }

    pub(super) fn has_few_rounds(&self) -> bool {
        self.rounds.len() < ENOUGH_ROUNDS
    }

    /// By how much the machine alone delays a request, at the goal's percentile.
    pub(super) fn floor_ns(&self, noise: &NoiseFloor) -> Option<f64> {
        Some(noise.delay_ns(self.goal.latency()?.1) as f64)
    }

    pub(super) fn outcome(&self, noise: &NoiseFloor) -> Outcome {
        let Spread { median, min, max } = self.advantage();
        let (one, other) = self.values();
        let is_within = |limit: f64| (1.0 / limit..=limit).contains(&median);
        let is_noise =
            self.floor_ns(noise).is_some_and(|floor| one.median < floor && other.median < floor);
        if is_noise && (self.has_few_rounds() || is_within(WITHIN_NOISE)) {
            Outcome::Draw(Why::Noise)
        } else if (min <= 1.0 && max >= 1.0) || is_within(NOTABLE) {
            Outcome::Draw(Why::Spread)
        } else if self.has_few_rounds() && is_within(WITHIN) {
            Outcome::Draw(Why::FewRounds)
        } else if min > 1.0 {
            Outcome::Better
        } else {
            Outcome::Worse
        }
    }

    /// As in `AMP (amp-spin) by 37 times on p99 of tick: 28 us against SMP's 1.04 ms (29 to 51 times in 5 rounds)`, where the first
    /// one is the better one.
    pub(super) fn victory(&self) -> String {
        let (one, other) = self.values();
        let advantage = self.advantage();
        format!(
            "{} by {} times on {}: {} against {} of {} ({})",
            label(self.one),
            times(advantage.median),
            self.goal.name(),
            self.goal.text(one.median),
            self.goal.text(other.median),
            label(self.other),
            self.range()
        )
    }

    /// As in `29 to 51 times in 5 rounds`.
    pub(super) fn range(&self) -> String {
        let Spread { min, max, .. } = self.advantage();
        match self.rounds.len() {
            1 => "in a single round".to_owned(),
            rounds => format!("{} to {} times in {rounds} rounds", times(min), times(max)),
        }
    }

    /// As in `37 times better`, `1.20 times worse` or `a draw`: what the first one is beside the other.
    pub(super) fn in_short(&self, noise: &NoiseFloor) -> String {
        let median = self.advantage().median;
        match self.outcome(noise) {
            Outcome::Better => format!("{} times better", times(median)),
            Outcome::Worse => format!("{} times worse", times(1.0 / median)),
            Outcome::Draw(_) => "a draw".to_owned(),
        }
    }
}

/// The turns of both, for each round that both have completed.
pub(super) fn both<'a>(
    one: &'a LayoutOutcome,
    other: &'a LayoutOutcome,
) -> impl Iterator<Item = (&'a TurnOutcome, &'a TurnOutcome)> + Clone {
    one.turns.iter().filter_map(|turn| {
        let same = other.turns.iter().find(|candidate| candidate.round == turn.round)?;
        Some((turn, same))
    })
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    Spread::of(values).unwrap_or(Spread { median: 1.0, min: 1.0, max: 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::verdict::made_up::realtime;
    use crate::noise::CpuNoise;

    /// The outcome of a p99 in microseconds beside another one.
    fn outcome(one: &[f64], other: &[f64], floor_us: u64) -> Outcome {
        let ns = |us: &[f64]| us.iter().map(|us| us * 1e3).collect::<Vec<_>>();
        let (one, other) = (ns(one), ns(other));
        let comparison =
            realtime(&[("smp", "smp", None, &other), ("amp", "amp", Some("tick=1"), &one)]);
        let cpu =
            CpuNoise { lost_share: 0.5, p99_delay_ns: floor_us * 1_000, ..CpuNoise::default() };
        let noise = NoiseFloor { watched_s: 0.5, cpus: vec![cpu] };
        let [smp, amp] = &comparison.layouts[..] else { panic!("two") };
        let pair = Pair::of(&comparison, amp, smp).unwrap();
        let turned = match pair.turned().outcome(&noise) {
            Outcome::Better => Outcome::Worse,
            Outcome::Worse => Outcome::Better,
            draw => draw,
        };
        assert_eq!(turned, pair.outcome(&noise), "whoever comes first");
        turned
    }

    #[test]
    fn better_is_better_in_every_round() {
        assert_eq!(outcome(&[20.0, 60.0, 20.0], &[40.0, 61.0, 90.0], 0), Outcome::Better);
        assert_eq!(outcome(&[40.0, 61.0, 90.0], &[20.0, 60.0, 20.0], 0), Outcome::Worse);
        let one_against = outcome(&[20.0, 62.0, 20.0], &[40.0, 61.0, 90.0], 0);
        assert_eq!(one_against, Outcome::Draw(Why::Spread));
        assert_eq!(outcome(&[20.0; 3], &[20.0; 3], 0), Outcome::Draw(Why::Spread));
    }

    #[test]
    fn few_rounds_tell_only_large_differences() {
        assert_eq!(outcome(&[20.0, 20.0], &[21.0, 22.0], 0), Outcome::Draw(Why::FewRounds));
        assert_eq!(outcome(&[20.0, 20.0, 20.0], &[21.0, 22.0, 21.0], 0), Outcome::Better);
        assert_eq!(outcome(&[20.0], &[30.0], 0), Outcome::Better);
    }

    #[test]
    fn below_the_noise_nobody_wins() {
        assert_eq!(outcome(&[20.0; 3], &[30.0; 3], 31), Outcome::Draw(Why::Noise));
        assert_eq!(outcome(&[20.0; 3], &[32.0; 3], 31), Outcome::Better);
    }

    #[test]
    fn rounds_are_compared_with_themselves() {
        let made: [f64; 3] = [1e5, 2e5, 3e5];
        let mut comparison =
            realtime(&[("smp", "smp", None, &made), ("amp", "amp", Some("tick=1"), &made)]);
        // The first round of one of them was not completed.
        comparison.layouts[0].turns.remove(0);
        let [smp, amp] = &comparison.layouts[..] else { panic!("two") };
        let pair = Pair::of(&comparison, amp, smp).unwrap();
        assert_eq!((pair.round_count(), pair.advantage().max), (2, 1.0));
        comparison.layouts[0].turns.clear();
        let [smp, amp] = &comparison.layouts[..] else { panic!("two") };
        assert!(Pair::of(&comparison, amp, smp).is_none());
    }
}
