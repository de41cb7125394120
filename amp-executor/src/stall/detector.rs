//! When a worker's task has stalled: a function of what is seen, and when.

use std::time::{Duration, Instant};

use executor_common::TaskId;

use super::Sample;

/// No more reports than this of one worker...
const MAX_REPORTS: usize = 5;
/// ...in so much time.
const REPORTS_PERIOD: Duration = Duration::from_secs(60);

/// What is remembered of one worker.
#[derive(Debug)]
pub(super) struct Detector {
    limit: Duration,
    /// What was seen last, if that was a task.
    run: Option<Run>,
    /// When the last reports were made, the oldest at `oldest`.
    reports: [Option<Instant>; MAX_REPORTS],
    oldest: usize,
}

/// One run of a task: a closure, or one poll of a future.
#[derive(Debug)]
struct Run {
    sequence: u64,
    task: TaskId,
    seen_since: Instant,
    has_stalled: bool,
}

/// A task that holds its worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stall {
    pub(super) task: TaskId,
    /// At least so long.
    pub(super) held_for: Duration,
    /// False if there have been too many reports of late.
    pub(super) is_to_be_reported: bool,
}

impl Detector {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, run: None, reports: [None; MAX_REPORTS], oldest: 0 }
    }

    /// A look at the worker. Each run of a task stalls once at most.
    pub(super) fn look(&mut self, now: Instant, sample: Sample) -> Option<Stall> {
        let Sample { sequence, task } = sample;
        let Some(task) = task else {
            self.run = None;
            return None;
        };
        let run = match &mut self.run {
            Some(run) if (run.sequence, run.task) == (sequence, task) => run,
            _ => {
                self.run = Some(Run { sequence, task, seen_since: now, has_stalled: false });
                return None;
            }
        };
        let held_for = now.saturating_duration_since(run.seen_since);
        if run.has_stalled || held_for < self.limit {
            return None;
        }
        run.has_stalled = true;
        Some(Stall { task, held_for, is_to_be_reported: self.may_report(now) })
    }

    fn may_report(&mut self, now: Instant) -> bool {
        let slot = &mut self.reports[self.oldest];
        if slot.is_some_and(|then| now.saturating_duration_since(then) < REPORTS_PERIOD) {
            return false;
        }
        *slot = Some(now);
        self.oldest = (self.oldest + 1) % MAX_REPORTS;
        true
    }
}
