//! The ring on one thread, and under load on many.

use executor_common::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Barrier};
use std::thread;

use proptest::prelude::*;

use super::*;

#[test]
fn the_capacity_is_exact() {
    for capacity in 1..=17 {
        let ring = Ring::new(capacity);
        for lap in 0..5 {
            for value in 0..capacity {
                assert_eq!(ring.probe(), Ok(()));
                ring.push(value).unwrap();
                assert_eq!(ring.len(), value + 1);
            }
            assert_eq!(ring.probe(), Err(PushError::Full(())));
            assert_eq!(ring.push(99), Err(PushError::Full(99)), "capacity {capacity}, lap {lap}");
            for value in 0..capacity {
                assert!(ring.is_ready());
                assert_eq!(ring.pop(), Some(value));
            }
            assert!(!ring.is_ready());
            assert_eq!(ring.pop(), None);
            assert!(ring.is_empty());
        }
        assert_eq!(ring.pushed(), 5 * capacity as u64);
    }
}

#[test]
fn a_closed_ring_gives_what_it_has_and_takes_nothing() {
    let ring = Ring::new(3);
    ring.push(1).unwrap();
    assert!(ring.close());
    assert!(!ring.close());
    assert!(ring.is_closed() && !ring.is_drained());
    assert_eq!(ring.push(2), Err(PushError::Closed(2)));
    assert_eq!(ring.probe(), Err(PushError::Closed(())));
    assert_eq!(ring.len(), 1);
    assert_eq!(ring.pop(), Some(1));
    assert!(ring.is_drained());
    assert_eq!(ring.pop(), None);
    assert_eq!(ring.pushed(), 1);
}

#[test]
fn closing_works_at_every_index() {
    for capacity in 1..=5 {
        for offset in 0..2 * capacity {
            let ring = Ring::new(capacity);
            for value in 0..offset {
                ring.push(value).unwrap();
                assert_eq!(ring.pop(), Some(value));
            }
            ring.close();
            assert!(ring.is_drained(), "capacity {capacity}, offset {offset}");
        }
    }
}

#[test]
fn making_happens_only_where_there_is_room() {
    let ring = Ring::new(1);
    assert_eq!(ring.push_with(5, |n| (n, n * 2)), Ok(10));
    let refused: Result<(), _> = ring.push_with(6, |_| unreachable!());
    assert_eq!(refused, Err(PushError::Full(6)));
    assert_eq!(ring.pop(), Some(5));
}

/// Positions keep their order where the lap runs over the end of the word.
#[test]
fn laps_wrap_around() {
    for capacity in [1, 2, 3] {
        let ring = Ring::new(capacity);
        let start = 0_usize.wrapping_sub(2 * ring.one_lap());
        ring.head.store(start, Ordering::Relaxed);
        ring.tail.store(start, Ordering::Relaxed);
        for (index, slot) in ring.slots.iter().enumerate() {
            slot.stamp.store(start + index, Ordering::Relaxed);
        }
        for _ in 0..6 {
            for value in 0..capacity {
                ring.push(value).unwrap();
            }
            assert_eq!(ring.push(9), Err(PushError::Full(9)));
            for value in 0..capacity {
                assert_eq!(ring.pop(), Some(value));
            }
            assert_eq!(ring.pop(), None);
        }
    }
}

struct CountsDrops<'a>(&'a AtomicUsize);

impl Drop for CountsDrops<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_is_left_is_dropped_once() {
    let drops = AtomicUsize::new(0);
    let ring = Ring::new(4);
    for _ in 0..3 {
        assert!(ring.push(CountsDrops(&drops)).is_ok());
    }
    assert!(ring.pop().is_some());
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    drop(ring);
    assert_eq!(drops.load(Ordering::Relaxed), 3);
}

/// Producers and consumers at once, for several capacities: every value arrives once, each producer's in
/// order, and after the close nothing is lost.
#[test]
fn many_threads_lose_nothing_and_keep_each_producers_order() {
    const PRODUCERS: usize = 3;
    const CONSUMERS: usize = 2;
    const EACH: usize = 4_000;
    for capacity in [1, 2, 3, 7, 64] {
        let ring = Arc::new(Ring::new(capacity));
        let start = Arc::new(Barrier::new(PRODUCERS + CONSUMERS));
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (ring, start) = (Arc::clone(&ring), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    for number in 0..EACH {
                        while ring.push((producer, number)).is_err() {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|_| {
                let (ring, start) = (Arc::clone(&ring), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let mut got = Vec::new();
                    loop {
                        match ring.pop() {
                            Some(value) => got.push(value),
                            None if ring.is_drained() => return got,
                            None => thread::yield_now(),
                        }
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.join().unwrap();
        }
        ring.close();
        let mut all = Vec::new();
        for consumer in consumers {
            let got = consumer.join().unwrap();
            for producer in 0..PRODUCERS {
                let numbers = got.iter().filter(|(from, _)| *from == producer);
                assert!(numbers.is_sorted(), "capacity {capacity}");
            }
            all.extend(got);
        }
        all.sort_unstable();
        let expected: Vec<_> =
            (0..PRODUCERS).flat_map(|from| (0..EACH).map(move |number| (from, number))).collect();
        assert_eq!(all, expected, "capacity {capacity}");
    }
}

/// A push that succeeded against a concurrent close is popped; one that failed is not.
#[test]
fn close_and_push_have_an_order() {
    for _ in 0..1_000 {
        let ring = Arc::new(Ring::new(2));
        let start = Arc::new(Barrier::new(2));
        let was_closed = Arc::new(AtomicBool::new(false));
        let producer = {
            let (ring, start) = (Arc::clone(&ring), Arc::clone(&start));
            let was_closed = Arc::clone(&was_closed);
            thread::spawn(move || {
                start.wait();
                let before = was_closed.load(Ordering::SeqCst);
                let pushed = ring.push(1).is_ok();
                assert!(!(before && pushed), "a push succeeded after the close had returned");
                pushed
            })
        };
        start.wait();
        ring.close();
        was_closed.store(true, Ordering::SeqCst);
        let pushed = producer.join().unwrap();
        assert_eq!(ring.pop(), pushed.then_some(1));
        assert!(ring.is_drained());
    }
}

proptest! {
    /// On one thread the ring is a bounded `VecDeque`.
    #[test]
    fn it_behaves_like_a_bounded_queue(
        capacity in 1_usize..9,
        pushes in proptest::collection::vec(any::<bool>(), 0..200),
    ) {
        let ring = Ring::new(capacity);
        let mut model = VecDeque::new();
        for (number, is_push) in pushes.into_iter().enumerate() {
            if is_push {
                let expected = if model.len() < capacity {
                    model.push_back(number);
                    Ok(())
                } else {
                    Err(PushError::Full(number))
                };
                prop_assert_eq!(ring.push(number), expected);
            } else {
                let expected = model.pop_front();
                prop_assert_eq!(ring.pop(), expected);
            }
            prop_assert_eq!(ring.len(), model.len());
        }
    }
}
