//! What follows from figures, in words.
//!
//! Two layouts are compared within each round: what disturbs the machine for a while disturbs both. The better one is better in every
//! round; anything else is a draw, and so is a small difference below what the machine does to everybody ([`crate::noise`]).
//!
//! | file | what it is |
//! |---|---|
//! | `goal` | what a workload is judged by |
//! | `pair` | two layouts, round by round |
//! | `workload` | which of ours suits a workload, and by how much |
//! | `certainty` | how sure that is |
//! | `would_change` | what it depends on |
//! | `sweep` | up to which load each layout does what is wanted |
//! | `rows` | the table in which the two executors are compared, row by row |

mod certainty;
mod goal;
mod pair;
mod rows;
mod sweep;
mod words;
mod workload;
mod would_change;

pub use rows::of_table;
pub use sweep::of_sweep;
pub use workload::of_comparison;

#[cfg(test)]
pub(crate) mod made_up;
#[cfg(test)]
mod tests;
