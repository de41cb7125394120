//! Times, sizes, shares, names, objectives and role lists, as the fields of a workload file.

use std::path::Path;
use std::time::Duration;

use amp_executor::Machine;
use benches::compare::Workload;
use benches::compare::workload::{Arrival, Class, Rate, Service};
use executor_common::cpu::Topology;

const HOUR: Duration = Duration::from_secs(3600);

/// A field for the value, and what holds of a workload where it was taken.
type Place = (&'static str, fn(&Class) -> bool);

const PLACES: [Place; 12] = [
    ("deadline = VALUE", |class| {
        class.deadline.is_some_and(|time| !time.is_zero() && time <= HOUR)
    }),
    ("slo = VALUE", |class| {
        let in_range = |time: Duration| !time.is_zero() && time <= HOUR;
        class.objectives.iter().all(|objective| in_range(objective.below))
    }),
    (
        "service = { fixed = VALUE }",
        |class| matches!(class.service, Service::Fixed(time) if !time.is_zero() && time <= HOUR),
    ),
    ("service = { sha256 = VALUE }", |class| {
        matches!(class.service, Service::Sha256 { bytes: 1..=0x4000_0000 })
    }),
    ("service = { sort = VALUE }", |class| {
        matches!(class.service, Service::Sort { elements: 1..=0x800_0000 })
    }),
    (
        "service = { lognormal = \"1us\", sigma = VALUE }",
        |class| matches!(class.service, Service::Lognormal { sigma, .. } if (0.0..=4.0).contains(&sigma)),
    ),
    ("service = { bimodal = [\"1us\", \"2us\"], long = VALUE }", |class| {
        matches!(class.service, Service::Bimodal { long_share, .. }
            if long_share > 0.0 && long_share < 1.0)
    }),
    ("arrival = { closed = VALUE }", |class| {
        matches!(class.arrival, Some(Arrival::Closed { clients: 1..=1_000_000 }))
    }),
    ("arrival = { poisson = VALUE }", |class| match class.arrival {
        Some(Arrival::Open { rate: Rate::PerSecond(rate), .. }) => rate > 0.0 && rate <= 1e7,
        Some(Arrival::Open { rate: Rate::Share(share), .. }) => share > 0.0 && share <= 10.0,
        _ => false,
    }),
    ("arrival = { bursts = 10, every = VALUE }", |class| {
        matches!(class.arrival, Some(Arrival::Open { rate: Rate::PerSecond(rate), .. })
            if rate > 0.0 && rate <= 1e7)
    }),
    ("role = VALUE", |class| (1..=64).contains(&class.role.name().len())),
    ("spawns = [{ class = \"b\", chance = VALUE }]", |class| {
        class.spawns.iter().all(|each| each.chance > 0.0 && each.chance <= 1.0)
    }),
];

pub(crate) fn check(data: &[u8]) {
    let Some((form, data)) = data.split_first() else { return };
    let Ok(value) = std::str::from_utf8(data) else { return };
    // As it is for numbers and arrays, or as a string.
    let value = if form.is_multiple_of(2) {
        if value.contains(['\n', '\r', '#', '}']) {
            return;
        }
        value.to_owned()
    } else {
        quoted(value)
    };
    let machine = Machine::whole(Topology::builder().cores_per_package(2).build());
    for (field, holds) in PLACES {
        let field = field.replace("VALUE", &value);
        let others = [("service", "{ fixed = \"1us\" }"), ("arrival", "{ closed = 1 }")];
        let others = others.iter().filter(|(name, _)| !field.starts_with(name));
        let others: String = others.map(|(name, value)| format!("{name} = {value}\n")).collect();
        let text = format!(
            "[[class]]\nname = \"a\"\n{others}{field}\n\
             [[class]]\nname = \"b\"\narrival = {{ closed = 1 }}\nservice = {{ fixed = \"1us\" }}\n"
        );
        match Workload::from_toml(&text, Path::new("w.toml"), &machine) {
            Ok(workload) => assert!(holds(&workload.classes[0]), "{text}{workload:?}"),
            Err(error) => {
                assert!(!error.problems().is_empty());
                assert!(error.to_string().starts_with("w.toml:"));
            }
        }
    }
}

/// As a string of TOML.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
