//! What executors count, and how they show it.
//!
//! The counters are statistics: each worker writes its own without a read-modify-write, and a snapshot
//! may be a few tasks behind.

mod counters;
#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "serve-metrics")]
mod serve;
mod snapshot;

pub use counters::WorkerCounters;
#[cfg(feature = "serve-metrics")]
pub use serve::MetricsServer;
pub use snapshot::{ExecutorMetrics, RoleMetrics, WorkerMetrics, imbalance, utilisation};
