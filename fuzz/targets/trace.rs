//! Files of timestamps, through the workload that names one.

use std::fs;
use std::time::Duration;

use amp_executor::Machine;
use benches::compare::workload::Arrival;
use benches::compare::{Workload, arrival};
use executor_common::cpu::Topology;

const WORKLOAD: &str = r#"
time = "1s"
class = [{ name = "a", arrival = { trace = "times.txt" }, service = { fixed = "1us" } }]
"#;

pub(crate) fn check(data: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let times = directory.path().join("times.txt");
    fs::write(&times, data).unwrap();
    let machine = Machine::whole(Topology::builder().build());
    let origin = directory.path().join("w.toml");
    match Workload::from_toml(WORKLOAD, &origin, &machine) {
        Ok(workload) => {
            let Some(arrival @ Arrival::Trace { times, .. }) = &workload.classes[0].arrival else {
                panic!("another arrival: {:?}", workload.classes[0].arrival);
            };
            assert!(times.is_sorted() && times[0] < workload.time);
            let entries = data.split(|byte| *byte == b'\n').filter(|line| {
                let text = line.split(|byte| *byte == b'#').next().unwrap_or_default();
                !String::from_utf8_lossy(text).trim().is_empty()
            });
            assert_eq!(times.len(), entries.count(), "a time for each line");
            check_instants(arrival, times, workload.time);
        }
        Err(error) => {
            let [problem] = error.problems() else { panic!("{error}") };
            assert!(problem.field().contains("trace"), "{error}");
            assert!(problem.reason().contains("times.txt"), "{error}");
        }
    }
}

fn check_instants(arrival: &Arrival, times: &[Duration], end: Duration) {
    let instants = arrival::instants(arrival, 0.0, 1.0, end, 1);
    assert_eq!(instants.len(), times.iter().filter(|time| **time < end).count());
    for scale in [0.001, 0.5, 3.0, 1e9] {
        let instants = arrival::instants(arrival, 0.0, scale, end, 1);
        assert!(instants.is_sorted() && instants.iter().all(|instant| *instant < end));
        assert!(arrival::mean_rate(arrival, 0.0, scale, end).is_finite());
    }
}
