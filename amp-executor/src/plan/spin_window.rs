//! Spin windows as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span as a whole number with one unit, `200us`. Unlike `1ms 500us` this is one word of a role list, and it is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window(pub(super) Duration);

/// The units, the largest first, in nanoseconds.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

impl Window {
    pub(super) const EXPECTED: &'static str = "expected a whole number with ns, us, ms or s";
}

impl FromStr for Window {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let nanos = UNITS.iter().find(|(name, _)| *name == unit).and_then(|(_, nanos)| {
            let number: u64 = number.parse().ok()?;
            number.checked_mul(*nanos)
        });
        nanos.map(|nanos| Self(Duration::from_nanos(nanos))).ok_or(Self::EXPECTED)
    }
}

/// In the largest unit of which the span is a whole number.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let exact = |unit: &&(&str, u64)| nanos.is_multiple_of(u128::from(unit.1));
        let (name, unit) =
            UNITS.iter().find(exact).expect("every span is a whole number of nanoseconds");
        write!(f, "{}{name}", nanos / u128::from(*unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_exact_unit_is_written() {
        let text = |nanos| Window(Duration::from_nanos(nanos)).to_string();
        assert_eq!(text(200_000), "200us");
        assert_eq!(text(1_500_000), "1500us");
        assert_eq!(text(3_000_000_000), "3s");
        assert_eq!(text(1), "1ns");
        assert_eq!(text(0), "0s");
    }

    #[test]
    fn anything_but_a_whole_number_with_a_unit_is_refused() {
        for text in
            ["", "5", "us", "1.5ms", "-1us", "+1us", "1 us", "1US", "99999999999999999999ns"]
        {
            assert!(text.parse::<Window>().is_err(), "{text:?}");
        }
        assert!("18446744074s".parse::<Window>().is_err(), "more nanoseconds than fit");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos in any::<u64>(), zeros in 0_u32..10) {
            let window = Window(Duration::from_nanos(nanos / 10_u64.pow(zeros) * 10_u64.pow(zeros)));
            prop_assert_eq!(window.to_string().parse(), Ok(window));
        }
    }
}
