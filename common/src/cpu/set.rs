//! Sets of CPU numbers in the kernel's list syntax.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A set of CPUs by the kernel's numbers, read and written in its list syntax.
///
/// # Examples
///
/// ```
/// use executor_common::cpu::CpuSet;
///
/// let set: CpuSet = "0,2-4,8-15:4".parse()?;
/// assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 3, 4, 8, 12]);
/// assert_eq!(set.to_string(), "0,2-4,8,12");
/// # Ok::<(), executor_common::cpu::ParseCpuSetError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CpuSet(BTreeSet<usize>);

impl CpuSet {
    /// The highest CPU number that is understood. The kernel's own limit is 8191 on x86-64.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// let too_large = CpuSet::MAX_CPU + 1;
    /// assert!(too_large.to_string().parse::<CpuSet>().is_err());
    /// ```
    pub const MAX_CPU: usize = 8191;

    /// The empty set.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// assert!(CpuSet::new().is_empty());
    /// ```
    pub const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether `cpu` is in.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// let cpus: CpuSet = [0, 2].into_iter().collect();
    /// assert!(cpus.contains(2) && !cpus.contains(1));
    /// ```
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    /// Puts `cpu` in. False if it was in.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// let mut cpus = CpuSet::new();
    /// assert!(cpus.insert(3));
    /// assert!(!cpus.insert(3));
    /// ```
    pub fn insert(&mut self, cpu: usize) -> bool {
        self.0.insert(cpu)
    }

    /// The CPUs in ascending order.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// let cpus: CpuSet = [2, 0].into_iter().collect();
    /// assert_eq!(cpus.iter().collect::<Vec<_>>(), [0, 2]);
    /// ```
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many are in.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// let cpus: CpuSet = [2, 0, 2].into_iter().collect();
    /// assert_eq!(cpus.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is in.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::CpuSet;
    ///
    /// assert!(CpuSet::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl Extend<usize> for CpuSet {
    fn extend<I: IntoIterator<Item = usize>>(&mut self, cpus: I) {
        self.0.extend(cpus);
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if_eq(&(last + 1)) {
                last = next;
            }
            match last - first {
                0 => write!(f, "{separator}{first}")?,
                1 => write!(f, "{separator}{first},{last}")?,
                _ => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

/// Where and why a CPU list is malformed.
///
/// # Examples
///
/// ```
/// use executor_common::cpu::CpuSet;
///
/// let error = "0-3,x".parse::<CpuSet>().unwrap_err();
/// assert_eq!(error.position, 4);
/// assert_eq!(error.to_string(), "expected a CPU number at byte 4 of the CPU list");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {position} of the CPU list")]
pub struct ParseCpuSetError {
    /// Byte offset in the list.
    pub position: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl FromStr for CpuSet {
    type Err = ParseCpuSetError;

    /// Numbers and ranges, separated by commas; `first-last:stride` takes every stride-th. White space around
    /// the items is ignored.
    fn from_str(list: &str) -> Result<Self, ParseCpuSetError> {
        // Ranges may overlap as often as they like: what is named is noted first, which is cheap.
        let mut named = vec![false; Self::MAX_CPU + 1];
        let mut offset = 0;
        for item in list.split(',') {
            let start = offset + (item.len() - item.trim_start().len());
            offset += item.len() + 1;
            let item = item.trim();
            let number = |text: &str, position: usize| -> Result<usize, ParseCpuSetError> {
                let error = |reason| ParseCpuSetError { position, reason };
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(error("expected a CPU number"));
                }
                match text.parse() {
                    Ok(number) if number <= Self::MAX_CPU => Ok(number),
                    _ => Err(error("CPU number too large")),
                }
            };
            let (range, stride) = match item.split_once(':') {
                Some((range, stride)) => (range, Some((stride, start + range.len() + 1))),
                None => (item, None),
            };
            let (first, last) = match range.split_once('-') {
                Some((first, last)) => {
                    let after = start + first.len() + 1;
                    (number(first, start)?, number(last, after)?)
                }
                None if stride.is_some() => {
                    let reason = "a stride needs a range";
                    return Err(ParseCpuSetError { position: start, reason });
                }
                None => {
                    let only = number(range, start)?;
                    (only, only)
                }
            };
            if last < first {
                let reason = "the range ends before it begins";
                return Err(ParseCpuSetError { position: start, reason });
            }
            let stride = match stride {
                None => 1,
                Some((text, position)) => match number(text, position)? {
                    0 => {
                        let reason = "the stride is zero";
                        return Err(ParseCpuSetError { position, reason });
                    }
                    stride => stride,
                },
            };
            named[first..=last].iter_mut().step_by(stride).for_each(|is_named| *is_named = true);
        }
        Ok((0..=Self::MAX_CPU).filter(|cpu| named[*cpu]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_name_the_position() {
        let position = |list: &str| list.parse::<CpuSet>().unwrap_err().position;
        assert_eq!(position(""), 0);
        assert_eq!(position("0,x"), 2);
        assert_eq!(position("0, 3-"), 5);
        assert_eq!(position("5-3"), 0);
        assert_eq!(position("0-4:0"), 4);
        assert_eq!(position("1,2:2"), 2);
        assert_eq!(position("1,,2"), 2);
        assert_eq!(position("99999999999999999999"), 0);
        assert_eq!(position("-1"), 0);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cpus in proptest::collection::btree_set(0_usize..300, 1..40)) {
            let set: CpuSet = cpus.into_iter().collect();
            prop_assert_eq!(set.to_string().parse::<CpuSet>(), Ok(set));
        }

        #[test]
        fn no_input_panics(list in "[0-9,: -]{0,20}") {
            let _ = list.parse::<CpuSet>();
        }
    }
}
