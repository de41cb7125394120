//! Cooperative cancellation.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::wait_queue::{Ticket, WaitQueue};

/// Tells work that it should stop, when it asks. Cloneable; a child is cancelled with its parent, not the other
/// way round.
///
/// # Examples
///
/// ```
/// use executor_common::CancellationToken;
///
/// let server = CancellationToken::new();
/// let request = server.child_token();
/// request.cancel();
/// assert!(request.is_cancelled() && !server.is_cancelled());
///
/// let other = server.child_token();
/// server.cancel();
/// assert!(other.is_cancelled());
/// executor_common::block_on(other.cancelled());
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

/// The standard library's `Arc` for the tree: it needs `Weak`, and nothing is published through its counts.
struct Node {
    cancelled: AtomicBool,
    waiters: WaitQueue,
    /// `None` once the token has been cancelled: a child that comes later is born cancelled.
    children: Mutex<Option<Vec<Weak<Node>>>>,
    /// Looked at by `is_cancelled`, and keeps the way from the root alive where only the grandchild is held.
    parent: Option<Arc<Node>>,
}

impl Node {
    fn new(cancelled: bool, parent: Option<Arc<Node>>) -> Arc<Self> {
        Arc::new(Self {
            cancelled: AtomicBool::new(cancelled),
            waiters: WaitQueue::new(),
            children: Mutex::new((!cancelled).then(Vec::new)),
            parent,
        })
    }

    /// Whether this node or one above it has been cancelled. Looking up makes a child cancelled at the very
    /// moment that its parent is, also while a `cancel` on another thread is still on its way down.
    fn is_cancelled(&self) -> bool {
        let mut node = Some(self);
        while let Some(here) = node {
            // Ordering: Acquire pairs with the Release in `cancel`, so that work that stops sees why.
            if here.cancelled.load(Ordering::Acquire) {
                return true;
            }
            node = here.parent.as_deref();
        }
        false
    }

    /// Cancels the node alone; returns its children.
    fn cancel(&self) -> Vec<Weak<Node>> {
        // Ordering: Release pairs with the Acquire in `is_cancelled`.
        self.cancelled.store(true, Ordering::Release);
        let children = self.children.lock().take().unwrap_or_default();
        self.waiters.notify_all();
        children
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Iteratively, so that a long chain of tokens does not need a deep stack.
        let mut next = self.parent.take();
        while let Some(node) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

impl CancellationToken {
    /// A token without a parent.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn new() -> Self {
        Self { node: Node::new(false, None) }
    }

    /// A token that is cancelled with this one, and on its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let child = token.child_token();
    /// child.cancel();
    /// assert!(!token.is_cancelled());
    /// token.cancel();
    /// assert!(token.child_token().is_cancelled());
    /// ```
    pub fn child_token(&self) -> Self {
        let mut children = self.node.children.lock();
        let Some(children) = children.as_mut() else {
            return Self { node: Node::new(true, None) };
        };
        if children.len() == children.capacity() {
            // Before it grows: children that are gone make room, so that a long-lived parent of many
            // short-lived children stays small.
            children.retain(|child| child.strong_count() > 0);
        }
        let node = Node::new(false, Some(Arc::clone(&self.node)));
        children.push(Arc::downgrade(&node));
        Self { node }
    }

    /// Cancels this token and its children, and wakes everybody who waits for that.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// token.clone().cancel(); // a clone is the same token
    /// assert!(token.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        let mut below = self.node.cancel();
        while let Some(child) = below.pop() {
            if let Some(child) = child.upgrade() {
                below.extend(child.cancel());
            }
        }
    }

    /// Whether the token has been cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// for n in 0.. {
    ///     if token.is_cancelled() {
    ///         break; // between two pieces of work
    ///     }
    ///     if n == 10 {
    ///         token.cancel();
    ///     }
    /// }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Waits for the cancellation.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let waiting = token.cancelled();
    /// token.cancel();
    /// executor_common::block_on(waiting);
    /// ```
    pub fn cancelled(&self) -> Cancelled {
        Cancelled { node: Arc::clone(&self.node), ticket: Ticket::default() }
    }

    /// Runs `future` until it is ready, or until the token is cancelled: then it is polled no more, has been dropped when
    /// this returns, and there is `None` in place of its output.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`, and loses nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::{CancellationToken, block_on};
    ///
    /// let token = CancellationToken::new();
    /// assert_eq!(block_on(token.run_until_cancelled(async { 7 })), Some(7));
    ///
    /// let cancelling = token.clone();
    /// std::thread::spawn(move || cancelling.cancel());
    /// assert_eq!(block_on(token.run_until_cancelled(std::future::pending::<u32>())), None);
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut cancelled = pin!(self.cancelled());
        poll_fn(|context| {
            if self.is_cancelled() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            cancelled.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Cancels the token when the guard is dropped, however the scope is left that holds it.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let guard = token.clone().drop_guard();
    /// assert!(!token.is_cancelled());
    /// drop(guard);
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }
}

/// Cancels its token when it is dropped; see [`CancellationToken::drop_guard`].
///
/// # Examples
///
/// ```
/// use executor_common::CancellationToken;
///
/// fn serve(token: CancellationToken) -> Result<u32, std::num::ParseIntError> {
///     let _guard = token.drop_guard();
///     "none".parse::<u32>() // whatever the way out
/// }
///
/// let token = CancellationToken::new();
/// assert!(serve(token.clone()).is_err());
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "dropped at once, the guard cancels at once"]
pub struct DropGuard {
    /// `None` once it has been disarmed.
    token: Option<CancellationToken>,
}

impl DropGuard {
    /// Gives the token back, uncancelled by this guard.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::CancellationToken;
    ///
    /// let guard = CancellationToken::new().drop_guard();
    /// let token = guard.disarm(); // all went well
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancellationToken {
        match self.token.take() {
            Some(token) => token,
            None => unreachable!("only this method takes the token, and it takes the guard"),
        }
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

/// The future of [`CancellationToken::cancelled`].
///
/// # Examples
///
/// ```
/// use executor_common::{CancellationToken, Cancelled};
///
/// let token = CancellationToken::new();
/// let waiting: Cancelled = token.cancelled(); // borrows nothing
/// let waiter = std::thread::spawn(|| executor_common::block_on(waiting));
/// token.cancel();
/// waiter.join().unwrap();
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Cancelled {
    node: Arc<Node>,
    ticket: Ticket,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.node.is_cancelled() {
            return Poll::Ready(());
        }
        this.node.waiters.register(&mut this.ticket, context.waker());
        // The second look that `WaitQueue::register` asks for.
        if this.node.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.node.waiters.leave(&mut self.ticket, || false);
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").field("is_cancelled", &self.node.is_cancelled()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_child_of_a_cancelled_token_is_born_cancelled() {
        let parent = CancellationToken::new();
        parent.cancel();
        assert!(parent.child_token().is_cancelled());
    }

    #[test]
    fn grandchildren_are_cancelled_too() {
        let parent = CancellationToken::new();
        // The token in the middle is held by nobody.
        let grandchild = parent.child_token().child_token();
        parent.cancel();
        assert!(grandchild.is_cancelled());
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let root = CancellationToken::new();
        let mut last = root.child_token();
        for _ in 0..100_000 {
            last = last.child_token();
        }
        root.cancel();
        assert!(last.is_cancelled());
    }

    #[test]
    fn waiting_threads_wake() {
        let token = CancellationToken::new();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let waiting = token.child_token().cancelled();
                std::thread::spawn(|| crate::block_on(waiting))
            })
            .collect();
        token.cancel();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    /// Counts its polls and its drop.
    struct Counts<'a>(&'a crate::sync::Counter, &'a crate::sync::Counter);

    impl Future for Counts<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            self.0.add(1);
            Poll::Pending
        }
    }

    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.1.add(1);
        }
    }

    #[test]
    fn a_cancelled_future_is_polled_no_more_and_dropped() {
        let (polls, drops) = (crate::sync::Counter::new(), crate::sync::Counter::new());
        let parent = CancellationToken::new();
        let token = parent.child_token();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut run = pin!(token.run_until_cancelled(Counts(&polls, &drops)));
        assert_eq!(run.as_mut().poll(&mut context), Poll::Pending);
        parent.cancel();
        assert_eq!(run.as_mut().poll(&mut context), Poll::Ready(None));
        assert_eq!((polls.get(), drops.get()), (1, 1));
        let late = Counts(&polls, &drops);
        assert_eq!(crate::block_on(token.run_until_cancelled(late)), None);
        assert_eq!((polls.get(), drops.get()), (1, 2), "cancelled before it was polled");
    }

    #[test]
    fn a_guard_cancels_unless_it_is_disarmed() {
        let token = CancellationToken::new();
        let panicking = token.child_token().drop_guard();
        let child = token.child_token();
        let guarded = child.clone().drop_guard().disarm();
        assert!(!guarded.is_cancelled() && !child.is_cancelled());
        let observed = panicking.token.clone().unwrap();
        let panic = crate::panic::caught(move || {
            let _guard = panicking;
            panic!("on the way out");
        });
        assert!(panic.is_err() && observed.is_cancelled() && !token.is_cancelled());
    }

    #[test]
    fn children_that_are_gone_leave_no_trace() {
        let parent = CancellationToken::new();
        for _ in 0..10_000 {
            parent.child_token();
        }
        assert!(parent.node.children.lock().as_ref().unwrap().len() < 16);
    }
}
