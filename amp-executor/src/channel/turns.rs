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
    /// Where to look first in each of the lanes.
    sources: [Source; 4],
}

impl Turns {
    /// The worker has taken nothing yet.
    pub fn new() -> Self {
        Self {
            high: 0,
            equals: [Choice::Own, Choice::Normal, Choice::Local],
            sources: [Source::Ring; 4],
        }
    }

    /// Whose turn it is, among those that `is_ready` says have something.
    #[inline(always)]
    pub(super) fn next(&self, is_ready: impl Fn(Choice) -> bool) -> Option<Choice> {
        let high_first = self.high < HIGH_FIRST;
        if high_first && is_ready(Choice::High) {
            return Some(Choice::High);
        }
        if let Some(choice) = self.equals.into_iter().find(|choice| is_ready(*choice)) {
            return Some(choice);
        }
        (!high_first && is_ready(Choice::High)).then_some(Choice::High)
    }

    /// Where to look first in a lane.
    #[inline]
    pub(super) fn source(&self, choice: Choice) -> Source {
        self.sources[choice as usize]
    }

    /// Something has been taken from there.
    #[inline]
    pub(super) fn served(&mut self, choice: Choice) {
        let source = &mut self.sources[choice as usize];
        *source = source.other();
        if choice == Choice::High {
            self.high = if self.high < HIGH_FIRST { self.high + 1 } else { 0 };
            return;
        }
        self.high = 0;
        let [first, second, third] = self.equals;
        self.equals = if choice == first {
            [second, third, first]
        } else if choice == second {
            [first, third, second]
        } else {
            self.equals
        };
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
                let choice = turns.next(|choice| there.contains(&choice)).unwrap();
                turns.served(choice);
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
        let mut normal = || {
            let source = turns.source(Choice::Normal);
            turns.served(Choice::Normal);
            source
        };
        assert_eq!([normal(), normal(), normal()], [Source::Ring, Source::Woken, Source::Ring]);
    }
}
