//! Comparing an executor's own counts with the accounts.

use std::time::{Duration, Instant};

use executor_common::sync::{Arc, Condvar, Mutex};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::account::Account;
use super::state::{Soak, Station};

/// A worker counts a task after the task's end, which is when the account has it. So much later it has counted.
const LAG: Duration = Duration::from_secs(20);

/// How an executor is ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// It runs what it has accepted.
    Shutdown,
    /// The same, for so long.
    Timeout(Duration),
    /// Dropped.
    Drop,
    /// When its actors have gone, with a known number of tasks in its queues.
    Quiet,
}

impl Ending {
    pub(super) fn random(rng: &mut Pcg64Mcg) -> Self {
        match rng.random_range(0..4) {
            0 => Self::Shutdown,
            1 => Self::Timeout(Duration::from_micros(rng.random_range(0..30_000))),
            2 => Self::Drop,
            _ => Self::Quiet,
        }
    }

    /// Whether everything that was accepted was to run.
    pub(super) fn runs_all(self) -> bool {
        matches!(self, Self::Shutdown | Self::Quiet)
    }
}

/// Waits until all tasks of the books have ended. False if something has been found that does not add up, and they may never.
pub(super) fn settled(soak: &Soak, station: &Station, books: &[&'static Account]) -> bool {
    station.at("waits for the last tasks of an executor");
    while books.iter().any(|book| book.sums().unaccounted > 0) {
        if !soak.faults().is_empty() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Gives the executor's counts time to come to what they should be.
pub(super) fn comes_true(
    soak: &Soak,
    station: &Station,
    who: &str,
    check: impl Fn() -> Result<(), String>,
) {
    station.at("compares an executor's counts with the accounts");
    let deadline = Instant::now() + LAG;
    while let Err(difference) = check() {
        if Instant::now() >= deadline {
            soak.fault(format!("{who}: {difference}"));
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Holds tasks until it is opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let mut is_open = is_open.lock();
        while !*is_open {
            opened.wait(&mut is_open);
        }
    }

    pub(super) fn open(&self) {
        let (is_open, opened) = &*self.0;
        *is_open.lock() = true;
        opened.notify_all();
    }
}
