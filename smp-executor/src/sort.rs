//! Sorting slices: parallel quicksort.
//!
//! A long list is partitioned around a pivot and its two sides are a [`join`]; a short one goes to
//! [`slice::sort_unstable_by`]. How short depends on whether somebody idle asks for work: on a busy pool almost all
//! of the work is the standard library's.

mod partition;
mod pivot;

use std::cmp::Ordering;

use partition::partition;
use pivot::choose_pivot;

use crate::SmpExecutor;
use crate::context::current_worker;
use crate::fork::{is_asked, join};

/// A list of at most so many elements is sorted in one go, unless somebody asks for a part of it. About a
/// millisecond for integers: the longest that an idle worker waits.
const UNASKED: usize = 1 << 16;

/// A list of at most so many elements is not cut for anybody. About 50 us for integers.
const SMALLEST: usize = 1 << 12;

/// A partition is lopsided if its shorter side is less than this part of the whole.
const LOPSIDED: usize = 8;

/// Sorts the list, in parallel where workers are idle. Not stable: equal elements may change places.
///
/// In place, without allocation, in O(n log n) comparisons also at the worst. On a thread that is no worker the
/// [global executor](SmpExecutor::global) sorts while the thread waits.
///
/// # Panics
///
/// With a panic of the comparison, or perhaps if that is no total order; the list then holds its elements in
/// an unspecified order.
///
/// # Examples
///
/// ```
/// let mut list = [3, 1, 2];
/// smp_executor::sort(&mut list);
/// assert_eq!(list, [1, 2, 3]);
/// ```
pub fn sort<T: Ord + Send>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// As [`sort`], by a comparison.
///
/// # Panics
///
/// As [`sort`].
///
/// # Examples
///
/// ```
/// let mut list = [3.0, 1.0, 2.0];
/// smp_executor::sort_by(&mut list, |a, b| f64::total_cmp(b, a));
/// assert_eq!(list, [3.0, 2.0, 1.0]);
/// ```
pub fn sort_by<T, F>(list: &mut [T], compare: F)
where
    T: Send,
    F: Fn(&T, &T) -> Ordering + Sync,
{
    if current_worker().is_none() {
        return SmpExecutor::global().sort_by(list, compare);
    }
    sort_here(list, &compare);
}

/// As [`sort`], by a key that is computed anew for every comparison.
///
/// # Panics
///
/// As [`sort`].
///
/// # Examples
///
/// ```
/// let mut list = [-3, 1, 2];
/// smp_executor::sort_by_key(&mut list, |n: &i32| n.abs());
/// assert_eq!(list, [1, 2, -3]);
/// ```
pub fn sort_by_key<T, K, F>(list: &mut [T], key: F)
where
    T: Send,
    K: Ord,
    F: Fn(&T) -> K + Sync,
{
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// [`sort_by`] on the calling worker.
pub(crate) fn sort_here<T, F>(list: &mut [T], compare: &F)
where
    T: Send,
    F: Fn(&T, &T) -> Ordering + Sync,
{
    // The standard library finds out by itself whether a list is sorted or reversed; of a long one it would see
    // parts only. Either look ends at the first pair that is out of order.
    if list.len() > SMALLEST {
        if list.is_sorted_by(|a, b| compare(a, b).is_le()) {
            return;
        }
        if list.is_sorted_by(|a, b| compare(a, b).is_gt()) {
            return list.reverse();
        }
    }
    let patience = list.len().checked_ilog2().unwrap_or(0);
    quicksort(list, None, patience, compare);
}

/// Sorts a part of a list. No element of it is less than `floor`, which is an earlier pivot: the one reference to
/// it, so that it may go to another thread. After `patience` lopsided partitions the standard library
/// goes on, which is O(n log n) on all inputs.
fn quicksort<'a, T, F>(
    mut list: &'a mut [T],
    mut floor: Option<&'a mut T>,
    mut patience: u32,
    compare: &F,
) where
    T: Send,
    F: Fn(&T, &T) -> Ordering + Sync,
{
    loop {
        let len = list.len();
        if len <= SMALLEST || (len <= UNASKED && !is_asked()) || patience == 0 {
            return list.sort_unstable_by(compare);
        }
        let pivot = choose_pivot(list, compare);
        if floor.as_ref().is_some_and(|floor| compare(floor, &list[pivot]).is_ge()) {
            // The pivot is as small as anything here. What is equal to it needs no more sorting: many equal elements
            // cost one pass.
            let equal = partition(list, pivot, |each, pivot| compare(each, pivot).is_le());
            list = &mut list[equal + 1..];
            floor = None;
            continue;
        }
        let less = partition(list, pivot, |each, pivot| compare(each, pivot).is_lt());
        let (left, right) = list.split_at_mut(less);
        let [pivot, right @ ..] = right else { unreachable!("the pivot is there") };
        let shorter = left.len().min(right.len());
        if shorter < len / LOPSIDED {
            patience -= 1;
        }
        if shorter < SMALLEST {
            quicksort(left, floor, patience, compare);
            quicksort(right, Some(pivot), patience, compare);
        } else {
            join(
                || quicksort(left, floor, patience, compare),
                || quicksort(right, Some(pivot), patience, compare),
            );
        }
        return;
    }
}
