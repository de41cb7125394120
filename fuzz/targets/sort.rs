//! Sorting with comparisons of all kinds: elements are neither lost nor made, and end up in order where there is one.

use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Once};

use arbitrary::{Arbitrary, Unstructured};
use smp_executor::SmpExecutor;

/// Lists below this length are the standard library's affair.
const SHORTEST: usize = 4_000;

static EXECUTOR: LazyLock<SmpExecutor> =
    LazyLock::new(|| SmpExecutor::builder().workers(2).build().unwrap());

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// More than that the list is long.
    extra: u16,
    shape: Shape,
    comparison: Comparison,
    /// Elements that are large are moved in another way.
    large: bool,
    /// What the list begins with, and the comparison is salted with.
    bytes: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Shape {
    Repeated,
    Random { values: u16 },
    Ascending,
    Descending,
    SawTooth { period: u16 },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Comparison {
    /// A total order.
    Right,
    /// Another one.
    Reversed,
    /// One with many equal elements.
    ByKey(u8),
    /// A total order, until it panics.
    Panics { at: u16 },
    /// Anything; the same for the same two elements.
    Nonsense { salt: u8 },
    /// Anything, at any time.
    Fickle { salt: u8 },
    /// Always this.
    Constant(bool),
}

/// An element that counts the living ones, and is too large to be moved without need, or not.
struct Element<'a, const WORDS: usize> {
    live: &'a AtomicUsize,
    key: u32,
    number: usize,
    filling: [u64; WORDS],
}

impl<const WORDS: usize> Drop for Element<'_, WORDS> {
    fn drop(&mut self) {
        assert_eq!(self.filling, [self.number as u64; WORDS], "an element is whole");
        self.live.fetch_sub(1, Relaxed);
    }
}

/// The comparison's own panic.
struct Fuse;

pub(crate) fn check(data: &[u8]) {
    static QUIET: Once = Once::new();
    QUIET.call_once(quiet_total_order);
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    if input.large { sorted::<14>(&input) } else { sorted::<1>(&input) }
}

/// The standard library may say with a panic that a comparison is no order. A fuzzer would take that for a failure.
fn quiet_total_order() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        let is_expected = info.payload().is::<Fuse>() || text.contains("total order");
        if !is_expected {
            previous(info);
        }
    }));
}

fn sorted<const WORDS: usize>(input: &Input<'_>) {
    let keys = keys(input);
    let live = AtomicUsize::new(keys.len());
    let mut list: Vec<Element<'_, WORDS>> = keys
        .iter()
        .enumerate()
        .map(|(number, key)| Element {
            live: &live,
            key: *key,
            number,
            filling: [number as u64; WORDS],
        })
        .collect();
    let calls = AtomicU64::new(0);
    let by_comparison = |one: &Element<'_, WORDS>, other: &Element<'_, WORDS>| {
        let call = calls.fetch_add(1, Relaxed);
        compare(input.comparison, (one.key, one.number), (other.key, other.number), call)
    };
    let result = catch_unwind(AssertUnwindSafe(|| EXECUTOR.sort_by(&mut list, by_comparison)));
    if let Err(payload) = result {
        let is_order = matches!(
            input.comparison,
            Comparison::Right | Comparison::Reversed | Comparison::ByKey(_)
        );
        if is_order {
            resume_unwind(payload);
        }
    } else {
        let in_order = |pair: &[Element<'_, WORDS>]| {
            let [one, next] = pair else { unreachable!("windows of two") };
            match input.comparison {
                Comparison::Right | Comparison::Panics { .. } => one.key <= next.key,
                Comparison::Reversed => one.key >= next.key,
                Comparison::ByKey(modulus) => by_key(one.key, modulus) <= by_key(next.key, modulus),
                Comparison::Nonsense { .. } | Comparison::Fickle { .. } => true,
                Comparison::Constant(_) => true,
            }
        };
        assert!(list.windows(2).all(in_order), "the list is in order");
    }
    assert_eq!(live.load(Relaxed), keys.len(), "none was dropped");
    let mut numbers: Vec<usize> = list.iter().map(|each| each.number).collect();
    assert!(list.iter().all(|each| keys[each.number] == each.key));
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..keys.len()), "each is there once");
    drop(list);
    assert_eq!(live.load(Relaxed), 0, "each was dropped once");
}

fn keys(input: &Input<'_>) -> Vec<u32> {
    let len = SHORTEST + usize::from(input.extra) / 4;
    let state = Cell::new(
        input
            .bytes
            .iter()
            .fold(1_u64, |sum, byte| sum.wrapping_mul(0x0100_0000_01B3) ^ u64::from(*byte)),
    );
    let random = || {
        state.set(state.get().wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1));
        (state.get() >> 33) as u32
    };
    let mut keys: Vec<u32> = match input.shape {
        Shape::Repeated if input.bytes.is_empty() => vec![0; len],
        Shape::Repeated => {
            input.bytes.iter().cycle().map(|byte| u32::from(*byte)).take(len).collect()
        }
        Shape::Random { values } => (0..len).map(|_| random() % (u32::from(values) + 1)).collect(),
        Shape::Ascending => (0..len as u32).collect(),
        Shape::Descending => (0..len as u32).rev().collect(),
        Shape::SawTooth { period } => {
            (0..len as u32).map(|at| at % (u32::from(period) + 1)).collect()
        }
    };
    for (key, byte) in keys.iter_mut().zip(input.bytes) {
        *key = u32::from(*byte);
    }
    keys
}

fn by_key(key: u32, modulus: u8) -> u32 {
    key % (u32::from(modulus) + 1)
}

fn compare(kind: Comparison, one: (u32, usize), other: (u32, usize), call: u64) -> Ordering {
    let any = |number: u64| match number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 {
        0 => Ordering::Less,
        1 => Ordering::Equal,
        _ => Ordering::Greater,
    };
    match kind {
        Comparison::Right => one.0.cmp(&other.0),
        Comparison::Reversed => other.0.cmp(&one.0),
        Comparison::ByKey(modulus) => by_key(one.0, modulus).cmp(&by_key(other.0, modulus)),
        Comparison::Panics { at } => {
            if call == u64::from(at) {
                panic_any(Fuse);
            }
            one.0.cmp(&other.0)
        }
        Comparison::Nonsense { salt } => {
            any((one.1 as u64) << 32 ^ (other.1 as u64) << 8 ^ u64::from(salt))
        }
        Comparison::Fickle { salt } => any(call ^ u64::from(salt) << 40),
        Comparison::Constant(is_less) => {
            if is_less {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}
