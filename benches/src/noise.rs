//! How often this machine takes a core away from a thread that wants it.

use serde::Serialize;

/// What a thread that does nothing but read the clock has seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NoiseFloor {
    /// For how long each allowed CPU was watched.
    pub watched_s: f64,
    /// One for each allowed CPU.
    pub cpus: Vec<CpuNoise>,
}

/// The interruptions that one CPU's watcher has seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CpuNoise {
    /// Which one.
    pub cpu: usize,
    /// Whether the watcher was pinned to it.
    pub pinned: bool,
    /// Interruptions per second, of 10 us and more.
    pub hiccups_per_second: f64,
    /// The longest one.
    pub longest_ns: u64,
    /// The part of the time that was taken away.
    pub lost_share: f64,
    /// Someone who wanted to begin at a random instant would have begun at once or at most this much later, in 99 of 100 cases.
    pub p99_delay_ns: u64,
    /// The same in 999 of 1,000 cases.
    pub p999_delay_ns: u64,
}
