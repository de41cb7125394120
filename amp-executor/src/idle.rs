//! What a worker does while it has nothing to do.

use std::fmt;
use std::str::FromStr;

use executor_common::sync::{LOOM, hint, thread};

/// What a worker does between running out of work and finding some.
///
/// On a core that two roles share, workers always park: there, one worker's waiting is the other one's lost
/// time. [`WorkerPlacement::idle`](crate::WorkerPlacement::idle) tells what is in force.
///
/// | policy | hand-off to an idle worker | idle cost |
/// |---|---|---|
/// | `Spin` | one cache line's way | a whole core |
/// | `Backoff` | as `Spin` for some microseconds, then as `Park` | those microseconds, each time |
/// | `Park` | a system call and a thread switch | none |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IdlePolicy {
    /// Looks for work without pause and never sleeps.
    Spin,
    /// Looks for work for a while, then lets other threads go first, then sleeps.
    #[default]
    Backoff,
    /// Sleeps at once.
    Park,
}

impl IdlePolicy {
    /// The word for it in a role list.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Backoff => "backoff",
            Self::Park => "park",
        }
    }
}

impl fmt::Display for IdlePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The word is none of `spin`, `backoff` and `park`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idle policy is one of spin, backoff and park")]
pub struct ParseIdlePolicyError(());

impl FromStr for IdlePolicy {
    type Err = ParseIdlePolicyError;

    fn from_str(word: &str) -> Result<Self, ParseIdlePolicyError> {
        [Self::Spin, Self::Backoff, Self::Park]
            .into_iter()
            .find(|policy| policy.word() == word)
            .ok_or(ParseIdlePolicyError(()))
    }
}

/// What a worker does at one empty look.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum IdleStep {
    /// Look again.
    Again,
    /// Go to sleep.
    Sleep,
}

/// A worker's way from awake to asleep.
#[derive(Debug)]
pub(crate) struct Idle {
    policy: IdlePolicy,
    looks: u32,
}

/// Looks with a spin hint in between: a few microseconds, about what a sleep and a wake-up cost.
const SPINS: u32 = 256;
/// Looks with a yield in between, for producers that wait for this very CPU.
const YIELDS: u32 = 8;

impl Idle {
    pub(crate) fn new(policy: IdlePolicy) -> Self {
        Self { policy, looks: 0 }
    }

    /// There was work: the next idle time starts from the beginning.
    pub(crate) fn reset(&mut self) {
        self.looks = 0;
    }

    /// There was none.
    pub(crate) fn step(&mut self) -> IdleStep {
        match self.policy {
            IdlePolicy::Park => IdleStep::Sleep,
            IdlePolicy::Spin => {
                hint::spin_loop();
                IdleStep::Again
            }
            // A model explores each look; the protocol is the same after fewer of them.
            IdlePolicy::Backoff if LOOM => IdleStep::Sleep,
            IdlePolicy::Backoff => {
                self.looks += 1;
                if self.looks <= SPINS {
                    hint::spin_loop();
                    IdleStep::Again
                } else if self.looks <= SPINS + YIELDS {
                    thread::yield_now();
                    IdleStep::Again
                } else {
                    self.looks = 0;
                    IdleStep::Sleep
                }
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn backoff_ends_asleep_and_starts_again_after_work() {
        let mut idle = Idle::new(IdlePolicy::Backoff);
        let looks_until_sleep = |idle: &mut Idle| {
            let mut looks = 0;
            while idle.step() == IdleStep::Again {
                looks += 1;
            }
            looks
        };
        let first = looks_until_sleep(&mut idle);
        assert_eq!(first, SPINS + YIELDS);
        assert_eq!(idle.step(), IdleStep::Again);
        idle.reset();
        assert_eq!(looks_until_sleep(&mut idle), first);
    }

    #[test]
    fn spin_never_sleeps_and_park_never_looks_twice() {
        let mut spin = Idle::new(IdlePolicy::Spin);
        assert!((0..100_000).all(|_| spin.step() == IdleStep::Again));
        assert_eq!(Idle::new(IdlePolicy::Park).step(), IdleStep::Sleep);
    }

    #[test]
    fn words_are_read_back() {
        for policy in [IdlePolicy::Spin, IdlePolicy::Backoff, IdlePolicy::Park] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("Spin".parse::<IdlePolicy>().is_err());
    }
}
