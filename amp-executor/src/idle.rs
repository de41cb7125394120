//! What a worker does while it has nothing to do.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use executor_common::sync::{MODEL, hint, thread};

/// What a worker does between running out of work and finding some.
///
/// On a core that two roles share, workers always park: there, one worker's waiting is the other one's lost
/// time. So do those that wait in a [reactor](crate::AmpBuilder::reactor). [`WorkerPlacement::idle`](crate::WorkerPlacement::idle) tells what is in force.
///
/// | policy | hand-off to an idle worker | idle cost |
/// |---|---|---|
/// | `Spin` | one cache line's way | a whole core |
/// | `Backoff` | as `Spin` for 50 microseconds, then as `Park` | those microseconds, each time |
/// | `Park` | a system call and a thread switch | none |
///
/// # Examples
///
/// ```
/// use amp_executor::IdlePolicy;
///
/// assert_eq!("park".parse(), Ok(IdlePolicy::Park));
/// assert_eq!(IdlePolicy::default().to_string(), "backoff");
/// ```
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
///
/// # Examples
///
/// ```
/// let error = "sleep".parse::<amp_executor::IdlePolicy>().unwrap_err();
/// assert_eq!(error.to_string(), "an idle policy is one of spin, backoff and park");
/// ```
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
    spin_ns: u64,
    /// Looks since there was work.
    looks: u32,
    /// When there was work for the last time, as far as is known.
    since_ns: u64,
    /// The last reading of the clock.
    seen_ns: u64,
}

/// How long a worker that backs off spins: as long as it may take to be woken, which is the most that can be lost by a sleep that ends
/// at once (competitive spinning; Karlin, Li, Manasse and Owicki, 1991). On virtual machines that is 35 to 55 us. A time and not a number,
/// since a spin hint takes between 5 and 150 cycles, and may end in the hypervisor.
pub(crate) const SPIN_FOR: Duration = Duration::from_micros(50);

/// As [`SPIN_FOR`], where there are more workers than CPUs: there, one worker's waiting is the other one's lost time.
pub(crate) const SPIN_FOR_CROWDED: Duration = Duration::from_micros(5);

/// After so long it yields between the looks, for spawners that wait for this very CPU. A yield to nobody is a system call.
const YIELD_AFTER_NS: u64 = 2_000;

/// Looks from one reading of the clock to the next: about 100 ns.
const LOOKS_PER_READING: u32 = 8;

impl Idle {
    /// `spin_for` is how long a worker that backs off spins.
    pub(crate) fn new(policy: IdlePolicy, spin_for: Duration) -> Self {
        Self { policy, spin_ns: spin_for.as_nanos() as u64, looks: 0, since_ns: 0, seen_ns: 0 }
    }

    /// The last reading of the clock, which is at most some looks old while the worker is idle.
    #[inline]
    pub(crate) fn seen_ns(&self) -> u64 {
        self.seen_ns
    }

    /// There was work until now: the next idle time starts from the beginning.
    #[inline]
    pub(crate) fn begin(&mut self, now_ns: u64) {
        self.looks = 0;
        self.since_ns = now_ns;
        self.seen_ns = now_ns;
    }

    /// There was none, at one more look.
    pub(crate) fn step(&mut self, now_ns: impl Fn() -> u64) -> IdleStep {
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(LOOKS_PER_READING) {
            self.seen_ns = now_ns();
        }
        match self.policy {
            IdlePolicy::Park => IdleStep::Sleep,
            // A model explores each look; the protocol is the same after fewer of them.
            IdlePolicy::Backoff if MODEL => IdleStep::Sleep,
            IdlePolicy::Spin => {
                hint::spin_loop();
                IdleStep::Again
            }
            IdlePolicy::Backoff => self.back_off(),
        }
    }

    fn back_off(&mut self) -> IdleStep {
        let spun_ns = self.seen_ns.saturating_sub(self.since_ns);
        if spun_ns >= self.spin_ns {
            return IdleStep::Sleep;
        }
        if spun_ns >= YIELD_AFTER_NS && self.looks.is_multiple_of(LOOKS_PER_READING) {
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
        IdleStep::Again
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SPIN: Duration = Duration::from_nanos(100);

    /// Looks until the worker sleeps, with a clock that goes on by one at each reading.
    fn looks_until_sleep(idle: &mut Idle) -> u64 {
        let clock = std::cell::Cell::new(idle.seen_ns());
        let now = || {
            clock.set(clock.get() + 1);
            clock.get()
        };
        let mut looks = 0;
        while idle.step(now) == IdleStep::Again {
            looks += 1;
        }
        looks
    }

    #[test]
    fn backoff_spins_for_its_time_and_starts_again_after_work() {
        let mut idle = Idle::new(IdlePolicy::Backoff, SPIN);
        idle.begin(1000);
        let looks = looks_until_sleep(&mut idle);
        assert_eq!(looks, 100 * u64::from(LOOKS_PER_READING) - 1);
        assert_eq!(looks_until_sleep(&mut idle), 0, "it stays tired");
        let now = idle.seen_ns();
        idle.begin(now);
        assert_eq!(looks_until_sleep(&mut idle), looks);
    }

    #[test]
    fn spin_never_sleeps_and_park_never_looks_twice() {
        let mut spin = Idle::new(IdlePolicy::Spin, SPIN);
        assert!((0..100_000).all(|now| spin.step(|| now) == IdleStep::Again));
        assert_eq!(Idle::new(IdlePolicy::Park, SPIN).step(|| 0), IdleStep::Sleep);
    }

    #[test]
    fn words_are_read_back() {
        for policy in [IdlePolicy::Spin, IdlePolicy::Backoff, IdlePolicy::Park] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("Spin".parse::<IdlePolicy>().is_err());
    }
}
