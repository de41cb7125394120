//! How many tasks may be queued at once, and who waits for room.
//!
//! One word holds the count and the mark of the end, so that whoever is admitted is admitted before the end, and counted.
//! Who finds no room waits in a [`WaitQueue`], threads and futures alike: registers, tries once more, sleeps. Who
//! releases notifies as many waiters as it has made places.
//!
//! The queue is in order of arrival, but a place is nobody's until it is taken: a newcomer may overtake those who wait.
//! A waiter that finds the place gone keeps its own at the front.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crossbeam_utils::CachePadded;
use executor_common::sync::atomic::{AtomicUsize, Ordering};
use executor_common::{Ticket, WaitQueue, block_on};

/// Nobody is admitted any more.
const CLOSED: usize = 1;

/// One admitted task.
const ONE: usize = 2;

/// The largest limit whose count fits beside the mark.
const MAX_LIMIT: usize = usize::MAX / ONE;

/// Admits tasks up to a limit.
pub(crate) struct Admission {
    /// The value of `state` from which on nobody is admitted.
    full: usize,
    /// `ONE` for each admitted task, and `CLOSED`.
    ///
    /// Ordering: Relaxed for all accesses. Nothing is published through the word; that a waiter and a release, or a
    /// waiter and the end, do not miss each other is the work of the fences and the lock in [`WaitQueue`].
    state: CachePadded<AtomicUsize>,
    room: WaitQueue,
}

/// Nobody is admitted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// Why there was no admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Full,
    Closed,
}

impl Admission {
    /// Open, and empty.
    pub(crate) fn new(limit: NonZeroUsize) -> Self {
        Self {
            full: limit.get().min(MAX_LIMIT) * ONE,
            state: CachePadded::new(AtomicUsize::new(0)),
            room: WaitQueue::new(),
        }
    }

    /// Admits one task if there is room now. False also after the end, which [`Admission::is_closed`] tells apart.
    #[inline]
    pub(crate) fn try_admit(&self) -> bool {
        self.attempt().is_ok()
    }

    /// Admits one task, and blocks the thread until there is room. Not for a thread whose going on is what would make
    /// the room.
    ///
    /// # Errors
    ///
    /// [`Closed`], also where the end comes during the wait.
    pub(crate) fn admit(&self) -> Result<(), Closed> {
        match self.attempt() {
            Ok(()) => Ok(()),
            Err(Refused::Full) => block_on(self.admitted()),
            Err(Refused::Closed) => Err(Closed),
        }
    }

    /// Admits one task as soon as there is room, for futures.
    ///
    /// # Errors
    ///
    /// As [`Admission::admit`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it was ready, the future has admitted nothing, and lets the next one in line have the room.
    pub(crate) fn admitted(&self) -> Admitted<'_> {
        Admitted { admission: self, ticket: Ticket::default() }
    }

    /// `count` admitted tasks are queued no more: others may have their places.
    #[inline]
    pub(crate) fn release(&self, count: usize) {
        // Ordering: see `state`.
        let before = self.state.fetch_sub(count * ONE, Ordering::Relaxed);
        debug_assert!(before / ONE >= count, "{count} of {} released", before / ONE);
        for _ in 0..count {
            self.room.notify_one();
            // Whoever registers after the fence in `notify_one` sees the room by itself.
            if self.room.is_empty() {
                break;
            }
        }
    }

    /// Admits nobody any more, and releases all who wait with an error.
    pub(crate) fn close(&self) {
        // Ordering: see `state`.
        self.state.fetch_or(CLOSED, Ordering::Relaxed);
        self.room.notify_all();
    }

    /// Whether the end has come.
    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: see `state`.
        self.state.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// How many tasks are admitted and not released.
    pub(crate) fn queued(&self) -> usize {
        // Ordering: see `state`.
        self.state.load(Ordering::Relaxed) / ONE
    }

    fn attempt(&self) -> Result<(), Refused> {
        let admit = |state| (state < self.full && state & CLOSED == 0).then_some(state + ONE);
        // Ordering: see `state`.
        match self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit) {
            Ok(_) => Ok(()),
            Err(state) if state & CLOSED != 0 => Err(Refused::Closed),
            Err(_) => Err(Refused::Full),
        }
    }

    fn has_room(&self) -> bool {
        // Ordering: see `state`.
        let state = self.state.load(Ordering::Relaxed);
        state & CLOSED == 0 && state < self.full
    }

    /// Attempts, and registers the waiter where there is no room.
    fn poll_admit(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<Result<(), Closed>> {
        let attempt = match self.attempt() {
            Err(Refused::Full) => {
                self.room.register(ticket, waker);
                // The second look that `WaitQueue::register` asks for.
                self.attempt()
            }
            attempt => attempt,
        };
        match attempt {
            Ok(()) => {
                self.room.leave(ticket, || self.has_room());
                Poll::Ready(Ok(()))
            }
            Err(Refused::Full) => Poll::Pending,
            // All others have been woken too, or will be.
            Err(Refused::Closed) => Poll::Ready(Err(Closed)),
        }
    }
}

/// The future of [`Admission::admitted`].
#[must_use = "a future does nothing unless it is awaited"]
pub(crate) struct Admitted<'a> {
    admission: &'a Admission,
    ticket: Ticket,
}

impl Future for Admitted<'_> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.admission.poll_admit(&mut this.ticket, context.waker())
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.admission.room.give_up(&mut self.ticket);
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("limit", &(self.full / ONE))
            .field("queued", &self.queued())
            .field("waiting", &self.room.len())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

impl fmt::Debug for Admitted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admitted").field(self.admission).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Wake;
    use std::time::Duration;

    use executor_common::sync::{Arc, Counter, thread};

    use super::*;

    fn limited(limit: usize) -> Admission {
        Admission::new(NonZeroUsize::new(limit).unwrap())
    }

    #[derive(Default)]
    struct CountsWakes(Counter);

    impl Wake for CountsWakes {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.add(1);
        }
    }

    fn waker() -> (Waker, std::sync::Arc<CountsWakes>) {
        let wakes = std::sync::Arc::<CountsWakes>::default();
        (Waker::from(std::sync::Arc::clone(&wakes)), wakes)
    }

    #[test]
    fn the_limit_is_exact() {
        let admission = limited(2);
        assert!(admission.try_admit() && admission.try_admit());
        assert!(!admission.try_admit() && !admission.is_closed());
        assert_eq!(admission.queued(), 2);
        admission.release(1);
        assert_eq!(admission.admit(), Ok(()));
        assert!(!admission.try_admit());
        admission.release(2);
        assert_eq!(admission.queued(), 0);
    }

    #[test]
    fn the_largest_limit_fits() {
        let admission = limited(usize::MAX);
        assert!(admission.try_admit());
        admission.close();
        assert_eq!((admission.queued(), admission.admit()), (1, Err(Closed)));
        admission.release(1);
        assert!(format!("{admission:?}").contains(&format!("limit: {MAX_LIMIT}")));
    }

    #[test]
    fn a_release_wakes_as_many_as_it_has_made_places() {
        let admission = limited(3);
        assert!((0..3).all(|_| admission.try_admit()));
        let (waker, wakes) = waker();
        let mut context = Context::from_waker(&waker);
        let mut waiting: Vec<_> = (0..4).map(|_| admission.admitted()).collect();
        for waiter in &mut waiting {
            assert!(pin!(waiter).poll(&mut context).is_pending());
        }
        admission.release(2);
        assert_eq!((wakes.0.get(), admission.room.len()), (2, 2));
        assert_eq!(pin!(&mut waiting[0]).poll(&mut context), Poll::Ready(Ok(())));
        assert_eq!(wakes.0.get(), 3, "there is room, which it lets the third one know");
        // The second goes without: its notification goes to the fourth.
        drop(waiting.remove(1));
        assert_eq!((wakes.0.get(), admission.room.len()), (4, 0));
        assert_eq!(pin!(&mut waiting[2]).poll(&mut context), Poll::Ready(Ok(())));
        assert!(pin!(&mut waiting[1]).poll(&mut context).is_pending(), "it was overtaken");
        admission.close();
        assert_eq!(pin!(&mut waiting[1]).poll(&mut context), Poll::Ready(Err(Closed)));
        assert_eq!((wakes.0.get(), admission.queued()), (5, 3));
    }

    #[test]
    fn threads_that_come_and_go_never_exceed_the_limit() {
        const LIMIT: usize = 3;
        const THREADS: usize = 8;
        let admission = Arc::new(limited(LIMIT));
        let inside = Arc::new(AtomicUsize::new(0));
        let (done, ended) = mpsc::channel();
        for number in 0..THREADS {
            let (admission, inside) = (Arc::clone(&admission), Arc::clone(&inside));
            let done = done.clone();
            thread::spawn(move || {
                for round in 0..5_000 {
                    if (number + round) % 2 == 0 {
                        admission.admit().unwrap();
                    } else {
                        block_on(admission.admitted()).unwrap();
                    }
                    assert!(inside.fetch_add(1, Ordering::Relaxed) < LIMIT);
                    assert!(admission.queued() <= LIMIT);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::Relaxed);
                    admission.release(1);
                }
                done.send(()).unwrap();
            });
        }
        for _ in 0..THREADS {
            ended.recv_timeout(Duration::from_secs(60)).expect("no thread hangs or panics");
        }
        assert_eq!(admission.queued(), 0);
        assert!(admission.room.is_empty());
    }
}
