//! `for_each` and `map_reduce`: every item once and in order, on demand, nested, and with panics.

mod support;

use std::collections::HashSet;
use std::fmt::Debug;
use std::hint;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use smp_executor::{
    IntoSplittable, SmpExecutor, Splittable, chunks, chunks_mut, current_worker, for_each,
    map_reduce,
};
use support::{pool, watched};

const LENGTHS: [usize; 11] = [0, 1, 2, 3, 7, 8, 9, 63, 64, 1_000, 100_003];

/// The items in the order in which the results are combined.
fn listed<I, T>(executor: &SmpExecutor, items: I) -> Vec<T>
where
    I: IntoSplittable,
    I::Splittable: IntoIterator<Item = T>,
    T: Send,
{
    executor.map_reduce(
        items,
        Vec::new,
        |item| vec![item],
        |mut left, mut right| {
            left.append(&mut right);
            left
        },
    )
}

/// Takes about so long, without giving the core away.
fn work(duration: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < duration {
        hint::spin_loop();
    }
}

/// The text of the panic that `f` ends with.
fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => executor_common::panic::payload_text(&*payload).to_owned(),
    }
}

#[test]
fn every_index_exactly_once() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            for len in LENGTHS {
                let seen: Vec<AtomicUsize> = (0..len).map(|_| AtomicUsize::new(0)).collect();
                executor.for_each(0..len, |index| {
                    seen[index].fetch_add(1, Ordering::Relaxed);
                });
                assert!(seen.into_iter().all(|count| count.into_inner() == 1), "{len} items");
            }
        }
    });
}

#[test]
fn ranges_of_every_integer() {
    fn check<T>(executor: &SmpExecutor, ranges: impl IntoIterator<Item = Range<T>>)
    where
        Range<T>: Splittable<Item = T> + Iterator<Item = T> + Clone + Debug,
        T: Send + Debug + PartialEq,
    {
        for range in ranges {
            let expected: Vec<T> = range.clone().collect();
            assert_eq!(listed(executor, range.clone()), expected, "{range:?}");
        }
    }
    watched(|| {
        let executor = pool(2);
        check(&executor, [0..u8::MAX, 9..9, Range { start: 9, end: 3 }]);
        check(&executor, [i8::MIN..i8::MAX, -100..100, Range { start: 9, end: -3 }]);
        check(&executor, [0..u16::MAX, 5..6]);
        check(&executor, [i16::MIN..i16::MAX, -1..1]);
        check(&executor, [u32::MAX - 1_000..u32::MAX, 5..9]);
        check(&executor, [i32::MIN..i32::MIN + 1_000, i32::MAX - 1_000..i32::MAX]);
        check(&executor, [u64::MAX - 1_000..u64::MAX, 5..9]);
        check(&executor, [i64::MIN..i64::MIN + 1_000, -500..500]);
        check(&executor, [usize::MAX - 1_000..usize::MAX, 5..9]);
        check(&executor, [isize::MIN..isize::MIN + 1_000, 5..9]);
    });
}

#[cfg(target_pointer_width = "64")]
#[test]
fn the_longest_range_is_counted_and_cut() {
    let whole = i64::MIN..i64::MAX;
    assert_eq!(Splittable::len(&whole), usize::MAX);
    let (left, right) = whole.split_at(usize::MAX / 2 + 1);
    assert_eq!((left, right), (i64::MIN..0, 0..i64::MAX));
}

#[test]
fn slices_vectors_and_arrays() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            for len in LENGTHS {
                let mut list: Vec<usize> = (0..len).collect();
                executor.for_each(&mut list, |each| *each += 1);
                executor.for_each(&mut list[..], |each| *each *= 2);
                let expected = |index: usize| (index + 1) * 2;
                assert!(list.iter().enumerate().all(|(index, each)| *each == expected(index)));
                assert_eq!(listed(&executor, &list), list.iter().collect::<Vec<_>>());
                assert_eq!(
                    listed(&executor, &list[..len / 2]),
                    list[..len / 2].iter().collect::<Vec<_>>()
                );
            }
            let mut array = [1, 2, 3];
            executor.for_each(&mut array, |each| *each += 1);
            assert_eq!(listed(&executor, &array), [&2, &3, &4]);
        }
    });
}

#[test]
fn chunks_are_those_of_the_standard_library() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            for len in LENGTHS {
                for size in [1, 2, 3, 64, 1_000, usize::MAX] {
                    let mut list: Vec<usize> = (0..len).collect();
                    let expected: Vec<&[usize]> = list.chunks(size).collect();
                    assert_eq!(listed(&executor, chunks(&list, size)), expected);
                    executor.for_each(chunks_mut(&mut list, size), |chunk| chunk.reverse());
                    let mut expected: Vec<usize> = (0..len).collect();
                    expected.chunks_mut(size).for_each(<[usize]>::reverse);
                    assert_eq!(list, expected);
                }
            }
        }
    });
}

#[test]
fn chunks_of_nothing_are_refused() {
    assert!(panic_text(|| chunks::<u8>(&[], 0)).contains("at least one element"));
    assert!(panic_text(|| chunks_mut::<u8>(&mut [], 0)).contains("at least one element"));
}

#[test]
fn results_are_combined_in_the_order_of_the_items() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            for round in 0..50 {
                let len = 400 + round;
                let text = executor.map_reduce(
                    0..len,
                    String::new,
                    |index| {
                        // Uneven, so that pieces are cut at many places.
                        work(Duration::from_micros((index * 7_919 % 13) as u64));
                        format!("{index} ")
                    },
                    |left, right| left + &right,
                );
                let expected: String = (0..len).map(|index| format!("{index} ")).collect();
                assert_eq!(text, expected);
            }
        }
    });
}

#[test]
fn where_nobody_asks_nothing_is_forked() {
    watched(|| {
        let executor = pool(1);
        let identities = AtomicUsize::new(0);
        let identity = || {
            identities.fetch_add(1, Ordering::Relaxed);
            0
        };
        let sum = || map_reduce(0..1_000_000_u64, identity, |n| n, |a, b| a + b);
        executor.install(|| {
            // The first may answer a question from the time when the worker lay down.
            assert_eq!(sum(), 499_999_500_000);
            identities.store(0, Ordering::Relaxed);
            assert_eq!(sum(), 499_999_500_000);
            assert_eq!(identities.load(Ordering::Relaxed), 1);
        });
    });
}

#[test]
fn a_hungry_worker_is_given_a_part_of_a_loop_that_runs() {
    watched(|| {
        for workers in [2, 4] {
            let executor = pool(workers);
            for _ in 0..20 {
                let seen = Mutex::new(HashSet::new());
                let shared = AtomicBool::new(false);
                // Alone, one worker would need 40 s for this.
                executor.for_each(0..2_000_000, |_| {
                    if !shared.load(Ordering::Relaxed) {
                        work(Duration::from_micros(20));
                        let mut seen = seen.lock().unwrap();
                        seen.insert(current_worker());
                        shared.store(seen.len() > 1, Ordering::Relaxed);
                    }
                });
                assert!(seen.into_inner().unwrap().len() > 1);
            }
        }
    });
}

#[test]
fn an_item_that_blocks_holds_nobody_elses_items_up() {
    const LEN: usize = 1_000_000;
    watched(|| {
        let executor = pool(2);
        for _ in 0..20 {
            let owner = OnceLock::new();
            let (shared, last) = (AtomicBool::new(false), AtomicBool::new(false));
            executor.for_each(0..LEN, |index| {
                if index == LEN - 1 {
                    last.store(true, Ordering::Release);
                }
                if last.load(Ordering::Acquire) {
                    return;
                }
                if *owner.get_or_init(current_worker) != current_worker() {
                    shared.store(true, Ordering::Release);
                } else if shared.load(Ordering::Acquire) {
                    // Somebody else goes on from the middle to the end.
                    while !last.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                } else {
                    work(Duration::from_micros(20));
                }
            });
            assert!(shared.into_inner());
        }
    });
}

#[test]
fn loops_nest() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let mut grid = vec![0_u64; 100 * 100];
            executor.for_each(chunks_mut(&mut grid, 100), |row| {
                for_each(&mut *row, |place| {
                    *place = map_reduce(0..100_u64, || 0, |n| n, |a, b| a + b);
                });
                let (left, right) = (&row[..50], &row[50..]);
                let sum = |part: &[u64]| map_reduce(part, || 0, |each: &u64| *each, |a, b| a + b);
                let (left, right) = smp_executor::join(|| sum(left), || sum(right));
                assert_eq!(left + right, 495_000);
            });
            assert!(grid.iter().all(|each| *each == 4_950));
        }
    });
}

#[test]
fn outside_of_a_pool_the_global_one_runs_the_loop() {
    watched(|| {
        assert_eq!(current_worker(), None);
        let outside = AtomicUsize::new(0);
        for_each(0..10_000, |_| {
            if current_worker().is_none() {
                outside.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(outside.into_inner(), 0);
        assert_eq!(map_reduce(0..10_000_u64, || 0, |n| n, u64::max), 9_999);
    });
}

#[test]
fn after_the_shutdown_the_caller_runs_the_loop() {
    watched(|| {
        let executor = pool(2);
        let _ = executor.shutdown();
        assert_eq!(executor.map_reduce(0..10_000_u64, || 0, |n| n, |a, b| a + b), 49_995_000);
    });
}

#[test]
fn a_panic_reaches_the_caller_and_nothing_leaks() {
    watched(|| {
        for workers in [1, 2, 4] {
            let executor = pool(workers);
            let tracked = Arc::new(());
            for round in 0..300 {
                let bad = round * 7 % 1_000;
                let text = panic_text(|| {
                    executor.map_reduce(
                        0..1_000,
                        || vec![Arc::clone(&tracked)],
                        |index| {
                            assert_ne!(index, bad, "the bad one");
                            work(Duration::from_nanos(200));
                            vec![Arc::clone(&tracked)]
                        },
                        |mut left, mut right| {
                            left.append(&mut right);
                            left
                        },
                    )
                });
                assert!(text.contains("the bad one"), "{text}");
                assert_eq!(Arc::strong_count(&tracked), 1);
            }
            assert_eq!(listed(&executor, 0..100_u8).len(), 100, "the pool goes on");
        }
    });
}

#[test]
fn panics_of_identity_and_reduce_reach_the_caller() {
    watched(|| {
        let executor = pool(2);
        let text = panic_text(|| {
            executor.map_reduce(0..9, || panic!("identity"), |n| n, |a: i32, b| a + b)
        });
        assert_eq!(text, "identity");
        let text =
            panic_text(|| executor.map_reduce(0..9, || 0, |n| n, |_: i32, _| panic!("reduce")));
        assert_eq!(text, "reduce");
    });
}
