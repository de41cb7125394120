//! Who spawns whom.

use executor_common::sync::atomic::{AtomicU64, Ordering};

use crate::peers::{Countdown, HandlePool, Pool};

/// Who spawns the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A thread that is none of the pool's.
    Outside,
    /// One task of the pool.
    Inside,
    /// Each task the next one.
    Chain,
}

/// What the tasks report to.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) left: Countdown,
    /// Of all results.
    pub(super) sum: AtomicU64,
}

impl Shape {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Inside => "inside",
            Self::Chain => "chain",
        }
    }

    /// Has so many tasks spawned, keeps nothing of them, and waits until all have reported.
    pub(super) fn detached<P: Pool>(self, pool: &P, board: &'static Board, tasks: u64) {
        let left = &board.left;
        let inside = pool.inside();
        left.set(tasks as usize);
        match self {
            Self::Outside => (0..tasks).for_each(|_| pool.detach(|| left.done())),
            Self::Inside => pool.detach(move || {
                (0..tasks).for_each(|_| P::detach_inside(inside, || left.done()));
            }),
            Self::Chain => pool.detach(move || link::<P>(inside, left, tasks)),
        }
        left.wait();
    }

    /// The same tasks, with a handle for each, through which it takes the number that each returns: from 0 on.
    pub(super) fn joined<P: HandlePool>(self, pool: &P, board: &'static Board, tasks: u64) {
        let left = &board.left;
        let inside = pool.inside();
        let numbered = move |number| {
            move || {
                left.done();
                number
            }
        };
        let sum = match self {
            Self::Outside => {
                left.set(tasks as usize);
                let handles: Vec<_> =
                    (0..tasks).map(|number| pool.spawn(numbered(number))).collect();
                left.wait();
                handles.into_iter().map(P::join).sum()
            }
            Self::Inside => {
                // The joining task reports too.
                left.set(tasks as usize + 1);
                pool.detach_joiner(
                    move || {
                        (0..tasks).map(|number| P::spawn_inside(inside, numbered(number))).collect()
                    },
                    move |sum| {
                        // Ordering: Relaxed; the report publishes it.
                        board.sum.store(sum, Ordering::Relaxed);
                        left.done();
                    },
                );
                left.wait();
                board.sum.load(Ordering::Relaxed)
            }
            Self::Chain => {
                left.set(tasks as usize);
                let mut next = Some(pool.spawn(move || numbered_link::<P>(inside, left, 0, tasks)));
                left.wait();
                let mut sum = 0;
                while let Some(handle) = next {
                    let link = P::join(handle);
                    sum += link.number;
                    next = link.next;
                }
                sum
            }
        };
        // Ordering: Relaxed. The same thread checks it.
        board.sum.store(sum, Ordering::Relaxed);
    }
}

fn link<P: Pool>(inside: P::Inside, left: &'static Countdown, tasks: u64) {
    if tasks > 1 {
        P::detach_inside(inside, move || link::<P>(inside, left, tasks - 1));
    }
    left.done();
}

/// What a task of a chain returns.
struct Link<P: HandlePool> {
    number: u64,
    next: Option<P::Handle<Self>>,
}

fn numbered_link<P: HandlePool>(
    inside: P::Inside,
    left: &'static Countdown,
    number: u64,
    tasks: u64,
) -> Link<P> {
    let following = number + 1;
    let next = (following < tasks).then(|| {
        P::spawn_inside(inside, move || numbered_link::<P>(inside, left, following, tasks))
    });
    left.done();
    Link { number, next }
}
