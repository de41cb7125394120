//! Two sorts with their own text, common to all peers: uneven forks over memory that is written.

use anyhow::ensure;

use super::peer::Peer;
use super::program::Program;
use super::random::random_numbers;

/// Slices up to this length are sorted by the standard library, without a fork. rayon-demo's quicksort stops forking
/// there too.
const QUICKSORT_LEAF: usize = 5 * 1024;
/// Slices up to this length are sorted by the standard library, as in rayon-demo's merge sort.
const SORT_LEAF: usize = 32 * 1024;
/// Slices up to this length together are merged without a fork, as in rayon-demo's merge sort.
const MERGE_LEAF: usize = 64 * 1024;

/// Numbers in disorder, and room for them in order.
#[derive(Debug)]
pub struct Numbers {
    unsorted: Vec<u32>,
    /// What is sorted in place.
    pub(super) list: Vec<u32>,
    buffer: Vec<u32>,
    sum: u64,
}

impl Numbers {
    /// So many random ones.
    pub(super) fn random(count: usize) -> Self {
        let unsorted = random_numbers(count);
        let sum = unsorted.iter().copied().map(u64::from).sum();
        Self { list: unsorted.clone(), buffer: vec![0; count], unsorted, sum }
    }

    /// Back to disorder.
    pub(super) fn shuffle(&mut self) {
        self.list.copy_from_slice(&self.unsorted);
    }

    /// In order, and still the same numbers as far as their sum can tell.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.list.is_sorted(), "the list is not sorted");
        let sum: u64 = self.list.iter().copied().map(u64::from).sum();
        ensure!(sum == self.sum, "the list has other elements than before");
        Ok(())
    }
}

/// A count as one says it: 10M, 64k, 500.
pub(super) fn short(count: usize) -> String {
    match count {
        1_000_000.. if count.is_multiple_of(1_000_000) => format!("{}M", count / 1_000_000),
        1_000.. if count.is_multiple_of(1_000) => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}

/// Quicksort: the partition is serial, its two sides are forked.
#[derive(Clone, Copy, Debug)]
pub struct Quicksort {
    /// How many numbers.
    pub count: usize,
}

impl Program for Quicksort {
    type Input = Numbers;
    type Output = ();
    const CHANGES_INPUT: bool = true;

    fn name(&self) -> String {
        format!("quicksort({})", short(self.count))
    }

    fn prepare(&self) -> Numbers {
        Numbers::random(self.count)
    }

    fn reset(&self, input: &mut Numbers) {
        input.shuffle();
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, input: &mut Numbers) {
        quicksort::<P>(scope, &mut input.list);
    }

    fn check(&self, input: &Numbers, (): &()) -> anyhow::Result<()> {
        input.check()
    }
}

fn quicksort<P: Peer>(scope: &mut P::Scope<'_>, list: &mut [u32]) {
    if list.len() <= QUICKSORT_LEAF {
        return list.sort_unstable();
    }
    let pivot = partition(list);
    let (below, rest) = list.split_at_mut(pivot);
    let above = &mut rest[1..];
    P::join(scope, |scope| quicksort::<P>(scope, below), |scope| quicksort::<P>(scope, above));
}

/// Brings what is less than the median of three to the front, that median behind it, and returns where it is.
/// Lomuto's scheme without branches. Not inlined, so that it is the same code for all peers.
#[inline(never)]
fn partition(list: &mut [u32]) -> usize {
    let last = list.len() - 1;
    let mut three = [0, last / 2, last];
    three.sort_unstable_by_key(|at| list[*at]);
    list.swap(three[1], last);
    let pivot = list[last];
    let mut less = 0;
    for at in 0..last {
        let number = list[at];
        list.swap(at, less);
        less += usize::from(number < pivot);
    }
    list.swap(less, last);
    less
}

/// Merge sort: halves are forked, and so are the halves of each merge.
#[derive(Clone, Copy, Debug)]
pub struct MergeSort {
    /// How many numbers.
    pub count: usize,
}

impl Program for MergeSort {
    type Input = Numbers;
    type Output = ();
    const CHANGES_INPUT: bool = true;

    fn name(&self) -> String {
        format!("mergesort({})", short(self.count))
    }

    fn prepare(&self) -> Numbers {
        Numbers::random(self.count)
    }

    fn reset(&self, input: &mut Numbers) {
        input.shuffle();
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, input: &mut Numbers) {
        merge_sort::<P>(scope, &mut input.list, &mut input.buffer, Place::List);
    }

    fn check(&self, input: &Numbers, (): &()) -> anyhow::Result<()> {
        input.check()
    }
}

/// Which of two slices the result goes into.
#[derive(Clone, Copy)]
enum Place {
    List,
    Buffer,
}

fn merge_sort<P: Peer>(
    scope: &mut P::Scope<'_>,
    list: &mut [u32],
    buffer: &mut [u32],
    result: Place,
) {
    if list.len() <= SORT_LEAF {
        list.sort_unstable();
        if let Place::Buffer = result {
            buffer.copy_from_slice(list);
        }
        return;
    }
    let middle = list.len() / 2;
    let (list_1, list_2) = list.split_at_mut(middle);
    let (buffer_1, buffer_2) = buffer.split_at_mut(middle);
    let halves = match result {
        Place::List => Place::Buffer,
        Place::Buffer => Place::List,
    };
    P::join(
        scope,
        |scope| merge_sort::<P>(scope, list_1, buffer_1, halves),
        |scope| merge_sort::<P>(scope, list_2, buffer_2, halves),
    );
    match result {
        Place::List => merge::<P>(scope, buffer_1, buffer_2, list),
        Place::Buffer => merge::<P>(scope, list_1, list_2, buffer),
    }
}

/// Merges two sorted slices: splits the longer in half, the other where that half's number would be, and forks.
fn merge<P: Peer>(scope: &mut P::Scope<'_>, one: &[u32], other: &[u32], result: &mut [u32]) {
    if result.len() <= MERGE_LEAF {
        return merge_leaf(one, other, result);
    }
    let (long, short) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    let middle = long.len() / 2;
    let split = short.partition_point(|number| *number < long[middle]);
    let (long_1, long_2) = long.split_at(middle);
    let (short_1, short_2) = short.split_at(split);
    let (result_1, result_2) = result.split_at_mut(middle + split);
    P::join(
        scope,
        |scope| merge::<P>(scope, long_1, short_1, result_1),
        |scope| merge::<P>(scope, long_2, short_2, result_2),
    );
}

/// Not inlined, so that it is the same code for all peers.
#[inline(never)]
fn merge_leaf(one: &[u32], other: &[u32], result: &mut [u32]) {
    let (mut at_one, mut at_other) = (0, 0);
    let mut filled = 0;
    while at_one < one.len() && at_other < other.len() {
        let take_one = one[at_one] <= other[at_other];
        result[filled] = if take_one { one[at_one] } else { other[at_other] };
        at_one += usize::from(take_one);
        at_other += usize::from(!take_one);
        filled += 1;
    }
    let (rest, rest_of_other) = result[filled..].split_at_mut(one.len() - at_one);
    rest.copy_from_slice(&one[at_one..]);
    rest_of_other.copy_from_slice(&other[at_other..]);
}
