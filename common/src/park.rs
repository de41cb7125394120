//! One thread sleeps, any thread wakes it.
//!
//! The token makes the order irrelevant: an [`Unparker::unpark`] before the [`Parker::park`] lets that
//! park return at once. Tokens do not add up. `std::thread::park` has the same shape but one token per
//! thread, which a task's own use of it would consume; a `Parker` belongs to the protocol that made it.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::parking::{Condvar, Mutex as Lock};
use crate::sync::{Arc, Mutex, now};

/// No token, nobody asleep.
const EMPTY: u32 = 0;
/// The owner sleeps on the condition variable, or is about to and holds the lock.
const PARKED: u32 = 1;
/// A token is there for the next `park`.
const NOTIFIED: u32 = 2;
/// Who polls for the owner waits for the waker.
const POLLED: u32 = 3;

struct Inner {
    state: AtomicU32,
    lock: Lock,
    condvar: Condvar,
    /// There whenever the state is `POLLED`, unless somebody has just taken it to wake it.
    waker: Mutex<Option<Waker>>,
}

/// The sleeping side; owned by one thread at a time.
///
/// # Examples
///
/// ```
/// use executor_common::Parker;
///
/// let parker = Parker::new();
/// let unparker = parker.unparker();
/// let thread = std::thread::spawn(move || unparker.unpark());
/// parker.park();
/// thread.join().unwrap();
/// ```
pub struct Parker {
    inner: Arc<Inner>,
    /// Two threads parked on one token would lose a wake-up, so `&Parker` stays on one thread.
    _not_sync: PhantomData<std::cell::Cell<()>>,
}

/// The waking side; cloneable, usable from any thread, convertible into a [`Waker`].
///
/// # Examples
///
/// ```
/// use std::task::Waker;
///
/// use executor_common::Parker;
///
/// let parker = Parker::new();
/// let waker = Waker::from(parker.unparker());
/// waker.wake();
/// parker.park();
/// ```
#[derive(Clone)]
pub struct Unparker {
    inner: Arc<Inner>,
}

impl Parker {
    /// A parker without a token.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// parker.unparker().unpark();
    /// parker.park();
    /// ```
    pub fn new() -> Self {
        let inner = Arc::new(Inner {
            state: AtomicU32::new(EMPTY),
            lock: Lock::default(),
            condvar: Condvar::default(),
            waker: Mutex::new(None),
        });
        Self { inner, _not_sync: PhantomData }
    }

    /// A handle that wakes this parker.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// let unparker = parker.unparker();
    /// let other = std::thread::spawn(move || unparker.unpark());
    /// parker.park();
    /// # other.join().unwrap();
    /// ```
    pub fn unparker(&self) -> Unparker {
        Unparker { inner: Arc::clone(&self.inner) }
    }

    /// Sleeps until there is a token, and takes it.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// parker.unparker().unpark(); // leaves a token
    /// parker.park(); // takes it at once
    /// ```
    pub fn park(&self) {
        let token = self.inner.park(None);
        debug_assert!(token, "a park without a deadline ends with a token");
    }

    /// Sleeps until there is a token, or until `timeout` has passed. True if it took a token.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// assert!(!parker.park_timeout(std::time::Duration::from_millis(1)));
    /// ```
    pub fn park_timeout(&self, timeout: Duration) -> bool {
        match now().checked_add(timeout) {
            Some(deadline) => self.park_until(deadline),
            None => self.inner.park(None),
        }
    }

    /// Sleeps until there is a token, or until `deadline`. True if it took a token.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// assert!(!parker.park_until(std::time::Instant::now()));
    /// ```
    pub fn park_until(&self, deadline: Instant) -> bool {
        self.inner.park(Some(deadline))
    }

    /// Takes a token, or has the context's waker woken when one comes: [`Parker::park`] for a thread that has something else to
    /// wait in.
    ///
    /// Only the last waker is woken. Before the owner parks instead, it calls [`Parker::stop_polling`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// use executor_common::{Parker, block_on};
    ///
    /// let parker = Parker::new();
    /// let unparker = parker.unparker();
    /// let other = std::thread::spawn(move || unparker.unpark());
    /// block_on(poll_fn(|context| parker.poll_park(context)));
    /// # other.join().unwrap();
    /// ```
    pub fn poll_park(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.inner.poll(context.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Nobody polls any more: no waker is woken. A token that has come before stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Waker};
    ///
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// assert!(parker.poll_park(&mut Context::from_waker(Waker::noop())).is_pending());
    /// parker.stop_polling();
    /// assert!(!parker.unparker().unpark()); // nobody waits
    /// parker.park();
    /// ```
    pub fn stop_polling(&self) {
        self.inner.stop_polling();
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Unparker {
    /// Leaves a token, and wakes the owner if it sleeps. True if the owner was asleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::Parker;
    ///
    /// let parker = Parker::new();
    /// assert!(!parker.unparker().unpark()); // nobody sleeps
    /// parker.park();
    /// ```
    pub fn unpark(&self) -> bool {
        self.inner.unpark()
    }
}

impl Inner {
    fn take_token(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `unpark`; without it the woken thread could miss
        // what the waker wrote before waking.
        self.state.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn park(&self, deadline: Option<Instant>) -> bool {
        if self.take_token() {
            return true;
        }
        #[cfg(feature = "test-util")]
        if let Some(token) = crate::test_util::park_here(deadline, || self.take_token()) {
            return token;
        }
        let mut guard = self.lock.lock();
        // Ordering: Relaxed on success. The state is changed under the lock that `unpark` takes before
        // it notifies; a token that arrived in between makes the exchange fail.
        if self.state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            let token = self.take_token();
            debug_assert!(token, "only the owner takes tokens");
            return true;
        }
        loop {
            let timed_out = match deadline {
                None => {
                    self.condvar.wait(&mut guard);
                    false
                }
                Some(deadline) => self.condvar.wait_until(&mut guard, deadline),
            };
            if self.take_token() {
                return true;
            }
            if timed_out {
                // Ordering: Relaxed, as above. A token that comes right now makes the exchange fail, and is taken.
                let withdrawn = self.state.compare_exchange(
                    PARKED,
                    EMPTY,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                return withdrawn.is_err() && self.take_token();
            }
        }
    }

    /// True if there was a token; otherwise `waker` is woken when one comes.
    fn poll(&self, waker: &Waker) -> bool {
        if self.take_token() {
            return true;
        }
        let mut place = self.waker.lock();
        // The old one is foreign code, and is dropped after the lock.
        let _old = match &*place {
            Some(known) if known.will_wake(waker) => None,
            _ => place.replace(waker.clone()),
        };
        drop(place);
        // Ordering: Relaxed on success. The lock orders it: an `unpark` that finds POLLED takes the lock after its swap, and cannot have had it
        // before this thread had, or this exchange would have come after the swap. And one that has taken the old waker had swapped
        // before, so that this exchange finds the token.
        match self.state.compare_exchange(EMPTY, POLLED, Ordering::Relaxed, Ordering::Relaxed) {
            Err(NOTIFIED) => {
                let token = self.take_token();
                debug_assert!(token, "only the owner takes tokens");
                true
            }
            _ => false,
        }
    }

    fn stop_polling(&self) {
        // Ordering: Relaxed. Nothing is published; a token that comes right now makes the exchange fail, and stays.
        let _ = self.state.compare_exchange(POLLED, EMPTY, Ordering::Relaxed, Ordering::Relaxed);
        // Foreign code, which is dropped after the lock.
        let waker = self.waker.lock().take();
        drop(waker);
    }

    fn unpark(&self) -> bool {
        // A swap and not a compare-exchange: also where a token is already there, the next `park` must
        // synchronise with this call.
        // Ordering: Release pairs with the Acquire in `take_token`.
        match self.state.swap(NOTIFIED, Ordering::Release) {
            PARKED => {
                // The owner holds the lock from announcing PARKED until it waits. Taking the lock once puts
                // this notification after the beginning of that wait.
                drop(self.lock.lock());
                self.condvar.notify_one();
                true
            }
            POLLED => {
                let waker = self.waker.lock().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
                true
            }
            _ => false,
        }
    }
}

impl From<Unparker> for Waker {
    fn from(unparker: Unparker) -> Self {
        let data = Arc::into_raw(unparker.inner).cast::<()>();
        // SAFETY: the vtable's functions treat `data` as what it is, one strong count of an
        // `Arc<Inner>`; `Inner` is `Send + Sync`, as a waker must be.
        unsafe { Waker::from_raw(RawWaker::new(data, &WAKER_VTABLE)) }
    }
}

static WAKER_VTABLE: RawWakerVTable =
    RawWakerVTable::new(waker_clone, waker_wake, waker_wake_by_ref, waker_drop);

/// Borrows the count that a waker owns.
///
/// # Safety
///
/// `data` is the pointer of a live waker made from an [`Unparker`].
unsafe fn borrow_inner(data: *const ()) -> ManuallyDrop<Arc<Inner>> {
    // SAFETY: the waker owns one count of the `Arc<Inner>` behind `data`; `ManuallyDrop` gives it back.
    ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Inner>()) })
}

unsafe fn waker_clone(data: *const ()) -> RawWaker {
    // SAFETY: called by a live waker of this vtable.
    let inner = unsafe { borrow_inner(data) };
    let copy = Arc::clone(&inner);
    RawWaker::new(Arc::into_raw(copy).cast(), &WAKER_VTABLE)
}

unsafe fn waker_wake(data: *const ()) {
    // SAFETY: called once by a waker of this vtable that ends here and hands its count over.
    let inner = unsafe { Arc::from_raw(data.cast::<Inner>()) };
    inner.unpark();
}

unsafe fn waker_wake_by_ref(data: *const ()) {
    // SAFETY: called by a live waker of this vtable.
    let inner = unsafe { borrow_inner(data) };
    inner.unpark();
}

unsafe fn waker_drop(data: *const ()) {
    // SAFETY: called once by a waker of this vtable that ends here and hands its count over.
    drop(unsafe { Arc::from_raw(data.cast::<Inner>()) });
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parker").finish_non_exhaustive()
    }
}

impl fmt::Debug for Unparker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unparker").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_token_left_before_the_park_is_taken() {
        let parker = Parker::new();
        assert!(!parker.unparker().unpark());
        parker.park();
        assert!(!parker.park_timeout(Duration::ZERO), "tokens do not add up");
    }

    #[test]
    fn a_waker_made_from_the_unparker_wakes() {
        let parker = Parker::new();
        let waker = Waker::from(parker.unparker());
        let copy = waker.clone();
        drop(waker);
        let thread = std::thread::spawn(move || copy.wake());
        parker.park();
        thread.join().unwrap();
    }

    #[test]
    fn ping_pong_loses_no_wake_up() {
        let (here, there) = (Parker::new(), Parker::new());
        let (wake_here, wake_there) = (here.unparker(), there.unparker());
        let thread = std::thread::spawn(move || {
            for _ in 0..10_000 {
                there.park();
                wake_here.unpark();
            }
        });
        for _ in 0..10_000 {
            wake_there.unpark();
            here.park();
        }
        thread.join().unwrap();
    }

    #[test]
    fn the_last_waker_is_woken_once() {
        let parker = Parker::new();
        let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let poll = |wakes: &Arc<Wakes>| {
            parker.poll_park(&mut Context::from_waker(&Waker::from(Arc::clone(wakes))))
        };
        assert!(poll(&first).is_pending() && poll(&second).is_pending());
        assert!(parker.unparker().unpark() && !parker.unparker().unpark());
        assert_eq!([first.count(), second.count()], [0, 1]);
        assert!(poll(&second).is_ready() && poll(&second).is_pending());
        assert_eq!(Arc::strong_count(&first), 1);
        parker.stop_polling();
        assert!(!parker.unparker().unpark());
        parker.stop_polling();
        assert!(parker.park_timeout(Duration::ZERO), "the token was there");
        assert_eq!((second.count(), Arc::strong_count(&second)), (1, 1));
    }

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wakes {
        fn count(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_endless_timeout_does_not_overflow() {
        let parker = Parker::new();
        parker.unparker().unpark();
        assert!(parker.park_timeout(Duration::MAX));
    }
}
