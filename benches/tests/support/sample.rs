//! A report made by hand: two workloads on four layouts, and a sweep in which they change places.

use std::collections::BTreeMap;

use benches::Hardware;
use benches::compare::outcome::*;
use benches::compare::report::*;
use benches::compare::workload::Percentile;
use benches::noise::{CpuNoise, NoiseFloor};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal};
use rand_pcg::Pcg64Mcg;

pub(crate) const LAYOUTS: [&str; 4] = ["smp", "amp", "amp-lend", "tokio"];
pub(crate) const CLASSES: [&str; 3] = ["tick", "compute", "log"];
pub(crate) const ROUNDS: usize = 3;

/// A name that would do harm if it were not escaped. It is a layout's in the second workload.
pub(crate) const HARMFUL: &str = "<script>alert(\"x\")</script> & 'co'";

/// The whole of it.
pub(crate) fn report() -> Report {
    let mut rng = Pcg64Mcg::seed_from_u64(6);
    let realtime = comparison("realtime", &mut rng);
    let mut other = comparison("unpredictable", &mut rng);
    other.about = format!("Independent tasks of very different length, as they come. {HARMFUL}");
    other.layouts[3].name = HARMFUL.to_owned();
    other.layouts[2].oversubscribed = true;
    other.goal = GoalFacts::Throughput;
    // The last class is only spawned by others, so it has no latency.
    other.classes[2].arrival = None;
    for turn in other.layouts.iter_mut().flat_map(|layout| &mut layout.turns) {
        turn.classes[2].latency = None;
        turn.classes[2].offered = 0;
    }
    Report {
        hardware: Hardware::read(),
        noise: noise(),
        rounds: ROUNDS,
        interrupted: false,
        comparisons: vec![realtime, other],
        sweeps: vec![sweep(&mut rng)],
        verdicts: verdicts(),
    }
}

fn noise() -> NoiseFloor {
    let cpu = |cpu, p99_delay_ns| CpuNoise {
        cpu,
        pinned: true,
        hiccups_per_second: 31.0,
        longest_ns: 2_400_000,
        lost_share: 0.006,
        p99_delay_ns,
        p999_delay_ns: 890_000,
    };
    NoiseFloor { watched_s: 0.5, cpus: vec![cpu(0, 41_000), cpu(1, 38_000)] }
}

fn comparison(name: &str, rng: &mut Pcg64Mcg) -> Comparison {
    let class =
        |name: &str, role: &str, arrival: &str, service: &str, mean, dispersion| ClassFacts {
            name: name.to_owned(),
            role: role.to_owned(),
            arrival: Some(arrival.to_owned()),
            service: service.to_owned(),
            mean_service_ns: mean,
            service_dispersion: dispersion,
            deadline_ns: None,
            objectives: Vec::new(),
        };
    let mut tick = class("tick", "realtime", "1,000 /s, regular", "computes for 20 us", 20e3, 0.0);
    tick.deadline_ns = Some(1_000_000);
    tick.objectives = vec![(Percentile::P99, 200_000), (Percentile::P999, 500_000)];
    let compute = class("compute", "compute", "4 clients", "lognormal, median 800 us", 1.1e6, 0.93);
    let log = class("log", "compute", "200 /s, Poisson", "JSON of 4 KiB", 60e3, 0.04);
    let layout = |index: usize| LayoutOutcome {
        name: LAYOUTS[index].to_owned(),
        executor: ["smp", "amp", "amp", "tokio"][index],
        roles: (index == 1 || index == 2).then(|| "realtime=0;compute=1".to_owned()),
        oversubscribed: false,
        placement: match index {
            1 | 2 => vec!["realtime-0: CPU 0".to_owned(), "compute-1: CPU 1".to_owned()],
            _ => Vec::new(),
        },
        turns: Vec::new(),
        timeline: Vec::new(),
    };
    let mut layouts: Vec<LayoutOutcome> = (0..4).map(layout).collect();
    for round in 0..ROUNDS {
        for (index, layout) in layouts.iter_mut().enumerate() {
            layout.turns.push(turn(index, round, [1_800, 3_300, 360], rng));
        }
    }
    for (index, layout) in layouts.iter_mut().enumerate() {
        layout.timeline = timeline(index, rng);
    }
    Comparison {
        workload: name.to_owned(),
        given: name.to_owned(),
        about: "Ticks at fixed instants beside work that takes all that it can get: what a control loop has to live with.".to_owned(),
        measured_s: 1.8,
        classes: vec![tick, compute, log],
        goal: GoalFacts::Latency { class: 0, percentile: Percentile::P99 },
        layouts,
    }
}

/// AMP's ticks are undisturbed, and its compute class has one core less.
fn turn(layout: usize, round: usize, counts: [usize; 3], rng: &mut Pcg64Mcg) -> TurnOutcome {
    let amp = layout == 1 || layout == 2;
    let drift: f64 = rng.random_range(0.93..1.07);
    let medians = if amp { [24e3, 7.9e6, 1.1e6] } else { [60e3, 4.2e6, 700e3] };
    let sigmas = if amp { [0.18, 0.5, 0.7] } else { [1.25, 0.45, 0.9] };
    let class = |class: usize, rng: &mut Pcg64Mcg| {
        let distribution = LogNormal::new((medians[class] * drift).ln(), sigmas[class]).unwrap();
        let values = distribution.sample_iter(&mut *rng).take(counts[class]);
        let latency = latency(values.collect());
        let late = values_of(Exp::new(1.0 / 4e3).unwrap(), 500, rng);
        ClassOutcome {
            offered: latency.count,
            ended: latency.count - 2,
            refused: 0,
            deadline_misses: if class == 0 && !amp { 31 } else { 0 },
            tasks: latency.count,
            waiting: Some(latency.clone()),
            latency: Some(latency),
            feeding: (class != 1).then(|| self::latency(late)),
            tasks_by_cpu: BTreeMap::from([(0, 900), (1, 900)]),
        }
    };
    let classes = (0..CLASSES.len()).map(|index| class(index, rng)).collect();
    let worker = |index: usize, rng: &mut Pcg64Mcg| WorkerOutcome {
        name: worker(layout, index),
        utilisation: match (layout, index) {
            (1, 0) => rng.random_range(0.02..0.024),
            (2, 0) => rng.random_range(0.55..0.7),
            _ => rng.random_range(0.95..0.99),
        },
        tasks_by_class: vec![900, 1_600, 180],
    };
    let speed = if layout == 1 { 0.53 } else { 1.0 };
    TurnOutcome {
        round,
        classes,
        requests_per_second: 12_400.0 * speed * drift,
        tasks_per_second: 12_400.0 * speed * drift,
        cpu_ns_per_task: 161e3 / drift,
        memory_growth_bytes: rng.random_range(200_000..2_000_000),
        workers: (0..2).map(|index| worker(index, rng)).collect(),
        imbalance: if layout == 1 { 1.95 } else { 1.01 * drift.max(1.0) },
        worker_count: 2,
        slowdown: 1.0,
    }
}

fn worker(layout: usize, index: usize) -> String {
    match (layout, index) {
        (1 | 2, 0) => "realtime-0".to_owned(),
        (1 | 2, _) => "compute-1".to_owned(),
        (3, index) => format!("tokio-rt-worker-{index}"),
        (_, index) => format!("smp-worker-{index}"),
    }
}

fn values_of(of: impl Distribution<f64>, count: usize, rng: &mut Pcg64Mcg) -> Vec<f64> {
    of.sample_iter(rng).take(count).collect()
}

/// As the recorder makes it from values in nanoseconds.
pub(crate) fn latency(mut values: Vec<f64>) -> Latency {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let at = |part: f64| {
        let index = (part * count as f64).ceil().max(1.0) as usize - 1;
        values[index.min(count - 1)] as u64
    };
    let parts = (6..110).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 20.0));
    let parts = parts.take_while(|part| (1.0 - part) * count as f64 >= 1.0);
    Latency {
        count: count as u64,
        percentiles_ns: Percentile::ALL.map(|percentile| at(percentile.quantile())),
        curve: parts.chain([1.0]).map(|part| (part, at(part))).collect(),
    }
}

/// 200 ms: on SMP everything everywhere, on AMP by role.
fn timeline(layout: usize, rng: &mut Pcg64Mcg) -> Vec<Span> {
    let amp = layout == 1 || layout == 2;
    let compute = LogNormal::new(800e3_f64.ln(), 0.6).unwrap();
    let mut spans = Vec::new();
    for worker in 0..2_u16 {
        let mut now: u64 = 0;
        let mut tick: u64 = u64::from(worker) * 500_000;
        while now < 200_000_000 {
            let wants_tick = if amp { worker == 0 } else { true };
            let (class, begin, duration) = if wants_tick && (tick <= now || (amp && layout == 1)) {
                let begin = tick.max(now);
                tick += if amp { 1_000_000 } else { 2_000_000 };
                (0, begin, 20_000 + rng.random_range(0..3_000))
            } else if rng.random_bool(0.15) {
                (2, now, 60_000)
            } else {
                (1, now, compute.sample(rng) as u64)
            };
            let end_ns = begin + duration;
            spans.push(Span { worker, cpu: worker, class, begin_ns: begin, end_ns });
            now = end_ns + rng.random_range(500..4_000);
        }
    }
    spans
}

fn sweep(rng: &mut Pcg64Mcg) -> Sweep {
    let curve = |layout: usize, rng: &mut Pcg64Mcg| {
        let amp = layout == 1 || layout == 2;
        let point = |step: usize, rng: &mut Pcg64Mcg| {
            let load = step as f64 / 10.0;
            let score = if amp {
                0.5 + 0.1 * layout as f64 + 0.25 * load
            } else {
                0.2 * (load * (3.2 - 0.2 * layout as f64)).exp()
            };
            let score = score * if load > 1.0 { 6.0 } else { 1.0 };
            let mut turns: Vec<TurnOutcome> =
                (0..ROUNDS).map(|round| turn(layout, round, [100; 3], rng)).collect();
            for turn in &mut turns {
                turn.requests_per_second = 9_000.0 * load.min(if amp { 0.9 } else { 1.0 });
                let latency = turn.classes[0].latency.as_mut().unwrap();
                let p99 = score * 200e3 * rng.random_range(0.85..1.2);
                latency.percentiles_ns[Percentile::P99 as usize] = p99 as u64;
            }
            Point {
                load,
                took: load,
                latencies: vec![(0, Percentile::P99, score * 200e3)],
                scores: vec![score * 0.9, score, score * 1.15],
                turns,
            }
        };
        Curve {
            layout: LAYOUTS[layout].to_owned(),
            executor: if amp { "amp" } else { "smp" },
            points: (1..=12).map(|step| point(step, rng)).collect(),
            highest_load: if amp { Some(1.0) } else { Some(0.5) },
        }
    };
    Sweep {
        workload: "realtime".to_owned(),
        given: "realtime".to_owned(),
        classes: CLASSES.map(str::to_owned).to_vec(),
        objectives: vec!["p99 of tick < 200 us".to_owned()],
        full_load: "so many requests that all cores would be busy all the time".to_owned(),
        curves: (0..4).map(|layout| curve(layout, rng)).collect(),
        crossovers: vec![Crossover {
            above: "amp".to_owned(),
            below: "smp".to_owned(),
            load: 0.34,
            range: (0.31, 0.37),
            until: 0.71,
            cost_below: vec![Cost { what: "p99 of compute".to_owned(), times: 1.9 }],
            gain_above: Some(4.2),
        }],
    }
}

fn verdicts() -> Vec<Verdict> {
    let verdict = |subject: &str, winner: Option<&str>, text: &str| Verdict {
        subject: subject.to_owned(),
        winner: winner.map(str::to_owned),
        text: text.to_owned(),
        certainty: "All 3 rounds agree; the machine's own noise is 41 us at p99.".to_owned(),
        would_change:
            "The compute role's core is 98 % busy: where compute grows, its requests wait there."
                .to_owned(),
        command: "cargo run --release -p benches -- compare benches/workloads/realtime.toml"
            .to_owned(),
    };
    vec![
        verdict(
            "realtime",
            Some("amp"),
            "AMP (amp) by 37 times on p99 of tick: 28 us against 1.04 ms (29 to 51 times in 3 rounds).",
        ),
        verdict(
            "unpredictable",
            None,
            "A draw: 12.4 k requests per second against 12.3 k, which is within the spread.",
        ),
        verdict(
            "processor equality",
            None,
            "On SMP each worker ran tasks of every class; on AMP each worker ran one role.",
        ),
        verdict(
            "task allocation",
            None,
            "On AMP no task ran off its role's cores; on SMP each class used 2 CPUs.",
        ),
        verdict(
            "software complexity",
            Some("smp"),
            "SMP: nothing declared. AMP: 2 roles and 2 cores.",
        ),
        verdict("load balancing", Some("smp"), "Imbalance 1.01 against 1.95."),
        verdict(
            "use case",
            None,
            "NOT BORNE OUT: throughput of unpredictable is a draw on two cores.",
        ),
    ]
}
