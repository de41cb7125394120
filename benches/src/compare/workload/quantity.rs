//! Times, sizes, shares, names and percentiles, as a workload file writes them.

use std::time::Duration;

use bytesize::ByteSize;

use super::fields::Field;
use super::{Objective, Percentile};

/// The longest time that any field can have.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// The most bytes that a task can work on.
const LARGEST: u64 = 1 << 30;

/// The longest name, in bytes.
const LONGEST_NAME: usize = amp_executor::MAX_ROLE_NAME;

impl<'a> Field<'a> {
    /// A time from zero to [`LONGEST`].
    pub(super) fn time_or_zero(&self) -> Option<Duration> {
        let text = self.text_of("a time such as \"50us\"")?;
        match humantime::parse_duration(text) {
            Ok(time) if time <= LONGEST => Some(time),
            Ok(_) => self.refuse(format!("{text:?} is longer than an hour")),
            Err(error) => {
                self.refuse(format!("{text:?} is no time such as \"50us\" or \"1.5ms\": {error}"))
            }
        }
    }

    /// A time above zero and up to [`LONGEST`].
    pub(super) fn time(&self) -> Option<Duration> {
        let time = self.time_or_zero()?;
        if time.is_zero() { self.refuse("a time of zero is none") } else { Some(time) }
    }

    /// A size in bytes, at least one.
    pub(super) fn size(&self) -> Option<usize> {
        let bytes = match (self.as_text(), self.as_number()) {
            (Some(text), _) => match text.parse::<ByteSize>() {
                Ok(size) => size.as_u64(),
                Err(error) => {
                    return self.refuse(format!("{text:?} is no size such as \"64KiB\": {error}"));
                }
            },
            (None, Some(_)) => self.whole(1, LARGEST)?,
            (None, None) => return self.unexpected("a size such as \"64KiB\""),
        };
        match bytes {
            0 => self.refuse("a size of zero is none"),
            _ if bytes > LARGEST => self.refuse("a size of more than 1 GiB is too large"),
            _ => usize::try_from(bytes).ok(),
        }
    }

    /// How many: at least one.
    pub(super) fn count(&self, most: usize) -> Option<usize> {
        usize::try_from(self.whole(1, most as u64)?).ok()
    }

    /// A percentage as a part of 1. Nothing, and nothing noted, where it is no text.
    pub(super) fn percentage(&self) -> Option<Option<f64>> {
        let text = self.as_text()?;
        let number =
            text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        Some(match number {
            Some(percent) => Some(percent / 100.0),
            None => self.refuse(format!("{text:?} is no percentage such as \"30%\"")),
        })
    }

    /// A part of all, as a percentage or a number.
    pub(super) fn part(&self) -> Option<f64> {
        match self.percentage() {
            Some(part) => part,
            None => self.as_number().or_else(|| self.unexpected("a percentage such as \"30%\"")),
        }
    }

    /// How likely something is: above 0 and at most 1.
    pub(super) fn chance(&self) -> Option<f64> {
        let part = self.part()?;
        if part > 0.0 && part <= 1.0 {
            Some(part)
        } else {
            self.refuse(format!("a chance of {part} is not above 0 and at most 1, or \"100%\""))
        }
    }

    /// The name of a class, a role or a layout.
    pub(super) fn name(&self) -> Option<&'a str> {
        let name = self.text()?;
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_name_byte) {
            Some(name)
        } else {
            self.refuse(format!(
                "{name:?} is no name: 1 to {LONGEST_NAME} ASCII letters, digits, '_', '-' or '.'"
            ))
        }
    }

    /// One `"p99 < 2ms"`, or an array of them.
    pub(super) fn objectives(&self) -> Option<Vec<Objective>> {
        if self.is_array() {
            self.elements()?.iter().map(Field::objective).collect()
        } else {
            Some(vec![self.objective()?])
        }
    }

    fn objective(&self) -> Option<Objective> {
        let text = self.text_of("an objective such as \"p99 < 2ms\"")?;
        let Some((percentile, limit)) = text.split_once('<') else {
            return self.refuse(format!("{text:?} is no objective such as \"p99 < 2ms\""));
        };
        let percentile = self.percentile(percentile.trim())?;
        match humantime::parse_duration(limit.trim()) {
            Ok(below) if below.is_zero() => self.refuse("nothing takes less than no time"),
            Ok(below) if below > LONGEST => {
                self.refuse(format!("{:?} is longer than an hour", limit.trim()))
            }
            Ok(below) => Some(Objective { percentile, below }),
            Err(error) => self.refuse(format!("{:?} is no time: {error}", limit.trim())),
        }
    }

    /// A percentile's name, which is a part of this field.
    pub(super) fn percentile(&self, name: &str) -> Option<Percentile> {
        let known = Percentile::ALL.into_iter().find(|percentile| percentile.name() == name);
        known.or_else(|| {
            let names = Percentile::ALL.map(Percentile::name).join(", ");
            self.refuse(format!("{name:?} is no percentile that is reported: {names}"))
        })
    }

    fn text_of(&self, expected: &str) -> Option<&'a str> {
        self.as_text().or_else(|| self.unexpected(expected))
    }
}
