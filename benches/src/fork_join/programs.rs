//! Which programs there are.

use super::fib::Fib;
use super::integrate::Integrate;
use super::matmul::Matmul;
use super::program::AnyProgram;
use super::sorting::{MergeSort, Quicksort};
use super::tree_sum::TreeSum;

/// The programs that the figures are made with. `fib` in place of 38.
pub fn all(fib: Option<u64>) -> Vec<Box<dyn AnyProgram>> {
    vec![
        Box::new(Fib { n: fib.unwrap_or(38) }),
        Box::new(TreeSum { levels: 10 }),
        Box::new(TreeSum { levels: 24 }),
        Box::new(Integrate { end: 1000.0 }),
        Box::new(Matmul { rows: 512 }),
        Box::new(Matmul { rows: 1024 }),
        Box::new(Matmul { rows: 2048 }),
        Box::new(Quicksort { count: 10_000_000 }),
        Box::new(MergeSort { count: 10_000_000 }),
    ]
}

/// The same programs, small. `fib` in place of 16.
pub fn small(fib: Option<u64>) -> Vec<Box<dyn AnyProgram>> {
    vec![
        Box::new(Fib { n: fib.unwrap_or(16) }),
        Box::new(TreeSum { levels: 10 }),
        Box::new(Integrate { end: 10.0 }),
        Box::new(Matmul { rows: 256 }),
        Box::new(Quicksort { count: 100_000 }),
        Box::new(MergeSort { count: 200_000 }),
    ]
}
