//! `sort`: the order of the standard library, on every shape of input, and all elements kept whatever happens.

mod support;

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proptest::prelude::*;
use smp_executor::{SmpExecutor, sort, sort_by, sort_by_key};
use support::{pool, watched};

/// Numbers without an order, the same in every run.
fn random(len: usize) -> impl Iterator<Item = u32> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..len).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32
    })
}

/// Inputs that quicksorts are known to have trouble with.
fn shapes(len: usize) -> Vec<(&'static str, Vec<u32>)> {
    let n = len as u32;
    let random = || random(len);
    vec![
        ("random", random().collect()),
        ("sorted", (0..n).collect()),
        ("reversed", (0..n).rev().collect()),
        ("equal", vec![7; len]),
        ("two values", random().map(|each| each % 2).collect()),
        ("few values", random().map(|each| each % 16).collect()),
        ("mostly one value", random().map(|each| (each % 16).saturating_sub(14)).collect()),
        ("powers", random().map(u32::trailing_zeros).collect()),
        ("organ pipe", (0..n / 2).chain((0..n - n / 2).rev()).collect()),
        ("saw tooth", (0..n).map(|each| each % 1_000).collect()),
        ("sorted, then random", (0..n - n / 10).chain(random().take(len / 10)).collect()),
        ("sorted but for the last", (1..n).chain([0]).take(len).collect()),
        ("reversed but for the last", (0..n).rev().skip(1).chain([n]).take(len).collect()),
        ("two interleaved", (0..n).map(|each| each / 2 + each % 2 * n).collect()),
    ]
}

#[test]
fn every_shape_of_input() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            for len in [0, 1, 2, 20, 1_000, 10_000, 80_000] {
                for (name, list) in shapes(len) {
                    let mut expected = list.clone();
                    expected.sort_unstable();
                    let mut sorted = list.clone();
                    executor.sort(&mut sorted);
                    assert!(sorted == expected, "{name}, {len}");
                    let mut sorted = list;
                    executor.sort_by(&mut sorted, |a, b| b.cmp(a));
                    expected.reverse();
                    assert!(sorted == expected, "{name}, {len}, descending");
                }
            }
        }
    });
}

#[test]
fn keys_and_large_elements() {
    watched(|| {
        let executor = pool(2);
        let mut pairs: Vec<(u32, usize)> = random(100_000).zip(0..).collect();
        executor.sort_by_key(&mut pairs, |(_, place)| std::cmp::Reverse(*place));
        assert!(pairs.iter().rev().map(|(_, place)| *place).eq(0..100_000));
        // Larger than what is moved without need.
        let mut blocks: Vec<[u32; 64]> = random(100_000).map(|each| [each; 64]).collect();
        executor.sort(&mut blocks);
        assert!(blocks.is_sorted());
        assert!(blocks.iter().all(|block| block.iter().all(|each| *each == block[0])));
        let mut nothing = vec![(); 100_000];
        executor.sort(&mut nothing);
    });
}

#[test]
fn outside_of_a_pool_the_global_one_sorts() {
    watched(|| {
        let mut list: Vec<u32> = random(200_000).collect();
        sort(&mut list);
        assert!(list.is_sorted());
        sort_by(&mut list, |a, b| b.cmp(a));
        assert!(list.is_sorted_by(|a, b| a >= b));
        sort_by_key(&mut list, |each| each % 1_000);
        assert!(list.is_sorted_by_key(|each| each % 1_000));
    });
}

#[test]
fn two_sorts_in_one_fork() {
    watched(|| {
        let executor = pool(4);
        let mut list: Vec<u32> = random(400_000).collect();
        let (left, right) = list.split_at_mut(200_000);
        executor.join(|| sort(left), || sort(right));
        assert!(left.is_sorted() && right.is_sorted());
    });
}

/// Counts the live ones.
struct Tracked {
    value: u32,
    text: String,
    live: Arc<AtomicUsize>,
}

impl Tracked {
    fn new(value: u32, live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Relaxed);
        Self { value, text: value.to_string(), live: Arc::clone(live) }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        assert_eq!(self.text, self.value.to_string(), "an element is whole");
        self.live.fetch_sub(1, Relaxed);
    }
}

#[test]
fn a_comparison_that_panics_leaves_every_element_in_the_list() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let live = Arc::new(AtomicUsize::new(0));
            let len = 80_000;
            for fuse in [0, 1, 1_000, 79_999, 80_500, 200_000, 600_000] {
                let mut list: Vec<Tracked> =
                    random(len).map(|value| Tracked::new(value, &live)).collect();
                let count = AtomicUsize::new(0);
                let result = catch_unwind(AssertUnwindSafe(|| {
                    executor.sort_by(&mut list, |a, b| {
                        assert_ne!(count.fetch_add(1, Relaxed), fuse, "the fuse");
                        a.value.cmp(&b.value)
                    });
                }));
                assert!(result.is_err(), "fewer than {fuse} comparisons");
                assert_eq!(live.load(Relaxed), len);
                let mut values: Vec<u32> = list.iter().map(|each| each.value).collect();
                let mut expected: Vec<u32> = random(len).collect();
                values.sort_unstable();
                expected.sort_unstable();
                assert!(values == expected, "the same elements");
                drop(list);
                assert_eq!(live.load(Relaxed), 0, "each is dropped once");
            }
        }
    });
}

#[test]
fn a_comparison_without_any_order_loses_nothing() {
    watched(|| {
        let executor = pool(2);
        for salt in 0..5 {
            let mut list: Vec<u32> = random(200_000).collect();
            let nonsense = |a: &u32, b: &u32| match (a ^ b.rotate_left(salt)) % 3 {
                0 => Ordering::Less,
                1 => Ordering::Equal,
                _ => Ordering::Greater,
            };
            // It may panic, as that of the standard library.
            let _ = catch_unwind(AssertUnwindSafe(|| executor.sort_by(&mut list, nonsense)));
            list.sort_unstable();
            let mut expected: Vec<u32> = random(200_000).collect();
            expected.sort_unstable();
            assert!(list == expected, "the same elements");
        }
    });
}

/// McIlroy, "A killer adversary for quicksort" (1999): decides the order while it is asked for it, so that every
/// pivot turns out to be a bad one.
#[test]
fn an_adversary_does_not_make_it_quadratic() {
    const GAS: usize = usize::MAX;
    const LEN: usize = 200_000;
    watched(|| {
        let values: Vec<AtomicUsize> = (0..LEN).map(|_| AtomicUsize::new(GAS)).collect();
        let (solid, candidate, count) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let freeze = |item: usize| values[item].store(solid.fetch_add(1, Relaxed), Relaxed);
        let compare = |a: &usize, b: &usize| {
            count.fetch_add(1, Relaxed);
            let (x, y) = (values[*a].load(Relaxed), values[*b].load(Relaxed));
            if x == GAS && y == GAS {
                freeze(if *a == candidate.load(Relaxed) { *a } else { *b });
            }
            if values[*a].load(Relaxed) == GAS {
                candidate.store(*a, Relaxed);
            } else if values[*b].load(Relaxed) == GAS {
                candidate.store(*b, Relaxed);
            }
            values[*a].load(Relaxed).cmp(&values[*b].load(Relaxed))
        };
        // The first two are out of order, so that the list is not found to be sorted.
        freeze(1);
        freeze(0);
        // On one worker: the adversary answers one question at a time.
        let executor = pool(1);
        let mut list: Vec<usize> = (0..LEN).collect();
        executor.sort_by(&mut list, compare);
        let bound = 10 * LEN * LEN.ilog2() as usize;
        assert!(count.load(Relaxed) < bound, "{count:?} comparisons, more than {bound}");
    });
}

fn agrees<T: Ord + Clone + Send + std::fmt::Debug>(executor: &SmpExecutor, list: &[T]) {
    let mut expected = list.to_vec();
    expected.sort_unstable();
    let mut sorted = list.to_vec();
    executor.sort(&mut sorted);
    assert_eq!(sorted, expected);
}

/// Runs the property on one pool, all cases under one watchdog.
fn property<S>(strategy: S, check: impl Fn(&SmpExecutor, S::Value) + Send + 'static)
where
    S: Strategy + Send + 'static,
{
    watched(move || {
        let executor = pool(2);
        let config = ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let result = runner.run(&strategy, |value| {
            check(&executor, value);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    });
}

#[test]
fn lists_of_numbers() {
    let list = prop::collection::vec(any::<u32>(), 0..20_000);
    property(list, |executor, list| agrees(executor, &list));
}

#[test]
fn lists_with_many_equal_elements() {
    let list = (1_u8..=20).prop_flat_map(|values| prop::collection::vec(0..values, 0..20_000));
    property(list, |executor, list| agrees(executor, &list));
}

#[test]
fn lists_of_strings() {
    let list = prop::collection::vec("[ab]{0,6}", 0..6_000);
    property(list, |executor, list| agrees(executor, &list));
}
