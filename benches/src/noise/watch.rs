//! The threads, and what they see.

use std::thread;
use std::time::{Duration, Instant};

use executor_common::cpu::{CpuControl, CpuSet, SystemCpus, cpu_quota};

use super::gaps::wait_ns;
use super::{CpuNoise, NoiseFloor};

/// A gap of so much between two readings of the clock is a hiccup: far more than a reading takes, or a page fault.
const HICCUP: Duration = Duration::from_micros(10);

/// Watches the CPUs, for about `time` in all. A CPU that no thread can be started for is left out; a thread that cannot be pinned
/// watches whatever CPU it is on, and says so.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let cpus = benches::Hardware::read().allowed;
/// let noise = benches::noise::measure(Duration::from_millis(5), &cpus);
/// assert_eq!(noise.cpus.len(), cpus.len());
/// println!("{noise}");
/// ```
pub fn measure(time: Duration, cpus: &CpuSet) -> NoiseFloor {
    let all: Vec<_> = cpus.iter().collect();
    // The whole CPUs that are paid for.
    let at_once = cpu_quota().map_or(usize::MAX, |quota| quota as usize).max(1);
    let groups: Vec<_> = all.chunks(at_once).collect();
    let each = time / u32::try_from(groups.len().max(1)).unwrap_or(u32::MAX);
    let watched = groups.into_iter().flat_map(|group| watch_together(each, group));
    NoiseFloor { watched_s: each.as_secs_f64(), cpus: watched.collect() }
}

fn watch_together(time: Duration, cpus: &[usize]) -> Vec<CpuNoise> {
    thread::scope(|scope| {
        let spawn = |cpu: &usize| {
            let cpu = *cpu;
            let name = format!("noise-{cpu}");
            thread::Builder::new().name(name).spawn_scoped(scope, move || watch(time, cpu)).ok()
        };
        let threads: Vec<_> = cpus.iter().filter_map(spawn).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// Watches one CPU. Each thread has its own end, so that none waits for another one.
fn watch(time: Duration, cpu: usize) -> CpuNoise {
    let pinned = SystemCpus.pin(cpu).is_ok() && SystemCpus.allows_only(cpu).unwrap_or(false);
    // Room for all, so that no allocation is taken for a hiccup.
    let mut gaps = Vec::with_capacity(4096);
    let start = Instant::now();
    let mut last = start;
    while last - start < time {
        let now = Instant::now();
        let gap = now - last;
        if gap >= HICCUP {
            gaps.push(gap.as_nanos() as u64);
        }
        last = now;
    }
    of_gaps(cpu, pinned, &gaps, (last - start).as_nanos() as u64)
}

fn of_gaps(cpu: usize, pinned: bool, gaps_ns: &[u64], total_ns: u64) -> CpuNoise {
    let total = total_ns.max(1) as f64;
    CpuNoise {
        cpu,
        pinned,
        hiccups_per_second: gaps_ns.len() as f64 * 1e9 / total,
        longest_ns: gaps_ns.iter().copied().max().unwrap_or(0),
        lost_share: gaps_ns.iter().sum::<u64>() as f64 / total,
        p99_delay_ns: wait_ns(gaps_ns, total_ns, 0.99),
        p999_delay_ns: wait_ns(gaps_ns, total_ns, 0.999),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::watchdog::within_a_minute;

    #[test]
    fn what_gaps_say_is_given_per_second_and_as_shares() {
        let noise = of_gaps(3, true, &[50_000, 30_000, 10_000], 1_000_000);
        assert_eq!((noise.cpu, noise.pinned), (3, true));
        assert_eq!(noise.hiccups_per_second, 3_000.0);
        assert_eq!(noise.longest_ns, 50_000);
        assert_eq!(noise.lost_share, 0.09);
        assert_eq!((noise.p99_delay_ns, noise.p999_delay_ns), (40_000, 49_000));
        let none = of_gaps(0, false, &[], 0);
        assert_eq!((none.longest_ns, none.lost_share, none.p99_delay_ns), (0, 0.0, 0));
    }

    #[test]
    fn every_allowed_cpu_is_watched() {
        within_a_minute(|| {
            let cpus = crate::Hardware::read().allowed;
            let noise = measure(Duration::from_millis(10), &cpus);
            assert_eq!(noise.cpus.iter().map(|cpu| cpu.cpu).collect::<CpuSet>(), cpus);
            for cpu in &noise.cpus {
                assert!(cpu.pinned || cfg!(not(target_os = "linux")), "{cpu:?}");
                assert!((0.0..=1.0).contains(&cpu.lost_share), "{cpu:?}");
                assert!(cpu.p99_delay_ns <= cpu.p999_delay_ns, "{cpu:?}");
                assert!(cpu.p999_delay_ns <= cpu.longest_ns, "{cpu:?}");
            }
        });
    }

    #[test]
    fn a_cpu_that_is_not_there_is_watched_without_a_pin() {
        within_a_minute(|| {
            let noise = measure(Duration::from_millis(1), &[CpuSet::MAX_CPU].into_iter().collect());
            assert!(!noise.cpus[0].pinned);
            assert!(measure(Duration::ZERO, &CpuSet::new()).cpus.is_empty());
        });
    }
}
