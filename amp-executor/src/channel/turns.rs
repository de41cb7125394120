//! Whose turn it is among what one worker may take.

use super::lane::Source;

/// What a worker may take from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The high lane.
    High,
    /// The worker's own lane.
    Own,
    /// The normal lane.
    Normal,
    /// The worker's local futures.
    Local,
}

/// So many times in a row the high lane goes first, and once last.
const HIGH_FIRST: u8 = 7;

/// One worker's memory of whose turn it is.
#[derive(Debug)]
pub struct Turns {
    /// Tasks taken from the high lane since something else had its turn.
    high: u8,
    /// Who is first among those that are equal; a served one goes to the end.
    equals: [Choice; 3],
    /// Where to look first in high, own and normal lane.
    sources: [Source; 3],
}

impl Turns {
    /// The worker has taken nothing yet.
    pub fn new() -> Self {
        Self {
            high: 0,
            equals: [Choice::Own, Choice::Normal, Choice::Local],
            sources: [Source::Ring; 3],
        }
    }

    /// Asks `take` for one choice after the other until one of them has something.
    #[inline]
    pub(super) fn take<R>(
        &mut self,
        mut take: impl FnMut(Choice, Source) -> Option<R>,
    ) -> Option<R> {
        let high_first = self.high < HIGH_FIRST;
        if high_first && let Some(taken) = self.take_high(&mut take) {
            return Some(taken);
        }
        for place in 0..self.equals.len() {
            let choice = self.equals[place];
            if let Some(taken) = take(choice, self.source(choice)) {
                self.high = 0;
                self.equals[place..].rotate_left(1);
                self.next_source(choice);
                return Some(taken);
            }
        }
        if high_first { None } else { self.take_high(&mut take) }
    }

    fn take_high<R>(&mut self, take: &mut impl FnMut(Choice, Source) -> Option<R>) -> Option<R> {
        let taken = take(Choice::High, self.source(Choice::High))?;
        self.high = if self.high < HIGH_FIRST { self.high + 1 } else { 0 };
        self.next_source(Choice::High);
        Some(taken)
    }

    fn source(&self, choice: Choice) -> Source {
        place(choice).map_or(Source::Ring, |place| self.sources[place])
    }

    fn next_source(&mut self, choice: Choice) {
        if let Some(place) = place(choice) {
            self.sources[place] = self.sources[place].other();
        }
    }
}

/// The place among the lanes; local futures have none.
fn place(choice: Choice) -> Option<usize> {
    match choice {
        Choice::High => Some(0),
        Choice::Own => Some(1),
        Choice::Normal => Some(2),
        Choice::Local => None,
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What is taken, one letter each, where `there` always has something.
    fn taken(times: usize, there: &[Choice]) -> String {
        let mut turns = Turns::new();
        (0..times)
            .map(|_| {
                let choice =
                    turns.take(|choice, _| there.contains(&choice).then_some(choice)).unwrap();
                format!("{choice:?}").remove(0)
            })
            .collect()
    }

    #[test]
    fn high_goes_first_and_starves_nobody() {
        let all = [Choice::High, Choice::Own, Choice::Normal, Choice::Local];
        assert_eq!(taken(24, &all), "HHHHHHHOHHHHHHHNHHHHHHHL");
        assert_eq!(taken(16, &[Choice::High]), "H".repeat(16));
        assert_eq!(taken(16, &[Choice::High, Choice::Normal]), "HHHHHHHNHHHHHHHN");
    }

    #[test]
    fn equals_take_turns() {
        assert_eq!(taken(6, &[Choice::Own, Choice::Normal, Choice::Local]), "ONLONL");
        assert_eq!(taken(5, &[Choice::Own, Choice::Normal]), "ONONO");
        assert_eq!(taken(3, &[Choice::Local]), "LLL");
    }

    #[test]
    fn ring_and_woken_queue_take_turns_in_each_lane() {
        let mut turns = Turns::new();
        let mut normal =
            || turns.take(|choice, source| (choice == Choice::Normal).then_some(source));
        assert_eq!(
            [normal(), normal(), normal()],
            [Source::Ring, Source::Woken, Source::Ring].map(Some)
        );
    }
}
