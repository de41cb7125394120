//! Panics in forks, scopes, loops and sorts: the caller gets one of them, and no value is lost or dropped twice.

mod support;
#[path = "support/values.rs"]
mod values;

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{pool, watched};
use values::{Grenade, Live, Value, caught, is_sound, text, text_of};

fn is_throwing(n: usize, thrower: usize) {
    if n == thrower {
        panic_any("thrown");
    }
}

/// One of the two sides panics, or both, at once or one after the other; nested, so that thieves take some.
#[test]
fn either_side_of_a_join_panics_and_both() {
    fn tree(depth: usize, place: usize, throwers: &[usize], live: &Live) -> Value {
        if throwers.contains(&place) {
            panic_any("thrown");
        }
        if depth > 0 {
            let (left, right) = smp_executor::join(
                || tree(depth - 1, 2 * place, throwers, live),
                || tree(depth - 1, 2 * place + 1, throwers, live),
            );
            drop((left, right));
        }
        live.value()
    }

    watched(|| {
        for workers in [1, 2, 3] {
            let executor = pool(workers);
            let live = Live::default();
            for round in 0..200_usize {
                let throwers = [round % 64, (round * 7) % 64];
                let result = caught(|| executor.install(|| tree(5, 1, &throwers, &live)));
                let throws = throwers.iter().any(|place| (1..64).contains(place));
                assert_eq!(
                    result.map(drop).map_err(text),
                    if throws { Err("thrown") } else { Ok(()) }
                );
                assert_eq!(live.count(), 0);
            }
            is_sound(&executor);
        }
    });
}

/// The side that did not panic has a result whose destructor panics, or was not begun and has a destructor that panics.
#[test]
fn a_side_that_goes_with_the_other_s_panic_may_panic_in_its_destructor() {
    watched(|| {
        for workers in [1, 2] {
            let executor = pool(workers);
            let live = Live::default();
            for _ in 0..200 {
                let bomb = live.bomb();
                let result = caught(|| executor.join(|| panic_any("the first side"), move || bomb));
                assert_eq!(text(result.map(|_: ((), Value)| ()).unwrap_err()), "the first side");
                assert_eq!(live.count(), 0);
            }
            is_sound(&executor);
        }
    });
}

#[test]
fn payloads_with_panicking_destructors_are_contained_wherever_several_panics_meet() {
    watched(|| {
        for workers in [1, 2, 3] {
            let executor = pool(workers);
            let live = Live::default();
            for _ in 0..20 {
                let both = caught(|| executor.join(|| panic_any(Grenade), || panic_any(Grenade)));
                assert_eq!(text(both.map(|_: ((), ())| ()).unwrap_err()), "something else");
                let all = caught(|| {
                    executor.scope(|s| {
                        for _ in 0..10 {
                            let value = live.value();
                            s.spawn(move |_| {
                                let _value = value;
                                panic_any(Grenade);
                            });
                        }
                        panic_any("the scope's own")
                    })
                });
                assert_eq!(text(all.unwrap_err()), "the scope's own");
                let everywhere = caught(|| executor.broadcast(|_| -> () { panic_any(Grenade) }));
                assert_eq!(text(everywhere.map(drop).unwrap_err()), "something else");
                drop(executor.spawn(|| panic_any(Grenade)));
                assert_eq!(
                    text_of::<()>(executor.spawn(|| panic_any(Grenade)).join()),
                    "something else"
                );
                let items = caught(|| executor.for_each(0..64_usize, |_| panic_any(Grenade)));
                assert_eq!(text(items.unwrap_err()), "something else");
            }
            is_sound(&executor);
            assert_eq!(live.count(), 0);
        }
    });
}

/// A sequence that panics where it is told to.
struct Faulty {
    items: Vec<Value>,
    fault: &'static str,
}

struct FaultyItems {
    items: std::vec::IntoIter<Value>,
    fault: &'static str,
}

impl Iterator for FaultyItems {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.fault == "next" && self.items.len() == 1 {
            panic_any("next");
        }
        self.items.next()
    }
}

impl IntoIterator for Faulty {
    type Item = Value;
    type IntoIter = FaultyItems;

    fn into_iter(self) -> FaultyItems {
        if self.fault == "into_iter" {
            panic_any("into_iter");
        }
        FaultyItems { items: self.items.into_iter(), fault: self.fault }
    }
}

impl smp_executor::Splittable for Faulty {
    fn len(&self) -> usize {
        if self.fault == "len" {
            panic_any("len");
        }
        self.items.len()
    }

    fn split_at(mut self, index: usize) -> (Self, Self) {
        if self.fault == "split_at" {
            panic_any("split_at");
        }
        let items = self.items.split_off(index);
        let fault = self.fault;
        (self, Self { items, fault })
    }
}

#[test]
fn sequences_that_panic_lose_no_item() {
    watched(|| {
        for workers in [1, 2, 3] {
            let executor = pool(workers);
            for fault in ["none", "len", "split_at", "into_iter", "next"] {
                for _ in 0..50 {
                    let live = Live::default();
                    let items = Faulty { items: vec![live.value(); 100], fault };
                    let ran = AtomicUsize::new(0);
                    let result = caught(|| {
                        executor.for_each(items, |_| {
                            ran.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                    match fault {
                        "none" => assert_eq!((result.is_ok(), ran.into_inner()), (true, 100)),
                        _ => assert_eq!(text(result.unwrap_err()), fault),
                    }
                    assert_eq!(live.count(), 0, "{fault}");
                }
            }
            is_sound(&executor);
        }
    });
}

#[test]
fn every_closure_of_a_map_reduce_panics_and_no_result_is_lost() {
    watched(|| {
        for workers in [1, 2, 3] {
            let executor = pool(workers);
            for thrower in 0..100 {
                let live = Live::default();
                let calls = AtomicUsize::new(0);
                // Each call in turn, whichever of the three closures it is.
                let call = || is_throwing(calls.fetch_add(1, Ordering::Relaxed), thrower);
                let result = caught(|| {
                    executor.map_reduce(
                        0..200_usize,
                        || {
                            call();
                            live.value()
                        },
                        |_| {
                            call();
                            live.value()
                        },
                        |a, b| {
                            call();
                            drop(a);
                            b
                        },
                    )
                });
                assert_eq!(text(result.map(drop).unwrap_err()), "thrown");
                assert_eq!(live.count(), 0);
            }
            is_sound(&executor);
        }
    });
}

#[test]
fn a_comparison_that_panics_at_each_call_in_turn_keeps_all_elements() {
    watched(|| {
        let executor = pool(2);
        for thrower in (0..200_000_usize).step_by(9_973) {
            let live = Live::default();
            let mut list: Vec<(u32, Value)> =
                (0..20_000_u32).map(|n| (n.wrapping_mul(0x9E37_79B9), live.value())).collect();
            let calls = AtomicUsize::new(0);
            let result = caught(|| {
                executor.sort_by(&mut list, |a, b| {
                    is_throwing(calls.fetch_add(1, Ordering::Relaxed), thrower);
                    a.0.cmp(&b.0)
                });
            });
            assert_eq!(text(result.unwrap_err()), "thrown");
            assert_eq!((list.len(), live.count()), (20_000, 20_000));
            let mut keys: Vec<_> = list.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), 20_000, "each element is there once");
            drop(list);
            assert_eq!(live.count(), 0);
        }
        is_sound(&executor);
    });
}
