//! Data parallelism over ranges, slices and chunks: [`for_each`] and [`map_reduce`].
//!
//! A call is cut in two only when somebody idle asks for work, so nobody has to guess a grain size; see `drive`.

mod chunks;
mod drive;
mod pace;
#[cfg(feature = "paralight")]
mod paralight;
mod splittable;

#[cfg(feature = "paralight")]
pub use self::paralight::CurrentPool;
pub use chunks::{Chunks, ChunksMut, chunks, chunks_mut};
pub use splittable::{IntoSplittable, Splittable};

pub(crate) use drive::drive;

use crate::SmpExecutor;
use crate::context::current_worker;

/// Calls `f` with every item, perhaps several at the same time, and returns when all calls have ended.
///
/// The items are those of a range of integers, of a slice, an array or a vector behind a reference, or
/// [`chunks`] or [`chunks_mut`] of a slice. There is no grain size to choose: the calling worker goes over the
/// items one after the other as an ordinary loop would, looks every few microseconds whether somebody is
/// idle, and gives half of what is left away if so. On a thread that is no worker the
/// [global executor](SmpExecutor::global) does it while the thread waits.
///
/// The order of the calls is not specified, and no call may rely on another one's being made at the same time.
///
/// # Panics
///
/// With the panic of a call; other items may then be left out. Where several calls panic, one of them is
/// reported.
///
/// # Examples
///
/// ```
/// let mut list = vec![1, 2, 3, 4];
/// smp_executor::for_each(&mut list, |each| *each *= 10);
/// assert_eq!(list, [10, 20, 30, 40]);
///
/// let mut grid = vec![0; 6];
/// smp_executor::for_each(smp_executor::chunks_mut(&mut grid, 3), |row| row[0] = 1);
/// assert_eq!(grid, [1, 0, 0, 1, 0, 0]);
/// ```
pub fn for_each<I, F>(items: I, f: F)
where
    I: IntoSplittable,
    F: Fn(<I::Splittable as IntoIterator>::Item) + Sync,
{
    map_reduce(items, || (), f, |(), ()| ());
}

/// Maps every item, perhaps several at the same time, and combines the results in the order of the items.
///
/// `reduce` must be associative; it need not be commutative. `identity` makes its neutral value: one for the
/// call and one more for each piece that was offered to another worker. The items, the way in which they are
/// shared, and the pool are those of [`for_each`].
///
/// Sums of floating-point numbers are not associative to the last bit: how the items were cut shows in them.
///
/// # Panics
///
/// With the panic of one of the closures.
///
/// # Examples
///
/// ```
/// use smp_executor::map_reduce;
///
/// let squares = map_reduce(0..4_u64, || 0, |n| n * n, |a, b| a + b);
/// assert_eq!(squares, 14);
///
/// let words = ["in ", "the ", "order"];
/// let text = map_reduce(&words, String::new, |word| word.to_string(), |a, b| a + &b);
/// assert_eq!(text, "in the order");
/// ```
pub fn map_reduce<I, R, N, M, C>(items: I, identity: N, map: M, reduce: C) -> R
where
    I: IntoSplittable,
    R: Send,
    N: Fn() -> R + Sync,
    M: Fn(<I::Splittable as IntoIterator>::Item) -> R + Sync,
    C: Fn(R, R) -> R + Sync,
{
    if current_worker().is_none() {
        return SmpExecutor::global().map_reduce(items, identity, map, reduce);
    }
    drive(items.into_splittable(), &identity, &map, &reduce)
}
