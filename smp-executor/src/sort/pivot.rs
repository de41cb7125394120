//! An element near the median.

use std::cmp::Ordering;

/// The largest sample.
const MOST: usize = 255;

/// The index of an element that is probably near the median: the median of a sample, which grows with the square
/// root of the list's length: 33 of 65,536, at most 255.
///
/// The places are random, so that no pattern in the list (a period, or what an earlier partition left) meets
/// a pattern in the sample.
///
/// # Panics
///
/// If the list is empty.
pub(super) fn choose_pivot<T>(list: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let mut places = [0; MOST];
    let count = (list.len().isqrt() / 8).clamp(1, MOST);
    let mut state = list.len() as u64;
    for place in &mut places[..count] {
        *place = (split_mix(&mut state) % list.len() as u64) as usize;
    }
    let (_, median, _) =
        places[..count].select_nth_unstable_by(count / 2, |a, b| compare(&list[*a], &list[*b]));
    *median
}

/// The next number of the sequence SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*,
/// OOPSLA 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut number = *state;
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::choose_pivot;

    #[test]
    fn pivots_are_near_the_median() {
        for len in [4_096, 65_537, 1_000_000] {
            for period in [7, 1_000, len] {
                let list: Vec<usize> = (0..len).map(|index| index % period).collect();
                let pivot = list[choose_pivot(&list, &usize::cmp)];
                let (low, high) = (period / 5, period * 4 / 5);
                assert!((low..=high).contains(&pivot), "{pivot} of {period}, {len} elements");
            }
        }
    }

    #[test]
    fn the_shortest_lists_have_one_too() {
        assert_eq!(choose_pivot(&[7], &i32::cmp), 0);
        assert!(choose_pivot(&[7, 8], &i32::cmp) < 2);
    }
}
