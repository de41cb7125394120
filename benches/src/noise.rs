//! How often this machine takes a core away from a thread that wants it.
//!
//! Interrupts, other processes and, in a virtual machine, the host's other guests stop a thread for a while whatever the executor does.
//! No tail can be trusted below what they do to a thread that never waits for anything, which is measured here: one thread for each CPU
//! reads the clock without a pause, and every gap between two readings is time in which its CPU did something else.
//!
//! All CPUs are watched at once, because that is what a comparison does to the machine: its workers want all cores at the same time.
//! On an otherwise idle machine one thread alone sees less, since the kernel moves what else there is to the other CPUs, and
//! the host of a virtual machine has fewer virtual CPUs to find room for. Where a control group grants the time of fewer CPUs than are
//! allowed, so many are watched at once as it pays for, one group after the other: more would be throttled, which an executor that
//! takes the quota into account is not.
//!
//! | file | what it is |
//! |---|---|
//! | `watch` | the threads, and what they see |
//! | `gaps` | what follows from gaps |

mod gaps;
mod watch;

use std::fmt;

use serde::Serialize;

use crate::compare::workload::Percentile;
use crate::rounds::duration;

pub use watch::measure;

/// How many CPUs the Display has a line for.
const SHOWN: usize = 16;

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

impl CpuNoise {
    /// By how much this machine alone delays someone who comes at a random instant, at this percentile. Where it was not computed
    /// for that one, that of the next higher one.
    fn delay_ns(&self, percentile: Percentile) -> u64 {
        match percentile {
            // Less of the time was taken away than this percentile leaves out.
            _ if self.lost_share <= 1.0 - percentile.quantile() => 0,
            Percentile::P50 | Percentile::P90 | Percentile::P99 => self.p99_delay_ns,
            Percentile::P999 => self.p999_delay_ns,
            Percentile::P9999 | Percentile::Max => self.longest_ns,
        }
    }
}

impl NoiseFloor {
    /// By how much this machine alone delays someone who comes at a random instant, at this percentile, on its worst CPU. Smaller
    /// latencies at this percentile say nothing about an executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use benches::compare::workload::Percentile;
    /// use benches::noise::{CpuNoise, NoiseFloor};
    ///
    /// let cpu = CpuNoise { lost_share: 0.02, p99_delay_ns: 40_000, ..CpuNoise::default() };
    /// let noise = NoiseFloor { watched_s: 0.5, cpus: vec![cpu] };
    /// assert_eq!(noise.delay_ns(Percentile::P99), 40_000);
    /// // 98 of 100 find their CPU running.
    /// assert_eq!(noise.delay_ns(Percentile::P50), 0);
    /// ```
    pub fn delay_ns(&self, percentile: Percentile) -> u64 {
        self.cpus.iter().map(|cpu| cpu.delay_ns(percentile)).max().unwrap_or(0)
    }
}

/// The CPUs that lost most, where there are many.
impl fmt::Display for NoiseFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |ns: u64| match ns {
            0 => "0".to_owned(),
            _ => duration(ns as f64 / 1e9),
        };
        let seconds = self.watched_s;
        writeln!(
            f,
            "noise floor    threads that only read the clock, {seconds:.2} s on each CPU:"
        )?;
        let mut cpus: Vec<_> = self.cpus.iter().collect();
        if cpus.len() > SHOWN {
            cpus.sort_by(|one, other| other.lost_share.total_cmp(&one.lost_share));
            cpus.truncate(SHOWN);
            cpus.sort_by_key(|cpu| cpu.cpu);
        }
        for cpu in &cpus {
            writeln!(
                f,
                "  CPU {:<8} {:>6.1} hiccups/s, longest {:>7}, {:>5.2} % lost; a random arrival waits {} at p99, {} at p99.9{}",
                cpu.cpu,
                cpu.hiccups_per_second,
                time(cpu.longest_ns),
                100.0 * cpu.lost_share,
                time(cpu.p99_delay_ns),
                time(cpu.p999_delay_ns),
                if cpu.pinned { "" } else { " (not pinned)" },
            )?;
        }
        match self.cpus.len() - cpus.len() {
            0 => {}
            others => writeln!(f, "  {others} other CPUs lost less")?,
        }
        let floor = |percentile| time(self.delay_ns(percentile));
        write!(
            f,
            "  no tail below {} at p99, {} at p99.9 and {} beyond can be trusted",
            floor(Percentile::P99),
            floor(Percentile::P999),
            floor(Percentile::Max),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(cpus: usize) -> NoiseFloor {
        let cpu = |cpu| CpuNoise {
            cpu,
            pinned: cpu != 1,
            hiccups_per_second: 250.0,
            longest_ns: 4_000_000,
            lost_share: 0.001 * (cpu + 1) as f64,
            p99_delay_ns: 0,
            p999_delay_ns: 40_000 * (cpu as u64 + 1),
        };
        NoiseFloor { watched_s: 0.5, cpus: (0..cpus).map(cpu).collect() }
    }

    #[test]
    fn each_cpu_has_a_line_and_the_worst_one_counts() {
        let text = noise(2).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].contains("CPU 0") && lines[1].contains("250.0 hiccups/s"), "{text}");
        assert!(lines[1].ends_with("waits 0 at p99, 40.0 us at p99.9"), "{text}");
        assert!(lines[2].ends_with("80.0 us at p99.9 (not pinned)"), "{text}");
        assert_eq!(
            lines[3],
            "  no tail below 0 at p99, 80.0 us at p99.9 and 4.00 ms beyond can be trusted"
        );
    }

    #[test]
    fn of_many_cpus_the_worst_are_shown() {
        let text = noise(40).to_string();
        assert_eq!(text.lines().count(), SHOWN + 3, "{text}");
        assert!(text.contains("CPU 24 ") && !text.contains("CPU 23 "), "{text}");
        assert!(text.contains("24 other CPUs lost less"), "{text}");
    }

    #[test]
    fn a_percentile_that_leaves_out_more_than_was_lost_has_no_floor() {
        let noise = noise(1);
        assert_eq!(noise.delay_ns(Percentile::P99), 0);
        assert_eq!(noise.delay_ns(Percentile::P9999), 4_000_000);
        assert_eq!(NoiseFloor::default().delay_ns(Percentile::Max), 0);
        let half = CpuNoise { lost_share: 0.6, p99_delay_ns: 7, ..CpuNoise::default() };
        assert_eq!(half.delay_ns(Percentile::P50), 7);
        let third = CpuNoise { lost_share: 0.3, ..half };
        assert_eq!((third.delay_ns(Percentile::P50), third.delay_ns(Percentile::P90)), (0, 7));
    }
}
