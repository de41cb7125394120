//! Jobs that a waiting worker stole and may not run.

use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

use super::job::JobRef;

/// Rare: a waiter looks at its thief's deque at the very moment when the thief finishes. A list under a lock
/// is good enough, and the count keeps an empty one free of charge.
pub(crate) struct Returned {
    count: AtomicUsize,
    jobs: Mutex<Vec<JobRef>>,
}

impl Returned {
    pub(crate) fn new() -> Self {
        Self { count: AtomicUsize::new(0), jobs: Mutex::new(Vec::new()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed. The owner is unparked after a `put`, and an idle worker has the fence of
        // `Sleep::fall_asleep` before this look.
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Gives a job back.
    pub(crate) fn put(&self, job: JobRef) {
        let mut jobs = self.jobs.lock();
        jobs.push(job);
        // Ordering: Relaxed; those who take synchronise through the lock.
        self.count.store(jobs.len(), Ordering::Relaxed);
    }

    /// Any job, for a worker that has nothing to do.
    pub(crate) fn take_any(&self) -> Option<JobRef> {
        self.take(|_| true)
    }

    /// One certain job, for the owner that waits for it. False if it is not here.
    pub(crate) fn take_this(&self, wanted: JobRef) -> bool {
        self.take(|job| job == wanted).is_some()
    }

    fn take(&self, mut wanted: impl FnMut(JobRef) -> bool) -> Option<JobRef> {
        if self.is_empty() {
            return None;
        }
        let mut jobs = self.jobs.lock();
        let place = jobs.iter().position(|job| wanted(*job))?;
        let job = jobs.swap_remove(place);
        // Ordering: as in `put`.
        self.count.store(jobs.len(), Ordering::Relaxed);
        Some(job)
    }
}
