//! The syntax of role lists.

use std::str::FromStr;

use executor_common::Role;
use executor_common::cpu::CpuSet;

use super::config::RoleConfig;
use super::error::RoleListError;
use super::spin_window::Window;

/// Reads `role=cores attributes;role=cores attributes`.
pub(super) fn role_list(list: &str) -> impl Iterator<Item = Result<RoleConfig, RoleListError>> {
    let mut start = 0;
    list.split(';').map(move |entry| {
        let here = start;
        start += entry.len() + 1;
        Entry { list, start: here, text: entry }.read()
    })
}

/// One entry, and where it stands in the list.
struct Entry<'a> {
    list: &'a str,
    start: usize,
    text: &'a str,
}

impl Entry<'_> {
    fn read(&self) -> Result<RoleConfig, RoleListError> {
        let name_at = self.text.len() - self.text.trim_start().len();
        let Some(equals) = self.text.find('=') else {
            let reason = if self.text.trim().is_empty() {
                "expected a role"
            } else {
                "expected '=' and the role's cores"
            };
            let position =
                if self.text.trim().is_empty() { name_at } else { self.text.trim_end().len() };
            return Err(self.error(position, reason));
        };
        let name = self.text[..equals].trim();
        if name.is_empty() {
            return Err(self.error(equals, "expected a role's name"));
        }
        let mut words = words(self.text, equals + 1);
        let Some((cores_at, cores)) = words.next() else {
            return Err(self.error(equals + 1, "expected the role's cores"));
        };
        let cores: CpuSet =
            cores.parse().map_err(|error: executor_common::cpu::ParseCpuSetError| {
                self.error(cores_at + error.position.min(cores.len()), error.reason)
            })?;
        let config = RoleConfig::new(Role::intern(name)).cores(cores.iter());
        words.try_fold(config, |config, (position, word)| self.attribute(config, position, word))
    }

    fn attribute(
        &self,
        config: RoleConfig,
        position: usize,
        word: &str,
    ) -> Result<RoleConfig, RoleListError> {
        match word.split_once('=') {
            None if word == "shared" => Ok(config.shared()),
            Some(("capacity", value)) => self
                .value(position, word, value, "expected a number of tasks")
                .map(|v| config.capacity(v)),
            Some(("idle", value)) => self
                .value(position, word, value, "expected spin, backoff or park")
                .map(|v| config.idle(v)),
            Some(("sched", value)) => self
                .value(position, word, value, "expected normal or fifo:1 to fifo:99")
                .map(|v| config.sched(v)),
            Some(("spin-window", value)) => self
                .value(position, word, value, Window::EXPECTED)
                .map(|Window(window)| config.spin_window(window)),
            Some((key @ "lend", names)) => {
                let mut at = position + key.len() + 1;
                names.split(',').try_fold(config, |config, name| {
                    if name.is_empty() {
                        return Err(self.error(at, "expected a role's name"));
                    }
                    at += name.len() + 1;
                    Ok(config.lend_to(Role::intern(name)))
                })
            }
            _ => Err(self.error(
                position,
                "expected shared, capacity=.., idle=.., sched=.., spin-window=.. or lend=..",
            )),
        }
    }

    /// Reads what stands behind the `=` of `word`.
    fn value<T: FromStr>(
        &self,
        position: usize,
        word: &str,
        value: &str,
        expected: &'static str,
    ) -> Result<T, RoleListError> {
        value.parse().map_err(|_| self.error(position + word.len() - value.len(), expected))
    }

    fn error(&self, position: usize, reason: &'static str) -> RoleListError {
        RoleListError::new(self.list, self.start + position, reason)
    }
}

/// The words of `text` from byte `from` on, each with its place.
fn words(text: &str, from: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let start = at + (rest.len() - rest.trim_start().len());
        let word = text[start..].split_whitespace().next()?;
        at = start + word.len();
        Some((start, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idle::IdlePolicy;
    use crate::sched::SchedClass;
    use std::time::Duration;

    fn role_list(list: &str) -> Result<Vec<RoleConfig>, RoleListError> {
        super::role_list(list).collect()
    }

    #[test]
    fn attributes_and_white_space() {
        let list = role_list(" io = 0 shared ;\tcompute=2-4,7  idle=park capacity=8").unwrap();
        let io = RoleConfig::new(Role::new("io")).cores([0]).shared();
        let compute = RoleConfig::new(Role::new("compute"))
            .cores([2, 3, 4, 7])
            .idle(IdlePolicy::Park)
            .capacity(8);
        assert_eq!(list, [io, compute]);
    }

    #[test]
    fn scheduling_and_lending() {
        let list = role_list("rt=1 sched=fifo:50 spin-window=1500us lend=db,io lend=log").unwrap();
        let rt = RoleConfig::new(Role::new("rt"))
            .cores([1])
            .sched(SchedClass::Fifo(50))
            .spin_window(Duration::from_micros(1500))
            .lend_to(Role::new("db"))
            .lend_to(Role::new("io"))
            .lend_to(Role::new("log"));
        assert_eq!(list, [rt]);
        assert_eq!(list[0].to_string(), "rt=1 sched=fifo:50 spin-window=1500us lend=db,io,log");
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        let cases = [
            ("", 0, "expected a role"),
            ("io=0;", 5, "expected a role"),
            ("io", 2, "expected '=' and the role's cores"),
            ("=0", 0, "expected a role's name"),
            ("io=", 3, "expected the role's cores"),
            ("io=0;compute=", 13, "expected the role's cores"),
            ("io=x", 3, "expected a CPU number"),
            ("io=0,x", 5, "expected a CPU number"),
            ("io=3-", 5, "expected a CPU number"),
            ("a=0;io=5-3", 7, "the range ends before it begins"),
            ("io=99999", 3, "CPU number too large"),
            (
                "io=0 share",
                5,
                "expected shared, capacity=.., idle=.., sched=.., spin-window=.. or lend=..",
            ),
            ("io=0 sched=rr:1", 11, "expected normal or fifo:1 to fifo:99"),
            ("io=0 sched=fifo:100", 11, "expected normal or fifo:1 to fifo:99"),
            ("io=0 spin-window=5", 17, "expected a whole number with ns, us, ms or s"),
            ("io=0 spin-window=1.5ms", 17, "expected a whole number with ns, us, ms or s"),
            ("io=0 lend=", 10, "expected a role's name"),
            ("io=0 lend=db,,log", 13, "expected a role's name"),
            ("io=0 lend=db,", 13, "expected a role's name"),
            ("io=0 capacity=many", 14, "expected a number of tasks"),
            ("io=0 capacity=-1", 14, "expected a number of tasks"),
            ("io=0 idle=sleep", 10, "expected spin, backoff or park"),
            ("é=0;io=x", 8, "expected a CPU number"),
        ];
        for (list, position, reason) in cases {
            let error = role_list(list).unwrap_err();
            assert_eq!((error.position(), error.reason()), (position, reason), "{list:?}");
        }
    }
}
