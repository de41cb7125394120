//! Random workload files: none makes the reader panic, and what can be run is read as it was written.

use std::path::Path;
use std::time::Duration;

use amp_executor::Machine;
use benches::compare::workload::{Arrival, Objective, Percentile, Problem, Process, Rate, Service};
use benches::compare::{Workload, WorkloadError};
use executor_common::cpu::Topology;
use proptest::prelude::*;

/// A file that can be run.
const RIGHT: &str = include_str!("workload_files/right.toml");

fn read(text: &str) -> Result<Workload, WorkloadError> {
    let machine = Machine::whole(Topology::builder().cores_per_package(2).build());
    Workload::from_toml(text, Path::new("w.toml"), &machine)
}

/// Pieces of files.
fn piece() -> impl Strategy<Value = String> {
    let word = "[0-9a-z%<µé. -]{0,8}".prop_map(|word| format!("{word:?}"));
    let mark = prop::sample::select(vec![
        "",
        "0",
        "-1",
        "nan",
        "1e308",
        "true",
        "\"",
        "'''",
        "=",
        "{",
        "}",
        "[",
        "]",
        "[[class]]",
        "[[layout]]",
        "name",
        "\n",
        "é",
        ".",
        ",",
        "#",
        "[1, 2]",
        "{ count = 1 }",
        "18446744073709551616",
        "0x7f",
        "1979-05-27",
    ]);
    prop_oneof![word, mark.prop_map(str::to_owned), "\\PC{0,6}"]
}

proptest! {
    #[test]
    fn no_text_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let error = read(&String::from_utf8_lossy(&bytes)).unwrap_err();
        prop_assert!(!error.problems().is_empty());
    }

    #[test]
    fn no_spoilt_file_panics(cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..20_usize, piece()), 1..4)) {
        let mut text = RIGHT.to_owned();
        for (at, length, piece) in cuts {
            let from = text.floor_char_boundary(at.index(text.len()));
            let to = text.floor_char_boundary((from + length).min(text.len()));
            text.replace_range(from..to, &piece);
        }
        if let Err(error) = read(&text) {
            prop_assert!(!error.problems().is_empty());
            let is_inside = |problem: &Problem| {
                (1..=text.split('\n').count()).contains(&problem.line().unwrap())
            };
            prop_assert!(error.problems().iter().all(is_inside), "{}", error);
            prop_assert!(error.to_string().starts_with("w.toml:"));
        }
    }

    #[test]
    fn no_word_panics(word in "[0-9]{0,3}[0-9a-zA-Z%<µé. +-]{0,8}") {
        for field in [
            "time = ", "warm_up = ", "goal = ",
            "class.name = ", "class.role = ", "class.then = ", "class.deadline = ", "class.slo = ",
            "class.arrival.closed = ", "class.arrival.poisson = ", "class.arrival.every = ",
            "class.service.fixed = ", "class.service.sha256 = ", "class.service.zstd = ",
            "layout.roles = ", "layout.cores.a = ", "layout.cores.a.sched = ",
        ] {
            // A class or a layout is a table in an array.
            let text = match field.split_once('.') {
                Some((table, field)) => format!("[[{table}]]\n{field}{word:?}"),
                None => format!("{field}{word:?}"),
            };
            let error = read(&text).unwrap_err();
            prop_assert!(!error.problems().is_empty());
        }
    }

    #[test]
    fn numbers_are_read_as_they_were_written(
        clients in 1..1_000_000_usize,
        rate in 1.0..1e6_f64,
        size in 1..1_000_000_usize,
        times in prop::array::uniform4(1..500_000_u64),
        count in 1..1000_usize,
        chance in 0.001..1.0_f64,
        seed: u64,
    ) {
        let [median, below, deadline, warm_up] = times.map(Duration::from_micros);
        let [median_us, below_us, deadline_us, warm_up_us] = times;
        let text = format!(
            r#"
seed = {seed}
warm_up = "{warm_up_us}us"
class = [
    {{ name = "a", arrival = {{ closed = {clients} }}, service = {{ lognormal = "{median_us}us", sigma = {chance} }}, slo = "p99.9 < {below_us}us" }},
    {{ name = "b", arrival = {{ poisson = {rate} }}, service = {{ sha256 = {size} }}, deadline = "{deadline_us}us", spawns = [{{ class = "c", count = {count}, chance = {chance} }}] }},
    {{ name = "c", service = {{ sort = {size} }} }},
]
"#
        );
        let workload = read(&text).unwrap();
        prop_assert_eq!((workload.seed, workload.warm_up), (seed, warm_up));
        let [a, b, c] = &workload.classes[..] else { panic!() };
        prop_assert_eq!(&a.arrival, &Some(Arrival::Closed { clients }));
        prop_assert_eq!(&a.service, &Service::Lognormal { median, sigma: chance });
        prop_assert_eq!(&a.objectives, &[Objective { percentile: Percentile::P999, below }]);
        let expected = Arrival::Open {
            process: Process::Poisson,
            rate: Rate::PerSecond(rate),
            factors: Vec::new(),
            step: Duration::ZERO,
        };
        prop_assert_eq!(&b.arrival, &Some(expected));
        prop_assert_eq!(&b.service, &Service::Sha256 { bytes: size });
        prop_assert_eq!(b.deadline, Some(deadline));
        let [spawned] = b.spawns[..] else { panic!() };
        prop_assert_eq!((spawned.class, spawned.count, spawned.chance), (2, count, chance));
        prop_assert_eq!(&c.service, &Service::Sort { elements: size });
        prop_assert_eq!(workload.tasks_per_request(1), [0.0, 1.0, count as f64 * chance]);
    }
}
