//! The loop: one worker goes over the items, and gives half of what is left away when it is asked.
//!
//! This is lazy binary splitting (Tzannes, Caragea, Barua, Vishkin: *Lazy binary-splitting: a run-time adaptive
//! work-stealing scheduler*, PPoPP 2010), with two differences. Where they look whether the own deque is empty, this
//! loop looks whether somebody idle asks, so it forks nothing that nobody wants. And where they let the program
//! say how many items lie between two looks, the loop finds that number out; see [`Pace`].

use super::pace::Pace;
use super::splittable::Splittable;
use crate::context::current_worker;
use crate::fork::{is_asked, join};

/// Maps the items and combines the results, in order.
pub(crate) fn drive<S, R, N, M, C>(items: S, identity: &N, map: &M, reduce: &C) -> R
where
    S: Splittable,
    R: Send,
    N: Fn() -> R + Sync,
    M: Fn(S::Item) -> R + Sync,
    C: Fn(R, R) -> R + Sync,
{
    let pace = Pace::new(items.len());
    Drive { identity, map, reduce }.run(identity(), items, pace)
}

/// The closures of one call.
struct Drive<'a, N, M, C> {
    identity: &'a N,
    map: &'a M,
    reduce: &'a C,
}

impl<N, M, C> Drive<'_, N, M, C> {
    /// Goes over `rest`; `done` is the result of what comes before it.
    #[inline(never)]
    fn run<S, R>(&self, mut done: R, mut rest: S, mut pace: Pace) -> R
    where
        S: Splittable,
        R: Send,
        N: Fn() -> R + Sync,
        M: Fn(S::Item) -> R + Sync,
        C: Fn(R, R) -> R + Sync,
    {
        loop {
            let len = rest.len();
            if is_asked() && pace.is_fork_due(len) {
                return self.fork(done, rest, pace);
            }
            let block = pace.block().min(len);
            let (now, later) = rest.split_at(block);
            // Not item by item through `next`: inside `fold` the compiler sees a plain loop and vectorises it.
            done = now.into_iter().fold(done, |done, item| (self.reduce)(done, (self.map)(item)));
            if block == len {
                return done;
            }
            rest = later;
            pace.ran(block);
        }
    }

    /// Goes over `rest` with whoever takes half of it.
    #[cold]
    #[inline(never)]
    fn fork<S, R>(&self, done: R, rest: S, pace: Pace) -> R
    where
        S: Splittable,
        R: Send,
        N: Fn() -> R + Sync,
        M: Fn(S::Item) -> R + Sync,
        C: Fn(R, R) -> R + Sync,
    {
        let (len, here) = (rest.len(), current_worker());
        let (left, right) = rest.split_at(len / 2);
        let (left, right) = join(
            || self.run(done, left, pace.after_fork(len / 2, true)),
            || {
                let wanted = current_worker() != here;
                self.run((self.identity)(), right, pace.after_fork(len - len / 2, wanted))
            },
        );
        (self.reduce)(left, right)
    }
}
