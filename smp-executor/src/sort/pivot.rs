//! An element near the median.

use std::cmp::Ordering;

/// Below this length a median of three is enough.
const SHORT: usize = 64;

/// The index of an element that is probably near the median: medians of three of medians of three, each from
/// places spread over the list. The sample grows with the list, to about 2,000 of ten million elements.
///
/// # Panics
///
/// If the list has fewer than eight elements.
pub(super) fn choose_pivot<T>(list: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    pseudo_median(list, 0, list.len() / 8, compare)
}

/// The pseudo-median of the eight times `part` elements from `begin`.
fn pseudo_median<T>(
    list: &[T],
    begin: usize,
    part: usize,
    compare: &impl Fn(&T, &T) -> Ordering,
) -> usize {
    let places = [begin, begin + part * 4, begin + part * 7];
    let [a, b, c] = if part * 8 < SHORT {
        places
    } else {
        places.map(|place| pseudo_median(list, place, part / 8, compare))
    };
    median(list, a, b, c, compare)
}

fn median<T>(
    list: &[T],
    a: usize,
    b: usize,
    c: usize,
    compare: &impl Fn(&T, &T) -> Ordering,
) -> usize {
    let is_less = |a: usize, b: usize| compare(&list[a], &list[b]).is_lt();
    let a_is_less = is_less(a, b);
    if a_is_less != is_less(a, c) {
        return a;
    }
    // `a` is an extreme: of the others the one that is nearer to it.
    if a_is_less == is_less(b, c) { b } else { c }
}

#[cfg(test)]
mod tests {
    use super::{choose_pivot, median};

    #[test]
    fn median_of_every_order_of_three() {
        for list in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(list[median(&list, 0, 1, 2, &i32::cmp)], 1, "{list:?}");
        }
    }

    #[test]
    fn pivots_of_lists_in_order_are_near_the_middle() {
        for len in [8, 63, 64, 1_000, 100_000_u32] {
            let list: Vec<u32> = (0..len).collect();
            let pivot = choose_pivot(&list, &u32::cmp) as u32;
            assert!((len / 4..=len * 3 / 4).contains(&pivot), "{pivot} of {len}");
        }
    }
}
