//! Workload files.

use std::path::Path;

use amp_executor::Machine;
use benches::compare::Workload;
use benches::compare::workload::Executor;
use executor_common::cpu::Topology;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Paths lead out of here: to a directory with all files of the machine, or to a run of cargo.
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    if text.contains('\\') || words.any(|word| word == "read" || word == "trace") {
        return;
    }
    let machine = Machine::whole(Topology::builder().cores_per_package(4).build());
    match Workload::from_toml(text, Path::new("w.toml"), &machine) {
        Ok(workload) => check_workload(&workload),
        Err(error) => {
            assert!(!error.problems().is_empty());
            for problem in error.problems() {
                assert!(!problem.reason().is_empty());
                let (Some(line), Some(column)) = (problem.line(), problem.column()) else {
                    panic!("{problem:?} is somewhere");
                };
                let line = text.split('\n').nth(line - 1).expect("a line of the text");
                assert!((1..=line.chars().count() + 1).contains(&column), "{problem:?}");
            }
            assert!(error.to_string().starts_with("w.toml:"));
        }
    }
}

/// What can be run makes sense.
fn check_workload(workload: &Workload) {
    assert!(!workload.classes.is_empty() && !workload.layouts.is_empty());
    assert!(workload.warm_up < workload.time);
    assert!(workload.roots().next().is_some(), "something runs");
    for class in 0..workload.classes.len() {
        let tasks = workload.tasks_per_request(class);
        assert_eq!(tasks.len(), workload.classes.len());
        assert!(tasks.iter().all(|tasks| tasks.is_finite() && *tasks >= 0.0), "{tasks:?}");
        assert!(tasks[class] == 1.0, "a request is a task of its own class");
    }
    for layout in &workload.layouts {
        let Executor::Amp(plan) = &layout.executor else { continue };
        for class in &workload.classes {
            assert!(plan.roles().any(|config| config.role() == class.role), "{layout:?}");
        }
        assert!(plan.roles().all(|config| config.core_set().iter().all(|cpu| cpu < 4)));
    }
}
