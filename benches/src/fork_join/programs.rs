//! Which programs there are.

use super::PeerKind;
use super::fib::Fib;
use super::flat_loop::{Cost, ForEach, MapReduce};
use super::integrate::Integrate;
use super::library_sort::LibrarySort;
use super::matmul::Matmul;
use super::sorting::{MergeSort, Quicksort};
use super::tree_sum::TreeSum;
use crate::rounds::AnyProgram;

/// The programs that the figures are made with. `fib` in place of 38.
pub fn all(fib: Option<u64>) -> Vec<Box<dyn AnyProgram<PeerKind>>> {
    let mut programs: Vec<Box<dyn AnyProgram<PeerKind>>> = vec![
        Box::new(Fib { n: fib.unwrap_or(38) }),
        Box::new(TreeSum { levels: 10 }),
        Box::new(TreeSum { levels: 24 }),
        Box::new(Integrate { end: 1000.0 }),
        Box::new(Matmul { rows: 512 }),
        Box::new(Matmul { rows: 1024 }),
        Box::new(Matmul { rows: 2048 }),
        Box::new(Quicksort { count: 10_000_000 }),
        Box::new(MergeSort { count: 10_000_000 }),
        Box::new(LibrarySort { count: 10_000_000 }),
    ];
    for count in [64, 1_000, 16_000, 64_000, 1_000_000] {
        for cost in [Cost::Even1, Cost::Even100, Cost::Linear, Cost::HeavyTail] {
            programs.push(Box::new(ForEach { count, cost }));
        }
        programs.push(Box::new(MapReduce { count, cost: Cost::Even1 }));
    }
    programs
}

/// The same programs, small. `fib` in place of 16.
pub fn small(fib: Option<u64>) -> Vec<Box<dyn AnyProgram<PeerKind>>> {
    vec![
        Box::new(Fib { n: fib.unwrap_or(16) }),
        Box::new(TreeSum { levels: 10 }),
        Box::new(Integrate { end: 10.0 }),
        Box::new(Matmul { rows: 128 }),
        Box::new(Quicksort { count: 20_000 }),
        Box::new(MergeSort { count: 80_000 }),
        Box::new(LibrarySort { count: 30_000 }),
        Box::new(ForEach { count: 1_000, cost: Cost::HeavyTail }),
        Box::new(MapReduce { count: 1_000, cost: Cost::Even1 }),
    ]
}
