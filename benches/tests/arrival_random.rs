//! Random arrivals: as many requests as their rate says, in order, within the time.

use std::path::PathBuf;
use std::time::Duration;

use benches::compare::arrival::{describe, instants, mean_rate};
use benches::compare::workload::{Arrival, Process, Rate};
use proptest::prelude::*;

/// Up to some ten thousand requests.
fn any_open() -> impl Strategy<Value = Arrival> {
    let process = prop_oneof![
        Just(Process::Regular),
        Just(Process::Poisson),
        (1_usize..200).prop_map(|size| Process::Bursts { size }),
    ];
    let factors = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(prop_oneof![Just(0.0), 0.01..4.0_f64], 1..6),
    ];
    let rate = prop_oneof![1.0..5_000.0_f64, Just(1_000.0)];
    (process, rate, factors, 1_u64..500).prop_map(|(process, rate, factors, step)| Arrival::Open {
        process,
        rate: Rate::PerSecond(rate),
        factors,
        step: Duration::from_millis(step),
    })
}

fn any_length() -> impl Strategy<Value = Duration> {
    (1_u64..2_000).prop_map(Duration::from_millis)
}

proptest! {
    #[test]
    fn open_arrivals_have_their_rate(
        arrival in any_open(), time in any_length(), scale in 0.1..3.0_f64, seed: u64
    ) {
        let Arrival::Open { process, factors, .. } = &arrival else { unreachable!() };
        // Nothing would come at all, ever.
        prop_assume!(factors.is_empty() || factors.iter().any(|factor| *factor > 0.0));
        let found = instants(&arrival, 0.0, scale, time, seed);
        prop_assert!(found.is_sorted() && found.iter().all(|instant| *instant < time));
        prop_assert_eq!(&found, &instants(&arrival, 0.0, scale, time, seed));
        let expected = mean_rate(&arrival, 0.0, scale, time) * time.as_secs_f64();
        prop_assert!(expected.is_finite() && expected >= 0.0);
        let off = found.len() as f64 - expected;
        match process {
            // The first one comes at once, and the last one has its whole distance before the end or not.
            Process::Regular => prop_assert!((-1e-3..=1.001).contains(&off), "{off}"),
            Process::Bursts { size } => {
                prop_assert!((-1e-3..=*size as f64 + 1e-3).contains(&off), "{off}");
                prop_assert_eq!(found.len() % size, 0);
            }
            // Eight standard deviations: one in 10^15.
            Process::Poisson => {
                prop_assert!(off.abs() <= 8.0 * expected.sqrt() + 30.0, "{off} of {expected}");
            }
        }
        prop_assert!(!describe(&arrival, 0.0).is_empty());
    }

    #[test]
    fn a_share_is_a_rate_of_the_whole(
        arrival in any_open(), full in 1.0..1e6_f64, time in any_length(), seed: u64
    ) {
        let Arrival::Open { process, rate: Rate::PerSecond(rate), factors, step } = arrival else {
            unreachable!()
        };
        let share = Arrival::Open {
            process, rate: Rate::Share(rate / full), factors: factors.clone(), step
        };
        let same = Arrival::Open {
            process, rate: Rate::PerSecond(rate / full * full), factors, step
        };
        prop_assert_eq!(
            instants(&share, full, 1.0, time, seed),
            instants(&same, 0.0, 1.0, time, seed)
        );
    }

    #[test]
    fn a_trace_loses_only_what_is_too_late(
        mut times in prop::collection::vec(0_u64..4_000_000_000, 0..200), scale in 0.01..100.0_f64
    ) {
        times.sort_unstable();
        let times: Vec<_> = times.into_iter().map(Duration::from_nanos).collect();
        let arrival = Arrival::Trace { file: PathBuf::from("t"), times: times.clone() };
        let end = Duration::from_secs(1);
        let found = instants(&arrival, 0.0, scale, end, 1);
        prop_assert!(found.is_sorted() && found.iter().all(|instant| *instant < end));
        for (found, given) in found.iter().zip(&times) {
            prop_assert!((found.as_secs_f64() * scale - given.as_secs_f64()).abs() < 1e-6);
        }
        let clearly_late = times[found.len()..].iter().all(|time| {
            time.as_secs_f64() / scale > end.as_secs_f64() - 1e-8
        });
        prop_assert!(clearly_late);
        prop_assert_eq!(mean_rate(&arrival, 0.0, scale, end), found.len() as f64);
    }
}
