//! Rates, distances and texts.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn open(process: Process, rate: f64) -> Arrival {
    varying(process, rate, &[], Duration::ZERO)
}

fn varying(process: Process, rate: f64, factors: &[f64], step: Duration) -> Arrival {
    Arrival::Open { process, rate: Rate::PerSecond(rate), factors: factors.to_vec(), step }
}

fn trace(times_ms: &[u64]) -> Arrival {
    let times = times_ms.iter().copied().map(Duration::from_millis).collect();
    Arrival::Trace { file: "requests.txt".into(), times }
}

/// Instants that nothing but the arrival and the time decides.
fn plain(arrival: &Arrival, time: Duration) -> Vec<Duration> {
    let instants = instants(arrival, 0.0, 1.0, time, 1);
    assert!(instants.is_sorted());
    assert!(instants.iter().all(|instant| *instant < time));
    instants
}

fn by_step(instants: &[Duration], step: Duration, steps: u32) -> Vec<usize> {
    let in_step = |index| {
        instants.iter().filter(|at| (step * index..step * (index + 1)).contains(*at)).count()
    };
    (0..steps).map(in_step).collect()
}

#[test]
fn closed_loops_have_no_instants() {
    let closed = Arrival::Closed { clients: 3 };
    assert_eq!(plain(&closed, SECOND), []);
    assert_eq!(mean_rate(&closed, 100.0, 1.0, SECOND), 0.0);
}

#[test]
fn regular_requests_are_as_many_as_asked_for() {
    for (rate, seconds, count) in [
        (1000.0, 2, 2000),
        (3.0, 7, 21),
        (49.0, 1, 49),
        (0.7, 10, 7),
        (1.1, 10, 11),
        (0.1, 30, 3),
        (1e6, 1, 1_000_000),
        (0.01, 1, 1),
    ] {
        let instants = plain(&open(Process::Regular, rate), SECOND * seconds);
        assert_eq!(instants.len(), count, "{rate} per second for {seconds} s");
    }
    let every_10_ms = plain(&open(Process::Regular, 100.0), SECOND);
    let expected: Vec<_> = (0..100).map(|tick| Duration::from_millis(10 * tick)).collect();
    assert_eq!(every_10_ms, expected);
}

#[test]
fn poisson_requests_have_their_rate_and_exponential_distances() {
    for seed in 0..20 {
        let instants = instants(&open(Process::Poisson, 10_000.0), 0.0, 1.0, 10 * SECOND, seed);
        assert!(instants.is_sorted());
        let (count, expected) = (instants.len() as f64, 100_000_f64);
        assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{count} with seed {seed}");

        let gaps: Vec<_> =
            instants.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        let dispersion = variance.sqrt() / mean;
        assert!((dispersion - 1.0).abs() < 0.02, "{dispersion} with seed {seed}");
        let below_mean = gaps.iter().filter(|gap| **gap < mean).count() as f64 / count;
        assert!((below_mean - 0.632).abs() < 0.01, "{below_mean} with seed {seed}");
    }
}

#[test]
fn bursts_come_at_once_and_as_often_as_the_rate_of_requests_says() {
    let bursts = plain(&open(Process::Bursts { size: 32 }, 640.0), SECOND);
    let expected: Vec<_> = (0..20)
        .flat_map(|burst| std::iter::repeat_n(Duration::from_millis(50 * burst), 32))
        .collect();
    assert_eq!(bursts, expected);
}

#[test]
fn factors_multiply_the_rate_in_their_steps() {
    let (factors, step) = ([1.0, 0.0, 2.5], Duration::from_millis(100));
    let time = Duration::from_millis(650);
    let rate = 100_000.0;
    let expected = [10_000, 0, 25_000, 10_000, 0, 25_000, 5_000];
    for process in [Process::Regular, Process::Poisson, Process::Bursts { size: 10 }] {
        let arrival = varying(process, rate, &factors, step);
        let by_step = by_step(&plain(&arrival, time), step, 7);
        let tolerated = |expected: usize| match process {
            Process::Regular => 1.0,
            Process::Poisson => 5.0 * (expected as f64).sqrt(),
            Process::Bursts { size } => size as f64,
        };
        for (count, expected) in by_step.iter().zip(expected) {
            assert!(count.abs_diff(expected) as f64 <= tolerated(expected), "{by_step:?}");
        }
        assert_eq!(by_step[1], 0);
    }
    let arrival = varying(Process::Regular, rate, &factors, step);
    let requests = mean_rate(&arrival, 0.0, 1.0, time) * time.as_secs_f64();
    assert!((requests - 75_000.0).abs() < 1e-3, "{requests}");
}

#[test]
fn a_time_without_any_rate_has_no_requests() {
    let never = varying(Process::Poisson, 1000.0, &[0.0, 0.0], Duration::from_millis(10));
    assert_eq!(plain(&never, SECOND), []);
    assert_eq!(mean_rate(&never, 0.0, 1.0, SECOND), 0.0);
    assert_eq!(plain(&open(Process::Regular, 0.0), SECOND), []);
}

#[test]
fn a_scale_multiplies_the_rate() {
    let half_full = Arrival::Open {
        process: Process::Regular,
        rate: Rate::Share(0.5),
        factors: Vec::new(),
        step: Duration::ZERO,
    };
    assert_eq!(instants(&half_full, 2000.0, 1.0, SECOND, 1).len(), 1000);
    assert_eq!(instants(&half_full, 2000.0, 0.2, SECOND, 1).len(), 200);
    assert_eq!(mean_rate(&half_full, 2000.0, 1.2, SECOND), 1200.0);
}

#[test]
fn a_scale_moves_the_same_poisson_requests_closer() {
    let poisson = open(Process::Poisson, 1000.0);
    let slow = instants(&poisson, 0.0, 1.0, SECOND, 7);
    let fast = instants(&poisson, 0.0, 2.0, SECOND, 7);
    assert!(fast.len() > slow.len());
    for (slow, fast) in slow.iter().zip(&fast) {
        assert!(slow.abs_diff(*fast * 2) < Duration::from_nanos(3), "{slow:?} {fast:?}");
    }
}

#[test]
fn a_trace_is_as_it_is() {
    let trace = trace(&[0, 1, 1, 7, 999, 1000, 1500]);
    let expected = [0, 1, 1, 7, 999].map(Duration::from_millis);
    assert_eq!(plain(&trace, SECOND), expected);
    assert_eq!(mean_rate(&trace, 0.0, 1.0, SECOND), 5.0);
}

#[test]
fn a_scale_makes_a_trace_faster() {
    let trace = trace(&[0, 1, 1, 7, 999, 1000, 1500, 2000]);
    let twice = instants(&trace, 0.0, 2.0, SECOND, 1);
    let expected = [0, 500, 500, 3500, 499_500, 500_000, 750_000].map(Duration::from_micros);
    assert_eq!(twice, expected);
    assert_eq!(mean_rate(&trace, 0.0, 2.0, SECOND), 7.0);
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let poisson = open(Process::Poisson, 1000.0);
    let of_seed = |seed| instants(&poisson, 0.0, 1.0, SECOND, seed);
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
    // A longer time only adds requests.
    let longer = instants(&poisson, 0.0, 1.0, 2 * SECOND, 1);
    assert!(longer.starts_with(&of_seed(1)));
}

#[test]
#[should_panic(expected = "a rate of inf per second")]
fn an_infinite_rate_is_refused() {
    instants(&open(Process::Poisson, f64::INFINITY), 0.0, 1.0, SECOND, 1);
}

#[test]
fn descriptions_are_short() {
    let step = Duration::from_millis(500);
    let share = Arrival::Open {
        process: Process::Poisson,
        rate: Rate::Share(0.625),
        factors: vec![0.5, 1.0, 2.0],
        step,
    };
    for (arrival, description) in [
        (Arrival::Closed { clients: 1 }, "closed, 1 client"),
        (Arrival::Closed { clients: 6400 }, "closed, 6,400 clients"),
        (open(Process::Poisson, 2000.0), "Poisson, 2,000 per second"),
        (open(Process::Poisson, 0.25), "Poisson, 0.25 per second"),
        (open(Process::Poisson, 60.0), "Poisson, 60 per second"),
        (open(Process::Regular, 1000.0), "every 1ms"),
        (open(Process::Regular, 0.5), "every 2s"),
        (open(Process::Regular, 60.0), "regular, 60 per second"),
        (open(Process::Regular, 3e6), "regular, 3,000,000 per second"),
        (open(Process::Bursts { size: 32 }, 640.0), "32 at once, every 50ms"),
        (open(Process::Bursts { size: 2 }, 60.0), "2 at once, 60 per second"),
        (
            varying(Process::Regular, 1000.0, &[1.0, 2.0], step),
            "every 1ms, times 1, 2 for 500ms each",
        ),
        (share, "Poisson, 500 per second (62.5 % of capacity), times 0.5, 1, 2 for 500ms each"),
        (trace(&[1, 2]), "trace requests.txt, 2 requests"),
    ] {
        assert_eq!(describe(&arrival, 800.0), description);
    }
}
