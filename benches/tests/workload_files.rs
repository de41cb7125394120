//! Workload files: those that come with the program, what can be written, and what is said about files that cannot be run.

use std::path::Path;
use std::time::Duration;

use amp_executor::Machine;
use benches::compare::workload::{
    Arrival, BUILTIN, Executor, Goal, Objective, Percentile, Problem, Process, Rate, Service,
};
use benches::compare::{Layout, Workload, WorkloadError};
use executor_common::cpu::Topology;

/// A file that can be run.
const RIGHT: &str = include_str!("workload_files/right.toml");

/// What can be wrong with it.
const REFUSED: &str = include_str!("workload_files/refused.txt");

fn whole(cpus: usize) -> Machine {
    Machine::whole(Topology::builder().cores_per_package(cpus).build())
}

/// A machine of eight CPUs, of which these may be used.
fn allowed(cpus: &[usize]) -> Machine {
    Machine { allowed: cpus.iter().copied().collect(), ..whole(8) }
}

fn read(text: &str) -> Result<Workload, WorkloadError> {
    Workload::from_toml(text, Path::new("w.toml"), &whole(2))
}

fn right(text: &str, machine: &Machine) -> Workload {
    Workload::from_toml(text, Path::new("w.toml"), machine)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The problems, a line each.
fn told(error: &WorkloadError) -> Vec<String> {
    let told = |problem: &Problem| {
        let place = problem.line().zip(problem.column());
        let place = place.map_or(String::new(), |(line, column)| format!("{line}:{column}: "));
        let separator = if problem.field().is_empty() { "" } else { ": " };
        format!("{place}{}{separator}{}", problem.field(), problem.reason())
    };
    error.problems().iter().map(told).collect()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// One class with this arrival and this service.
fn one_class(arrival: &str, service: &str) -> String {
    format!("[[class]]\nname = \"a\"\narrival = {arrival}\nservice = {service}\n")
}

/// The name and, for those that have roles, the plan.
fn plans(workload: &Workload) -> Vec<(&str, String)> {
    let plan = |layout: &Layout| match &layout.executor {
        Executor::Amp(plan) => plan.to_string(),
        other => other.name().to_owned(),
    };
    workload.layouts.iter().map(|layout| (layout.name.as_str(), plan(layout))).collect()
}

#[test]
fn built_in_workloads_can_be_run_everywhere() {
    for (name, text) in BUILTIN {
        for machine in [whole(1), whole(2), whole(16), whole(128), allowed(&[3, 5, 7])] {
            let workload = Workload::from_toml(text, Path::new(&format!("{name}.toml")), &machine)
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(workload.name, name);
            assert_eq!(Workload::builtin(name), Some(text));
            assert_eq!(workload.layouts[0].executor.name(), "smp");
            let executors: Vec<_> =
                workload.layouts.iter().map(|each| each.executor.name()).collect();
            for executor in ["amp", "rayon", "tokio"] {
                assert!(executors.contains(&executor), "{name}: {executors:?}");
            }
            for layout in &workload.layouts {
                let Executor::Amp(plan) = &layout.executor else { continue };
                let is_scarce = plan.roles().len() > machine.allowed.len();
                assert_eq!(layout.is_oversubscribed(), is_scarce, "{name}: {plan}");
                for config in plan.roles() {
                    assert!(config.core_set().iter().all(|cpu| machine.allowed.contains(cpu)));
                }
            }
        }
    }
}

#[test]
fn all_that_a_file_says_is_kept() {
    let workload = right(RIGHT, &whole(2));
    assert_eq!((workload.name.as_str(), workload.about.as_str()), ("w", "a test"));
    assert_eq!((workload.time, workload.warm_up, workload.seed), (millis(1000), millis(100), 7));
    assert_eq!(workload.goal, Goal::Latency { class: 0, percentile: Percentile::P99 });
    assert_eq!(workload.roots().collect::<Vec<_>>(), [0]);
    assert_eq!(workload.class_index("reply"), Some(2));
    assert_eq!(workload.class_index("none"), None);
    assert_eq!(workload.tasks_per_request(0), [1.0, 0.6, 1.0]);
    assert_eq!(workload.tasks_per_request(1), [0.0, 1.0, 0.0]);
    let tick = &workload.classes[0];
    assert_eq!(
        (tick.role.name(), tick.then, tick.deadline),
        ("realtime", Some(2), Some(millis(1)))
    );
    assert_eq!((tick.spawns[0].class, tick.spawns[0].count, tick.spawns[0].chance), (1, 2, 0.3));
    let objective = |percentile, below| Objective { percentile, below };
    let objectives = [objective(Percentile::P99, millis(2)), objective(Percentile::Max, millis(9))];
    assert_eq!((&tick.objectives[..], tick.scales), (&objectives[..], true));
    let planned = "realtime=0 capacity=4096;db=1 capacity=4096".to_owned();
    assert_eq!(
        plans(&workload),
        [("smp", "smp".to_owned()), ("amp", planned), ("amp-named", "realtime=1;db=0".to_owned())],
    );
}

#[test]
fn what_a_file_does_not_say_is_as_documented() {
    let text = one_class("{ closed = 1 }", "{ fixed = \"1ms\" }");
    let workload = right(&text, &whole(2));
    assert_eq!((workload.about.as_str(), workload.goal), ("w", Goal::Throughput));
    assert_eq!((workload.time, workload.warm_up, workload.seed), (millis(1000), millis(100), 1));
    let class = &workload.classes[0];
    assert_eq!((class.role.name(), class.scales, class.deadline), ("a", true, None));
    let names: Vec<_> = workload.layouts.iter().map(|layout| layout.name.as_str()).collect();
    assert_eq!(names, ["smp", "amp", "rayon", "tokio"], "nobody to lend to");
    let with_slo = text + "slo = \"p90 < 5ms\"\n";
    let goal = Goal::Latency { class: 0, percentile: Percentile::P90 };
    assert_eq!(right(&with_slo, &whole(2)).goal, goal);
}

#[test]
fn all_arrivals_can_be_written() {
    let open =
        |process, rate| Arrival::Open { process, rate, factors: Vec::new(), step: Duration::ZERO };
    let bursts = Process::Bursts { size: 100 };
    let cases = [
        ("{ closed = 64 }", Arrival::Closed { clients: 64 }),
        ("{ closed = \"4 per core\" }", Arrival::Closed { clients: 8 }),
        ("{ regular = 1000 }", open(Process::Regular, Rate::PerSecond(1000.0))),
        ("{ regular = \"20%\" }", open(Process::Regular, Rate::Share(0.2))),
        ("{ every = \"1ms\" }", open(Process::Regular, Rate::PerSecond(1000.0))),
        ("{ every = \"1s\" }", open(Process::Regular, Rate::PerSecond(1.0))),
        ("{ poisson = 2.5e3 }", open(Process::Poisson, Rate::PerSecond(2500.0))),
        ("{ poisson = \"12.5%\" }", open(Process::Poisson, Rate::Share(0.125))),
        ("{ poisson = \"1000%\" }", open(Process::Poisson, Rate::Share(10.0))),
        ("{ bursts = 100, every = \"10ms\" }", open(bursts, Rate::PerSecond(10000.0))),
        ("{ bursts = 100, rate = 500 }", open(bursts, Rate::PerSecond(500.0))),
        ("{ bursts = 100, rate = \"5%\" }", open(bursts, Rate::Share(0.05))),
        (
            "{ poisson = 50, factors = [0, 0.5, 2], step = \"250ms\" }",
            Arrival::Open {
                process: Process::Poisson,
                rate: Rate::PerSecond(50.0),
                factors: vec![0.0, 0.5, 2.0],
                step: millis(250),
            },
        ),
    ];
    for (text, expected) in cases {
        let workload = right(&one_class(text, "{ fixed = \"50us\" }"), &whole(2));
        assert_eq!(workload.classes[0].arrival, Some(expected), "{text}");
    }
}

#[test]
fn all_services_can_be_written() {
    let cases = [
        ("{ fixed = \"50us\" }", Service::Fixed(micros(50))),
        ("{ exponential = \"1.5ms\" }", Service::Exponential { mean: micros(1500) }),
        (
            "{ bimodal = [\"10us\", \"1ms\"], long = \"1%\" }",
            Service::Bimodal { short: micros(10), long: millis(1), long_share: 0.01 },
        ),
        (
            "{ lognormal = \"50us\", sigma = 0 }",
            Service::Lognormal { median: micros(50), sigma: 0.0 },
        ),
        ("{ sha256 = \"64KiB\" }", Service::Sha256 { bytes: 65536 }),
        ("{ zstd = \"1MB\" }", Service::Zstd { bytes: 1_000_000 }),
        ("{ json = 16384 }", Service::Json { bytes: 16384 }),
        ("{ sort = 10_000 }", Service::Sort { elements: 10_000 }),
    ];
    for (text, expected) in cases {
        let workload = right(&one_class("{ closed = 1 }", text), &whole(2));
        assert_eq!(workload.classes[0].service, expected, "{text}");
    }
}

/// Each block of the file is a line of the right file after `- `, what is there instead after `+ `, and the problems that are told.
#[test]
fn what_cannot_be_run_is_refused_with_place_field_and_reason() {
    let mut blocks = 0;
    for block in REFUSED.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let of = |mark: &'static str| block.lines().filter_map(move |l| l.strip_prefix(mark));
        let old = of("- ").next().expect("a line to replace");
        let new: Vec<_> = of("+ ").collect();
        let is_told = |line: &&str| !line.starts_with(['-', '+', '#']);
        let expected: Vec<_> = block.lines().filter(is_told).collect();
        assert_eq!(RIGHT.matches(old).count(), 1, "{old:?}");
        let error = read(&RIGHT.replace(old, &new.join("\n"))).expect_err(block);
        assert_eq!(told(&error), expected, "{block}");
        assert!(error.to_string().starts_with(&format!("w.toml:{}", expected[0])), "{error}");
        blocks += 1;
    }
    assert!(blocks >= 100, "{blocks}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = RIGHT
        .replace("seed = 7", "seed = -7")
        .replace("every = \"1ms\"", "poisson = 0")
        .replace("sigma = 1.5", "sigma = 15")
        .replace("rest", "most");
    let lines: Vec<_> =
        read(&text).unwrap_err().problems().iter().map(|problem| problem.line()).collect();
    assert_eq!(lines, [4, 10, 25, 32].map(Some));
}

#[test]
fn texts_that_are_no_workload_are_refused() {
    assert_eq!(told(&read("").unwrap_err()), ["1:1: `class` is missing"]);
    assert_eq!(told(&read("class = []").unwrap_err()), ["1:9: class: there is none"]);
    let no_layouts = RIGHT.split("[[layout]]").next().unwrap().replacen('\n', "\nlayout = []\n", 1);
    let told_of = told(&read(&no_layouts).unwrap_err());
    assert_eq!(
        told_of,
        ["2:10: layout: none can run; without this field, there are layouts by demand"]
    );
    let many = one_class("{ closed = 1 }", "{ sort = 5 }").repeat(257);
    let told_of = told(&read(&many).unwrap_err());
    assert_eq!(told_of, ["1:1: class: there are 257, and there can be 256"]);
}

#[test]
fn what_makes_too_many_requests_is_refused() {
    let told_of = |arrival, service| {
        told(&read(&format!("time = \"10s\"\n{}", one_class(arrival, service))).unwrap_err())
    };
    assert_eq!(
        told_of("{ poisson = 5e6 }", "{ fixed = \"1us\" }"),
        [
            "4:23: class \"a\".arrival.poisson: that makes 50000000 requests in 10s, and there can be 20000000"
        ],
    );
    assert_eq!(
        told_of("{ poisson = \"100%\" }", "{ fixed = \"1ns\" }"),
        ["4:11: class \"a\".arrival: 2000000000 requests per second are more than 10000000, \
          which no machine can do, at 2000000000.000 per second"],
    );
}

#[test]
fn tasks_that_are_reached_on_two_ways_count_twice() {
    let text = r#"
class = [
    { name = "top", arrival = { closed = 1 }, service = { sort = 1 }, spawns = [{ class = "left", count = 3 }, { class = "right", chance = "50%" }], then = "end" },
    { name = "left", service = { sort = 1 }, spawns = [{ class = "bottom", count = 2 }], then = "end" },
    { name = "right", service = { sort = 1 }, spawns = [{ class = "bottom", count = 4, chance = "25%" }] },
    { name = "bottom", service = { sort = 1 } },
    { name = "end", service = { sort = 1 } },
]
"#;
    let workload = right(text, &whole(2));
    assert_eq!(workload.tasks_per_request(0), [1.0, 3.0, 0.5, 6.5, 4.0]);
    assert_eq!(workload.tasks_per_request(2), [0.0, 0.0, 1.0, 1.0, 0.0]);
    // The top, 33,333 lefts with three more tasks each, a right with four more, and the end.
    let told_of = told(&read(&text.replace("count = 3", "count = 33_333")).unwrap_err());
    let reason = "a request consists of up to 133339 tasks, and there can be 100000";
    assert_eq!(told_of, [format!("3:5: class \"top\": {reason}")]);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("right.toml"), RIGHT.replace("roles = \"realtime=1;db=0\"", "")).unwrap();
    assert_eq!(Workload::from_file(&path("right.toml")).unwrap().name, "right");
    std::fs::write(path("latin.toml"), b"about = \"caf\xe9\"").unwrap();
    std::fs::write(path("large.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    for (name, reason) in
        [("absent.toml", ""), ("latin.toml", "utf-8"), ("large.toml", "larger than 1 MiB")]
    {
        let error = Workload::from_file(&path(name)).unwrap_err();
        assert_eq!((error.file(), error.problems()[0].line()), (path(name).as_path(), None));
        let start = format!("{}: cannot be read: ", path(name).display());
        let shown = error.to_string();
        assert!(shown.starts_with(&start) && shown.contains(reason), "{shown}");
    }
}

#[test]
fn a_trace_is_refused_with_its_own_line() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("times.txt");
    let origin = directory.path().join("w.toml");
    let text = one_class("{ trace = \"times.txt\" }", "{ fixed = \"50us\" }");
    let read = || Workload::from_toml(&text, &origin, &whole(2));

    let reason = told(&read().unwrap_err()).remove(0);
    assert!(
        reason.starts_with("3:21: class \"a\".arrival.trace: ") && reason.contains("times.txt")
    );

    let cases = [
        ("", " has no timestamps"),
        ("# none\n\n", " has no timestamps"),
        ("0.5\nsoon\n", ":2: \"soon\" is no number of seconds after the start"),
        ("0.5 0.6\n", ":1: \"0.5 0.6\" is no number of seconds after the start"),
        ("# first\n-1\n", ":2: -1 is no time after the start"),
        ("nan\n", ":1: nan is no time after the start"),
        ("1e30\n", ":1: 1e30 is no time after the start"),
        ("0\n0.5\n\n0.4\n", ":4: 0.4 comes after a later time; times must ascend"),
    ];
    for (times, reason) in cases {
        std::fs::write(&trace, times).unwrap();
        let expected = format!("3:21: class \"a\".arrival.trace: {}{reason}", trace.display());
        assert_eq!(told(&read().unwrap_err()), [expected]);
    }
    std::fs::write(&trace, "1\n2\n").unwrap();
    let shown = told(&read().unwrap_err()).remove(0);
    assert!(shown.ends_with("is at 1s, and the run ends after 1s"), "{shown}");

    std::fs::write(&trace, " 0 # at once\n\n0.25\n0.25\n3\n").unwrap();
    let times = [0, 250, 250, 3000].map(millis).to_vec();
    let expected = Arrival::Trace { file: trace.clone(), times };
    assert_eq!(read().unwrap().classes[0].arrival, Some(expected));
}

#[test]
fn what_is_to_be_read_must_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let origin = directory.path().join("w.toml");
    let read = |path: &str| {
        let text = one_class("{ closed = 1 }", &format!("{{ read = {path:?} }}"));
        Workload::from_toml(&text, &origin, &whole(2))
    };
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    std::fs::write(directory.path().join("file"), "x").unwrap();
    for (path, reason) in [("absent", "absent"), ("empty", "there is no file in \"empty\"")] {
        let shown = told(&read(path).unwrap_err()).remove(0);
        let start = "4:20: class \"a\".service.read: ";
        assert!(shown.starts_with(start) && shown.contains(reason), "{shown}");
    }
    let files = vec![directory.path().join("file")];
    let workload = read("file").unwrap();
    assert_eq!(workload.classes[0].service, Service::Read { files: files.clone() });
    let Service::Read { files: found } = &read(".").unwrap().classes[0].service else { panic!() };
    assert_eq!(found.len(), 1);
}

#[test]
fn real_cpu_numbers_must_be_there_and_allowed() {
    let with = |roles: &str, machine: &Machine| {
        let text = RIGHT.replace("realtime=1;db=0", roles);
        Workload::from_toml(&text, Path::new("w.toml"), machine)
    };
    let three = allowed(&[3, 5, 7]);
    assert!(with("realtime=3;db=5,7", &three).is_ok());
    let at = "37:9: layout \"amp-named\".roles: role ";
    assert_eq!(
        told(&with("realtime=3;db=8,4-6,9", &three).unwrap_err()),
        [
            format!("{at}\"db\" is to have CPU 8,9, which this machine lacks; it has 0-7"),
            format!(
                "{at}\"db\" is to have CPU 4,6, which this process may not use; it may use 3,5,7"
            ),
        ],
    );
}

#[test]
fn cores_are_handed_out_in_the_order_of_declaration() {
    let plan = |cores: &str, machine: &Machine| {
        let classes = ["b", "a", "c"].map(|name| {
            format!(
                "[[class]]\nname = {name:?}\narrival = {{ closed = 1 }}\nservice = {{ sort = 1 }}\n"
            )
        });
        let text = format!("{}[[layout]]\nexecutor = \"amp\"\ncores = {cores}\n", classes.concat());
        plans(&right(&text, machine)).remove(0).1.replace(" capacity=4096", "")
    };
    let rest = "{ b = \"rest\", a = 2, c = \"rest\" }";
    assert_eq!(plan(rest, &whole(16)), "b=0-6;a=7,8;c=9-15");
    assert_eq!(plan(rest, &whole(5)), "b=0,1;a=2,3;c=4");
    assert_eq!(plan(rest, &whole(4)), "b=0;a=1,2;c=3");
    assert_eq!(plan(rest, &allowed(&[3, 5, 7])), "b=3;a=5;c=7");
    assert_eq!(plan(rest, &whole(2)), "b=0 shared idle=park;a=1;c=0 shared idle=park");
    assert_eq!(plan("{ b = 1, a = 1, c = 1 }", &whole(16)), "b=0;a=1;c=2");
    assert_eq!(plan("{ b = 9, a = 9, c = 9 }", &whole(8)), "b=0-2;a=3-5;c=6,7");
    assert_eq!(plan("{ b = \"25%\", a = \"1%\", c = \"rest\" }", &whole(8)), "b=0,1;a=2;c=3-7");
    let quota = Machine { quota: Some(3.9), ..whole(16) };
    assert_eq!(plan(rest, &quota), "b=0;a=1;c=2");
    let table = "{ b = 1, a = { count = 1, idle = \"spin\", capacity = 8, spin_window = \"1ms\", lend_to = [\"c\"] }, c = 1 }";
    assert_eq!(plan(table, &whole(8)), "b=0;a=1 capacity=8 idle=spin spin-window=1ms lend=c;c=2");
    let spins = "{ b = 1, a = 1, c = { count = 1, idle = \"spin\" } }";
    let shared = "b=0 shared idle=park;a=1;c=0 shared idle=park";
    assert_eq!(plan(spins, &whole(2)), shared, "nobody spins on a core that others use");
}

#[test]
fn without_layouts_roles_are_laid_out_by_demand() {
    let text = r#"
class = [
    { name = "tick", arrival = { regular = "30%" }, service = { fixed = "50us" }, slo = "p99 < 1ms" },
    { name = "big", arrival = { poisson = "30%" }, service = { fixed = "1ms" } },
    { name = "small", arrival = { poisson = "10%" }, service = { fixed = "1ms" } },
]
"#;
    // 30 % of ten cores, used to 70 %, are five; the other five are shared as three to one.
    assert_eq!(
        plans(&right(text, &whole(10))),
        [
            ("smp", "smp".to_owned()),
            ("amp", "tick=1-5 capacity=4096 idle=spin;big=0,6-8 capacity=4096;small=9 capacity=4096".to_owned()),
            (
                "amp-lending",
                "tick=1-5 capacity=4096 idle=spin lend=big;big=0,6-8 capacity=4096;small=9 capacity=4096 lend=big"
                    .to_owned()
            ),
            ("rayon", "rayon".to_owned()),
            ("tokio", "tokio".to_owned()),
        ],
    );
    for cpus in [1, 2, 3] {
        let workload = right(text, &whole(cpus));
        assert_eq!(workload.layouts[1].is_oversubscribed(), cpus < 3);
    }

    // What is not known counts as the greatest, and at least as one core.
    let text = r#"
class = [
    { name = "a", arrival = { closed = 1 }, service = { json = 1000 }, spawns = [{ class = "b" }] },
    { name = "b", service = { sort = 1000 } },
    { name = "c", arrival = { poisson = "40%" }, service = { fixed = "1ms" } },
]
"#;
    let workload = right(text, &whole(10));
    assert_eq!(plans(&workload)[1].1.replace(" capacity=4096", ""), "a=0-3;b=4-6;c=7-9");
    assert!(plans(&workload)[2].1.starts_with("a=0-3 capacity=4096;b=4-6 capacity=4096 lend=a"));
}
