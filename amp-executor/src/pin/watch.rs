//! Noticing that a pin is gone.
//!
//! A pin does not hold by itself. When a cpuset changes, the kernel writes the masks of all its threads anew, and tells
//! nobody; anyone with the right to can change a mask besides. So each worker looks after its own:
//!
//! * Which CPU it is on, every [`LOOKS_APART`] turns of its loop and whenever it sleeps. That does not enter the kernel.
//!   It finds a pin that is lost and matters: the worker is elsewhere.
//! * The mask itself, every [`MASKS_APART`] of these looks and whenever the CPU is not the worker's own. That is a system
//!   call. It finds a pin that is lost before it matters.
//!
//! A pin that is not in force is asked for again. Who never had it, or does not get it back, goes on asking, but
//! rarely, and hears of it only when something changes.
//!
//! There are no clocks in this: a worker that does not turn holds its core, and nothing can be asked on its behalf.

use executor_common::Role;
use executor_common::cpu::{CpuControl, CpuSet};

use super::{Pin, PinOutcome, PinPolicy, Pinned, pin_this_thread};
use crate::event::Event;

/// Turns of the worker's loop from one look at the CPU to the next.
pub(crate) const LOOKS_APART: u32 = 64;
/// Looks at the CPU in the worker's loop from one look at the mask to the next.
pub(crate) const MASKS_APART: u32 = 64;
/// Looks at the CPU around the worker's sleep from one look at the mask to the next. A sleep is dearer than a turn.
pub(crate) const SLEEPS_APART: u32 = 16;
/// Looks at the mask, while the pin is not in force, from one attempt to get it back to the next.
pub(crate) const RETRIES_APART: u32 = 16;

/// A worker's watch over its own pin. All its methods belong on the worker's thread.
#[derive(Debug)]
pub(crate) struct PinWatch {
    cpus: std::sync::Arc<dyn CpuControl>,
    policy: PinPolicy,
    core: usize,
    /// What is in force, as far as this watch knows.
    known: Pin,
    until_look: u32,
    until_mask: u32,
    until_mask_asleep: u32,
    until_retry: u32,
}

/// What a look has found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Look {
    /// The CPU that the worker is on, where that can be told.
    pub(crate) cpu: Option<usize>,
    /// What is in force from now on, if that is something else than before.
    pub(crate) change: Option<PinChange>,
}

/// Something else is in force than before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PinChange {
    /// The program should hear of it.
    pub(crate) loss: Option<PinLoss>,
    pub(crate) pin: Pin,
}

/// The mask was not the worker's core.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PinLoss {
    /// The mask that was found. `None` where it could not be read.
    pub(crate) mask: Option<CpuSet>,
    /// It is the core again, as read back.
    pub(crate) restored: bool,
}

impl PinLoss {
    /// For the program.
    pub(crate) fn into_event(self, role: Role, worker: usize, core: usize) -> Event {
        let Self { mask, restored } = self;
        Event::PinLost { role, worker, core, mask, restored }
    }
}

impl PinWatch {
    /// Takes over from [`pin_this_thread`], which was called with the same arguments and answered `pinned`.
    pub(crate) fn new(
        cpus: std::sync::Arc<dyn CpuControl>,
        policy: PinPolicy,
        core: usize,
        pinned: &Pinned,
    ) -> Self {
        Self {
            cpus,
            policy,
            core,
            known: pinned.pin(),
            until_look: LOOKS_APART,
            until_mask: MASKS_APART,
            until_mask_asleep: SLEEPS_APART,
            until_retry: RETRIES_APART,
        }
    }

    /// One turn of the worker's loop.
    #[inline]
    pub(crate) fn tick(&mut self) -> Option<Look> {
        self.until_look -= 1;
        if self.until_look > 0 {
            return None;
        }
        Some(self.look_from_loop())
    }

    #[cold]
    #[inline(never)]
    fn look_from_loop(&mut self) -> Look {
        self.until_look = LOOKS_APART;
        let is_due = count_down(&mut self.until_mask, MASKS_APART);
        self.look(is_due)
    }

    /// The worker goes to sleep, or has been woken: looks at once.
    pub(crate) fn now(&mut self) -> Look {
        let is_due = count_down(&mut self.until_mask_asleep, SLEEPS_APART);
        self.look(is_due)
    }

    fn look(&mut self, mask_is_due: bool) -> Look {
        let cpu = self.cpus.current_cpu();
        let change = match (self.policy, &self.known.outcome) {
            (PinPolicy::Off, _) => None,
            (_, PinOutcome::Pinned) => {
                let is_elsewhere = cpu.is_some_and(|cpu| cpu != self.core);
                if (mask_is_due || is_elsewhere) && !self.holds(is_elsewhere) {
                    self.pin_again()
                } else {
                    None
                }
            }
            // To be elsewhere is nothing new.
            (_, PinOutcome::NotAsked | PinOutcome::Refused { .. }) => {
                if mask_is_due && count_down(&mut self.until_retry, RETRIES_APART) {
                    self.pin_again()
                } else {
                    None
                }
            }
        };
        Look { cpu, change }
    }

    /// Whether the mask is the core. One that cannot be read proves nothing: then being elsewhere decides.
    fn holds(&self, is_elsewhere: bool) -> bool {
        self.cpus.allows_only(self.core).unwrap_or(!is_elsewhere)
    }

    /// The pin is not in force, as far as is known: asks for it, unless it is by now.
    fn pin_again(&mut self) -> Option<PinChange> {
        let had = self.known.outcome == PinOutcome::Pinned;
        let found = self.cpus.allowed().ok();
        let is_core = found.as_ref().is_some_and(|mask| mask.iter().eq([self.core]));
        let pin = if is_core {
            Pin { outcome: PinOutcome::Pinned, mask: found.clone() }
        } else {
            pin_this_thread(&*self.cpus, self.policy, self.core).pin()
        };
        let restored = pin.outcome == PinOutcome::Pinned;
        let is_loss = !is_core && (had || (!restored && found != self.known.mask));
        let is_change = is_loss || pin != self.known;
        self.known = pin.clone();
        let loss = is_loss.then_some(PinLoss { mask: found, restored });
        is_change.then_some(PinChange { loss, pin })
    }
}

/// True once in `apart` calls.
fn count_down(left: &mut u32, apart: u32) -> bool {
    *left -= 1;
    let is_due = *left == 0;
    if is_due {
        *left = apart;
    }
    is_due
}

#[cfg(all(test, not(loom)))]
#[path = "watch_tests.rs"]
mod tests;
