//! `map_reduce`, `for_each` and what they go over: as the sequential loop would, for any length, chunk size and way of cutting.

mod support;

use std::fmt::Debug;
use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use smp_executor::{SmpExecutor, Splittable, chunks, chunks_mut};
use support::{pool, watched};

/// Runs the property on one pool, all cases under one watchdog.
fn property<S>(workers: usize, strategy: S, check: impl Fn(&SmpExecutor, S::Value) + Send + 'static)
where
    S: Strategy + Send + 'static,
{
    watched(move || {
        let executor = pool(workers);
        let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
        let result = TestRunner::new(config).run(&strategy, |value| {
            check(&executor, value);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    });
}

/// Lengths around powers of two, where halves are cut, and others.
fn any_length() -> impl Strategy<Value = usize> {
    let around = (0_u32..14, 0_usize..3).prop_map(|(power, off)| (1 << power) + off - 1);
    prop_oneof![0_usize..20_000, around]
}

/// Sizes of chunks, the largest that there can be included.
fn any_size() -> impl Strategy<Value = usize> {
    prop_oneof![1_usize..100, 1_usize..30_000, Just(usize::MAX), Just(usize::MAX / 2 + 1)]
}

/// Cuts it into pieces at these places, and these again.
fn cut<S: Splittable>(items: S, places: &[Index]) -> Vec<S> {
    let Some((place, places)) = places.split_first() else { return vec![items] };
    let len = items.len();
    let at = place.index(len + 1);
    let (left, right) = items.split_at(at);
    assert_eq!((left.len(), right.len()), (at, len - at));
    let half = places.len() / 2;
    let mut pieces = cut(left, &places[..half]);
    pieces.extend(cut(right, &places[half..]));
    pieces
}

fn pieces_are_the_whole<S>(whole: S, sequential: impl Iterator<Item = S::Item>, places: &[Index])
where
    S: Splittable<Item: PartialEq + Debug>,
{
    let expected: Vec<_> = sequential.collect();
    assert_eq!(whole.len(), expected.len());
    assert_eq!(whole.is_empty(), expected.is_empty());
    let found: Vec<_> = cut(whole, places).into_iter().flatten().collect();
    assert_eq!(found, expected);
}

#[test]
fn results_are_combined_in_order() {
    let input = (any_length(), any::<u64>());
    property(3, input, |executor, (len, start)| {
        let start = start.saturating_sub(len as u64);
        let range = start..start + len as u64;
        // Not commutative: the last one, and a digest of all in their order.
        let step = |sum: u64, each: u64| sum.wrapping_mul(0x0100_0000_01B3).wrapping_add(each);
        let found = executor.map_reduce(
            range.clone(),
            Vec::new,
            |each| vec![each],
            |mut left, mut right| {
                left.append(&mut right);
                left
            },
        );
        assert_eq!(found.iter().copied().fold(7, step), range.fold(7, step));
        assert_eq!(found.len(), len);
    });
}

#[test]
fn chunks_are_those_of_the_standard_library() {
    let input = (prop::collection::vec(any::<u16>(), 0..5_000), any_size());
    property(2, input, |executor, (list, size)| {
        let sums = executor.map_reduce(
            chunks(&list, size),
            Vec::new,
            |chunk| vec![(chunk.len(), chunk.iter().map(|each| u64::from(*each)).sum::<u64>())],
            |mut left, mut right| {
                left.append(&mut right);
                left
            },
        );
        let expected = list.chunks(size);
        let expected: Vec<_> = expected
            .map(|chunk| (chunk.len(), chunk.iter().map(|each| u64::from(*each)).sum::<u64>()))
            .collect();
        assert_eq!(sums, expected);
        let (mut found, mut expected) = (list.clone(), list);
        executor.for_each(chunks_mut(&mut found, size), <[u16]>::reverse);
        expected.chunks_mut(size).for_each(<[u16]>::reverse);
        assert_eq!(found, expected);
    });
}

#[test]
fn every_element_is_visited_once() {
    property(4, any_length(), |executor, len| {
        let mut list = vec![0_u8; len];
        executor.for_each(&mut list, |each| *each += 1);
        assert!(list.iter().all(|each| *each == 1));
        let count = executor.map_reduce(&list, || 0, |each| usize::from(*each), |a, b| a + b);
        assert_eq!(count, len);
    });
}

proptest! {
    #[test]
    fn pieces_of_ranges(
        signed: i16, unsigned: u64, len in 0_u16..500, places: [Index; 7]
    ) {
        let end = signed.saturating_add_unsigned(len);
        let range: Range<i16> = signed..end;
        pieces_are_the_whole(range.clone(), range.clone(), &places);
        // An end before the beginning is no item.
        let backwards: Range<i16> = end..signed;
        pieces_are_the_whole(backwards.clone(), backwards, &places);
        let end = unsigned.saturating_add(u64::from(len));
        pieces_are_the_whole(unsigned..end, unsigned..end, &places);
        let bytes = unsigned as u8..(unsigned >> 8) as u8;
        pieces_are_the_whole(bytes.clone(), bytes, &places);
        let small = (unsigned as i8)..(unsigned >> 8) as i8;
        pieces_are_the_whole(small.clone(), small, &places);
        let whole = i64::MIN..i64::MAX;
        let (left, right) = Splittable::split_at(whole.clone(), unsigned as usize / 2);
        prop_assert_eq!((left.start, left.end, right.end), (whole.start, right.start, whole.end));
        prop_assert_eq!(left.len() + right.len(), Splittable::len(&whole));
    }

    #[test]
    fn pieces_of_slices_and_chunks(
        list in prop::collection::vec(any::<u8>(), 0..300), size in any_size(), places: [Index; 7]
    ) {
        pieces_are_the_whole(list.as_slice(), list.iter(), &places);
        pieces_are_the_whole(chunks(&list, size), list.chunks(size), &places);
        let (mut one, mut other) = (list.clone(), list);
        let pieces = chunks_mut(&mut one, size);
        pieces_are_the_whole(pieces, other.chunks_mut(size), &places);
    }
}
