//! A worker's own tasks: private ones, which cost no fence and no read-modify-write, and shared ones, which anybody may steal.
//!
//! A new task is private. Who is idle *asks*, and the owner then moves its oldest private tasks to a crossbeam deque. Who has asked in
//! vain for some microseconds, because the owner does something long, *seizes* half of them without the owner's help. It is the
//! protocol of forked jobs (`fork/README.md`) for a queue instead of a stack; the proof is in `run_queue/README.md`.

mod biased;

use std::cell::Cell;
use std::collections::VecDeque;

use crossbeam_utils::CachePadded;
use executor_common::Runnable;
use executor_common::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use executor_common::sync::{Counter, asymmetric};

use crate::queue::{Local, Order, Stealer};
use crate::sleep::Sleep;
use biased::Biased;

/// So many woken futures in a row overtake what is queued; then it is the queue's turn once. Two tasks that wake each other would
/// keep it waiting for ever otherwise.
const NEXT_LIMIT: u32 = 3;

/// At most so many tasks are shared at once for each worker that wants some: more than a thief takes at once, and few enough that
/// the owner soon runs private ones again.
const SHARE_LIMIT: usize = 64;

/// A queue that has grown beyond this gives its memory back when it is empty.
const KEPT_CAPACITY: usize = 1 << 15;

/// The owner's side.
pub(crate) struct RunQueue {
    /// Older than everything private.
    shared: Local<Runnable>,
    /// How many woken futures have overtaken in a row.
    overtaken: Cell<u32>,
}

/// Everybody else's side.
pub(crate) struct RunQueueRemote {
    shared: Stealer<Runnable>,
    /// Written by the owner with each task; others look rarely.
    own: CachePadded<Own>,
    /// Read by the owner with each task; others write rarely.
    question: CachePadded<Question>,
    /// Entries of closures that were run in place and let go of before their turn. Written by the owner, rarely.
    forgotten: Counter,
}

struct Own {
    private: Biased<Private>,
    /// How many are private.
    len: AtomicUsize,
}

/// One word of [`ASKED`] and [`UNFENCED`]: never neither of them. All changes are read-modify-writes, so that whoever takes a question
/// away has seen all that was written before it, whoever has repeated it since.
struct Question(AtomicU32);

/// Somebody wants tasks, and has not been given enough. Set from the beginning: who lies down beside a worker that has had
/// no task yet has nothing to fear.
const ASKED: u32 = 1;
/// The owner has been allowed to keep tasks to itself since the last heavy fence, so that one may not be seen yet.
const UNFENCED: u32 = 2;

#[derive(Default)]
struct Private {
    /// A future that a task of this worker has woken: its data is in this core's cache.
    next: Option<Runnable>,
    /// Oldest first.
    queue: VecDeque<Runnable>,
    /// Futures that have yielded, oldest first: they let everybody else go first, those from outside too.
    yielded: VecDeque<Runnable>,
}

impl Private {
    fn len(&self) -> usize {
        self.queue.len() + usize::from(self.next.is_some()) + self.yielded.len()
    }

    /// `forgotten` counts the entries of closures that this lets go of.
    #[inline(always)]
    fn push(&mut self, task: Runnable, forgotten: &Counter) {
        if self.queue.len() == self.queue.capacity() {
            self.forget_void(forgotten);
        }
        self.queue.push_back(task);
    }

    /// Before the queue grows: lets go of entries whose tasks have been run in place. A task that spawns and joins in a loop would
    /// fill it with them.
    #[cold]
    fn forget_void(&mut self, forgotten: &Counter) {
        // No task of anybody's is dropped here, only a reference to what is left of one.
        self.queue.retain(|task| {
            let is_void = task.is_void();
            // The turns of a future have been counted where they were run.
            if is_void && !task.is_future() {
                forgotten.add_owned(1);
            }
            !is_void
        });
    }

    /// The oldest that has not yielded, the woken one last.
    #[inline(always)]
    fn take_queued(&mut self) -> Option<Runnable> {
        match self.queue.pop_front() {
            Some(oldest) => Some(oldest),
            None => self.take_last(),
        }
    }

    /// The oldest, those that have yielded last.
    fn take_oldest(&mut self) -> Option<Runnable> {
        self.take_queued().or_else(|| self.yielded.pop_front())
    }

    /// The woken future, behind which there is nothing.
    fn take_last(&mut self) -> Option<Runnable> {
        if self.queue.capacity() > KEPT_CAPACITY {
            self.queue.shrink_to(KEPT_CAPACITY);
        }
        self.next.take()
    }
}

impl RunQueue {
    /// An empty queue and its other side. The owner's calls are all given this very other side.
    pub(crate) fn new() -> (Self, RunQueueRemote) {
        let shared = Local::new(Order::Fifo);
        let remote = RunQueueRemote {
            shared: shared.stealer(),
            own: CachePadded::new(Own {
                private: Biased::new(Private::default()),
                len: AtomicUsize::new(0),
            }),
            question: CachePadded::new(Question(AtomicU32::new(ASKED))),
            forgotten: Counter::new(),
        };
        (Self { shared, overtaken: Cell::new(0) }, remote)
    }

    /// Queues a new task, behind all others.
    #[inline]
    pub(crate) fn push(&self, remote: &RunQueueRemote, sleep: &Sleep, task: Runnable) {
        self.with_private(remote, |private| private.push(task, &remote.forgotten));
        self.after_push(remote, sleep);
    }

    /// Queues a future that a task of this worker has woken: it runs next, within [`NEXT_LIMIT`].
    #[inline]
    pub(crate) fn push_woken(&self, remote: &RunQueueRemote, sleep: &Sleep, task: Runnable) {
        self.with_private(remote, |private| {
            if let Some(displaced) = private.next.replace(task) {
                private.push(displaced, &remote.forgotten);
            }
        });
        self.after_push(remote, sleep);
    }

    /// Queues a future that has yielded: behind all others, those in the inbox included, but for a bounded number of turns.
    #[inline]
    pub(crate) fn push_yielded(&self, remote: &RunQueueRemote, sleep: &Sleep, task: Runnable) {
        self.with_private(remote, |private| private.yielded.push_back(task));
        self.after_push(remote, sleep);
    }

    #[inline]
    fn after_push(&self, remote: &RunQueueRemote, sleep: &Sleep) {
        // Ordering: the light fence, between the push and the look at the question, pairs with the heavy one in
        // `Shared::ask_everybody`: either a worker that lies down sees the task, or this sees its question.
        asymmetric::light();
        if remote.is_asked() {
            self.share(remote, sleep);
        }
    }

    /// The next task.
    #[inline]
    pub(crate) fn pop(&self, remote: &RunQueueRemote, sleep: &Sleep) -> Option<Runnable> {
        let task = self.pop_unasked(remote)?;
        if remote.is_asked() && remote.private_len() > 0 {
            self.share(remote, sleep);
        }
        Some(task)
    }

    /// The next future that has yielded.
    #[inline]
    pub(crate) fn pop_yielded(&self, remote: &RunQueueRemote) -> Option<Runnable> {
        if remote.private_len() == 0 {
            return None;
        }
        self.with_private(remote, |private| private.yielded.pop_front())
    }

    /// The next task that has not yielded, whoever wants some.
    #[inline]
    pub(crate) fn pop_unasked(&self, remote: &RunQueueRemote) -> Option<Runnable> {
        let is_shared = self.shared.len() > 0;
        if remote.private_len() > 0 {
            let overtaken = self.overtaken.get();
            let task = self.with_private(remote, |private| {
                if overtaken < NEXT_LIMIT
                    && let Some(next) = private.next.take()
                {
                    self.overtaken.set(overtaken + 1);
                    return Some(next);
                }
                self.overtaken.set(0);
                if is_shared { None } else { private.take_queued() }
            });
            if task.is_some() || !is_shared {
                return task;
            }
        }
        // Thieves may have been faster; then what is private is the oldest.
        self.shared.pop().or_else(|| self.with_private(remote, Private::take_queued))
    }

    /// Moves the oldest private tasks to where others can steal them, for those who want some, and wakes one who sleeps.
    ///
    /// The last one stays here while somebody is awake and searches: its owner will have time for it sooner than the
    /// searcher could take it, and if not, because it does something long, the searcher seizes it.
    #[cold]
    fn share(&self, remote: &RunQueueRemote, sleep: &Sleep) {
        // Ordering: Acquire pairs with the fence before `ask_before_sleep`: if this takes away the question of a worker that lies
        // down or ends its search, that one has changed the counts that are read next. If its question comes later, it stays, and
        // that one looks after a heavy fence, which the light one of the last push is before.
        remote.question.0.swap(UNFENCED, Ordering::Acquire);
        let demand = sleep.demand();
        let private = remote.private_len();
        let kept = usize::from(demand.searching > 0);
        let missing = demand.takers().saturating_sub(self.shared.len());
        let count = match missing {
            // Nobody could seize what stays.
            _ if !asymmetric::is_supported() => private,
            0 => 0,
            _ => (private / 2)
                .min(SHARE_LIMIT * missing)
                .max(missing)
                .min(private.saturating_sub(kept)),
        };
        for _ in 0..count {
            let Some(task) = self.with_private(remote, Private::take_oldest) else { break };
            self.shared.push(task);
        }
        // Who searches and gets nothing asks again.
        let is_content = count >= missing || (demand.searching > 0 && private <= 1);
        if !is_content || !asymmetric::is_supported() {
            // The owner's own reminder.
            remote.ask();
        }
        if count > 0 {
            sleep.notify();
        }
    }

    /// Moves all private tasks to where others can steal them. It is a push: the caller notifies.
    pub(crate) fn share_all(&self, remote: &RunQueueRemote) {
        while let Some(task) = self.with_private(remote, Private::take_oldest) {
            self.shared.push(task);
        }
    }

    /// Where batches of others' tasks go. What is put there is a push: the caller notifies.
    pub(crate) fn shared(&self) -> &Local<Runnable> {
        &self.shared
    }

    #[inline(always)]
    fn with_private<R>(&self, remote: &RunQueueRemote, f: impl FnOnce(&mut Private) -> R) -> R {
        // SAFETY: a `RunQueue` is not shared between threads (its deque is not `Sync`), so that one thread at a time has it, and
        // `remote` is its other side (see `new`).
        unsafe {
            remote.own.private.with_owner(|private| {
                let result = f(private);
                remote.own.set_len(private);
                result
            })
        }
    }
}

impl Own {
    #[inline(always)]
    fn set_len(&self, private: &Private) {
        // Ordering: Relaxed; fences order it where it matters.
        self.len.store(private.len(), Ordering::Relaxed);
    }
}

impl RunQueueRemote {
    #[inline(always)]
    fn is_asked(&self) -> bool {
        // Ordering: Relaxed; `after_push` has a fence before it, and otherwise a late look does no harm.
        self.question.0.load(Ordering::Relaxed) & ASKED != 0
    }

    fn private_len(&self) -> usize {
        // Ordering: Relaxed; see `Own::set_len`.
        self.own.len.load(Ordering::Relaxed)
    }

    /// How many closures were run in place whose entries never had their turn.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.get()
    }

    /// How many tasks wait here.
    pub(crate) fn len(&self) -> usize {
        self.shared.len() + self.private_len()
    }

    /// Whether a single task is private.
    pub(crate) fn has_single_private(&self) -> bool {
        self.private_len() == 1
    }

    /// Whether there is nothing to steal and nothing to seize.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.private_len() == 0
    }

    /// What anybody may steal from.
    pub(crate) fn shared(&self) -> &Stealer<Runnable> {
        &self.shared
    }

    /// Asks the owner to share. Repeated by a searcher that finds nothing.
    pub(crate) fn ask(&self) {
        // Ordering: Relaxed; see the `Question`. Only written if it is news, since the owner reads it all the time.
        if !self.is_asked() {
            self.question.0.fetch_or(ASKED, Ordering::Relaxed);
        }
    }

    /// Asks the owner to share from now on: the first part of a last look. The result is whether the look needs a
    /// [`heavy`](asymmetric::heavy) fence before it. The caller has fenced after it changed the counts.
    ///
    /// It is one step: if the owner took the question away between it and the answer, the fence would be for what the owner
    /// keeps to itself from then on, and nobody would have asked before it.
    pub(crate) fn ask_before_sleep(&self) -> bool {
        // Ordering: Relaxed; the caller's fence before it pairs with the Acquire in `share`. Written also if it is set: the owner may be
        // about to take the question of somebody else away, and must see this worker in the counts then. Somebody else who
        // finds `UNFENCED` gone relies on this worker's look, which comes after the heavy fence.
        let before = self.question.0.swap(ASKED, Ordering::Relaxed);
        asymmetric::is_supported() && before & UNFENCED != 0
    }

    /// Takes everything there is, for an owner whose task holds it while the pool stops. False if the system has taken the
    /// owner's core away at the wrong moment, so that this may not be all.
    pub(crate) fn take_all(&self) -> (Vec<Runnable>, bool) {
        // The task may spawn all the while.
        let count = self.shared.len();
        let mut all: Vec<Runnable> =
            std::iter::from_fn(|| self.shared.steal()).take(count).collect();
        // Where nobody could seize, nothing stays private.
        if !asymmetric::is_supported() || self.private_len() == 0 {
            return (all, true);
        }
        let private = self.own.private.try_with(|private| {
            let taken = std::mem::take(private);
            self.own.set_len(private);
            taken
        });
        let are_all = private.is_some();
        let Private { next, queue, yielded } = private.unwrap_or_default();
        all.extend(queue.into_iter().chain(next).chain(yielded));
        (all, are_all)
    }

    /// Takes the older half of what is private, for an owner that has not heard the question: worth an interrupt on every
    /// core of the process. Returns the oldest; the others go to `into`, which is a push.
    pub(crate) fn seize(&self, into: &RunQueue) -> Option<Runnable> {
        if !asymmetric::is_supported() || self.private_len() == 0 || !self.shared.is_empty() {
            return None;
        }
        self.own.private.try_with(|private| {
            let rest = private.len() / 2;
            let oldest = private.take_oldest();
            for _ in 0..rest.min(SHARE_LIMIT) {
                let Some(task) = private.take_oldest() else { break };
                into.shared.push(task);
            }
            self.own.set_len(private);
            oldest
        })?
    }
}
