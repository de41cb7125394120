//! What one certain worker has to run.

use std::collections::VecDeque;

use executor_common::Runnable;
use executor_common::sync::Mutex;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

/// A worker's mail. Rare, so a lock is good enough; the count keeps an empty box free of charge.
pub(crate) struct Mailbox {
    count: AtomicUsize,
    mail: Mutex<VecDeque<Runnable>>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self { count: AtomicUsize::new(0), mail: Mutex::new(VecDeque::new()) }
    }

    /// Leaves a task. The caller calls the worker afterwards (`Sleep::call`), whose lock makes this count
    /// visible to a worker that lies down later.
    pub(crate) fn put(&self, task: Runnable) {
        let mut mail = self.mail.lock();
        mail.push_back(task);
        // Ordering: Relaxed; `take` synchronises through the lock.
        self.count.store(mail.len(), Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        let mut mail = self.mail.lock();
        let task = mail.pop_front();
        // Ordering: as in `put`.
        self.count.store(mail.len(), Ordering::Relaxed);
        task
    }

    /// Lets go of tasks that are done. Those that are not never leave the box.
    pub(crate) fn forget_void(&self) {
        if self.is_empty() {
            return;
        }
        let mut mail = self.mail.lock();
        let (void, rest): (VecDeque<_>, _) = mail.drain(..).partition(Runnable::is_void);
        *mail = rest;
        // Ordering: as in `put`.
        self.count.store(mail.len(), Ordering::Relaxed);
        drop(mail);
        // The last reference of a task may be that of its pool, and of this box: not under its lock.
        drop(void);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        // Ordering: Relaxed; before a sleep, the sleepers' lock has been taken before this look.
        self.count.load(Ordering::Relaxed)
    }
}
