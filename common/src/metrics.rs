//! What executors count, and how they show it.
//!
//! The counters are statistics: each worker writes its own without a read-modify-write, and a snapshot
//! may be a few tasks behind.

mod counters;
mod snapshot;

pub use counters::WorkerCounters;
pub use snapshot::{ExecutorMetrics, RoleMetrics, WorkerMetrics, imbalance, utilisation};
