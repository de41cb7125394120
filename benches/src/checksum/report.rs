//! What a run looks like on paper.

use std::io::{self, Write};
use std::time::Duration;

use executor_common::{RoleMetrics, WorkerMetrics, imbalance, utilisation};

use super::executors::Run;

/// Writes what one run did: totals, a line per worker, a line per role.
pub(super) fn write_run(out: &mut impl Write, run: &Run, rounds: usize) -> io::Result<()> {
    writeln!(out)?;
    writeln!(
        out,
        "{} (round {} of {rounds}, its median)",
        run.executor.to_uppercase(),
        run.round + 1
    )?;
    writeln!(
        out,
        "  {} files, {} bytes, {} unreadable, wall {}, {:.1} MB/s",
        run.files(),
        run.bytes(),
        run.outcomes.len() - run.files(),
        seconds(run.wall),
        run.megabytes_per_second(),
    )?;
    for line in &run.placement {
        writeln!(out, "  placement: {line}")?;
    }
    writeln!(
        out,
        "  {:<8}{:<10}{:>10}{:>12}{:>13}{:>10}{:>10}",
        "worker", "role", "tasks", "busy", "utilisation", "steals", "parks"
    )?;
    for worker in &run.metrics.workers {
        write_worker(out, worker, run.wall)?;
    }
    let workers = &run.metrics.workers;
    writeln!(
        out,
        "  imbalance {:.2} over all workers (busiest worker's busy time / mean)",
        imbalance(workers.iter().map(|worker| worker.busy))
    )?;
    writeln!(
        out,
        "  {:<10}{:>10}{:>10}{:>12}{:>13}{:>12}",
        "role", "workers", "tasks", "busy", "utilisation", "imbalance"
    )?;
    for role in &run.metrics.roles {
        write_role(out, role, workers, run.wall)?;
    }
    Ok(())
}

fn write_worker(out: &mut impl Write, worker: &WorkerMetrics, wall: Duration) -> io::Result<()> {
    writeln!(
        out,
        "  {:<8}{:<10}{:>10}{:>12}{:>12.1}%{:>10}{:>10}",
        worker.index,
        worker.role.map_or("any", |role| role.name()),
        worker.tasks_run,
        seconds(worker.busy),
        100.0 * utilisation(worker.busy, wall, 1),
        worker.steals,
        worker.parks,
    )
}

fn write_role(
    out: &mut impl Write,
    role: &RoleMetrics,
    workers: &[WorkerMetrics],
    wall: Duration,
) -> io::Result<()> {
    // A label of an SMP executor has no workers of its own: all serve it.
    let own = || workers.iter().filter(|worker| worker.role.is_some() && worker.role == role.role);
    let serving = if own().count() == 0 { workers.len() } else { own().count() };
    let balance = match own().count() {
        0 => "-".to_owned(),
        _ => format!("{:.2}", imbalance(own().map(|worker| worker.busy))),
    };
    writeln!(
        out,
        "  {:<10}{:>10}{:>10}{:>12}{:>12.1}%{:>12}",
        role.role.map_or("-", |role| role.name()),
        serving,
        role.tasks_run,
        seconds(role.busy),
        100.0 * utilisation(role.busy, wall, serving),
        balance,
    )
}

/// Writes a line per executor, the second one relative to the first, and what the lines are worth.
pub(super) fn write_comparison(out: &mut impl Write, runs: &[Vec<Run>]) -> io::Result<()> {
    let [first, second] = runs else { return Ok(()) };
    let (Some(reference), Some(other)) = (median(first), median(second)) else { return Ok(()) };
    writeln!(out)?;
    write_line(out, first, reference, "")?;
    let ratio = other.wall.as_secs_f64() / reference.wall.as_secs_f64();
    let relation =
        format!(", {ratio:.2} times the wall time of {}", reference.executor.to_uppercase());
    write_line(out, second, other, &relation)?;
    writeln!(
        out,
        "(rounds interleaved in one process, after an untimed read of all files that fills the page cache;\n \
         one invocation on one machine: repeat it before you believe a small difference)"
    )
}

fn write_line(out: &mut impl Write, runs: &[Run], median: &Run, relation: &str) -> io::Result<()> {
    let walls = || runs.iter().map(|run| run.wall);
    writeln!(
        out,
        "{:<4} median {} ({} to {} over {} rounds), {:.1} MB/s{relation}",
        median.executor.to_uppercase(),
        seconds(median.wall),
        seconds(walls().min().unwrap_or_default()),
        seconds(walls().max().unwrap_or_default()),
        runs.len(),
        median.megabytes_per_second(),
    )
}

/// The run of median wall time; of an even number, the faster one of the middle.
pub(super) fn median(runs: &[Run]) -> Option<&Run> {
    let mut sorted: Vec<&Run> = runs.iter().collect();
    sorted.sort_by_key(|run| run.wall);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use executor_common::{ExecutorMetrics, Role};

    fn run_of(wall_ms: u64) -> Run {
        Run {
            executor: "smp",
            round: 0,
            wall: Duration::from_millis(wall_ms),
            outcomes: Vec::new(),
            metrics: ExecutorMetrics::default(),
            placement: Vec::new(),
        }
    }

    #[test]
    fn the_median_is_a_run_that_took_place() {
        let wall = |list: &[u64]| {
            let runs: Vec<Run> = list.iter().map(|wall| run_of(*wall)).collect();
            median(&runs).map(|run| run.wall.as_millis())
        };
        assert_eq!(wall(&[]), None);
        assert_eq!(wall(&[5]), Some(5));
        assert_eq!(wall(&[9, 1]), Some(1));
        assert_eq!(wall(&[9, 1, 5]), Some(5));
    }

    #[test]
    fn a_role_is_as_wide_as_the_workers_that_serve_it() {
        const IO: Role = Role::new("io");
        let mut role = RoleMetrics::default();
        role.role = Some(IO);
        role.busy = Duration::from_secs(1);
        let mut workers = vec![WorkerMetrics::default(), WorkerMetrics::default()];
        let line = |workers: &[WorkerMetrics]| {
            let mut text = Vec::new();
            write_role(&mut text, &role, workers, Duration::from_secs(1)).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert!(line(&workers).contains(" 50.0%"), "a label is served by both");
        workers[0].role = Some(IO);
        workers[0].busy = Duration::from_secs(1);
        assert!(line(&workers).contains("100.0%"), "one worker is the role's own");
    }
}
