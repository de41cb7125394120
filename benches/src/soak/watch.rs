//! Who has not moved for too long.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use executor_common::sync::Arc;

use super::state::Soak;

/// Nobody has moved for so long: a hang.
const NOBODY: Duration = Duration::from_secs(30);

/// One has not moved for so long, though others have: no wait in the program takes nearly as long.
const ONE: Duration = Duration::from_secs(90);

/// More than this between two looks is time in which the process itself did not run.
const LOOK: Duration = Duration::from_secs(1);

/// Looks where everybody is.
#[derive(Debug)]
pub(super) struct Watch {
    /// Time that this process has seen pass.
    clock: Duration,
    last_look: Instant,
    /// By station: since when it is there, and when that was first seen.
    seen: HashMap<usize, (Instant, Duration)>,
    last_move: Duration,
}

impl Watch {
    pub(super) fn new() -> Self {
        let seen = HashMap::new();
        Self { clock: Duration::ZERO, last_look: Instant::now(), seen, last_move: Duration::ZERO }
    }

    /// Where everybody is, if somebody hangs.
    pub(super) fn look(&mut self, soak: &Soak) -> Option<String> {
        self.clock += self.last_look.elapsed().min(LOOK);
        self.last_look = Instant::now();
        let stations = soak.stations();
        let mut seen = HashMap::new();
        let mut hangs = None;
        for station in &stations {
            let key = Arc::as_ptr(station) as usize;
            let stamp = station.stamp();
            let first = match self.seen.get(&key) {
                Some((before, first)) if *before == stamp => *first,
                _ => {
                    self.last_move = self.clock;
                    self.clock
                }
            };
            if self.clock - first >= ONE {
                hangs = Some(format!("{} has not moved for {ONE:?}", station.name));
            }
            seen.insert(key, (stamp, first));
        }
        self.seen = seen;
        if !stations.is_empty() && self.clock - self.last_move >= NOBODY {
            hangs = Some(format!("nobody has moved for {NOBODY:?}"));
        }
        let mut hangs = hangs?;
        for station in stations {
            let (what, since) = station.since();
            let seconds = since.as_secs_f64();
            // Into a string: it does not fail.
            let _ = write!(hangs, "\n  {}: {what}, for {seconds:.1} s", station.name);
        }
        Some(hangs)
    }
}
