//! Tables of outcomes that nobody measured.

use super::*;
use crate::compare::report::{Crossover, Curve, Point, Sweep};
use crate::compare::verdict::made_up::{class, ran, realtime, unpredictable};

const LAYOUTS: [(&str, &str, Option<&str>, &[f64]); 3] = [
    ("smp", "smp", None, &[1.0e6, 1.2e6, 0.9e6]),
    ("amp-spin", "amp", Some("realtime=1 idle=spin;compute=0"), &[28e3, 30e3, 27e3]),
    ("rayon", "rayon", None, &[3.0e6, 3.0e6, 3.0e6]),
];

fn verdict() -> Verdict {
    Verdict {
        subject: "realtime".to_owned(),
        winner: Some("amp-spin".to_owned()),
        text: "AMP ".to_owned() + &"is better ".repeat(20),
        certainty: "all 3 rounds agree".to_owned(),
        would_change: String::new(),
        command: "cargo run".to_owned(),
    }
}

fn written(comparison: &Comparison) -> String {
    let mut out = Vec::new();
    write(&mut out, comparison, &[verdict()]).unwrap();
    String::from_utf8(out).unwrap()
}

/// The words of the line that starts with `name` after the one that starts with `heading`.
fn words<'a>(text: &'a str, heading: &str, name: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(heading));
    let line = lines.find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("no {name} below {heading} in {text}"))
        .split("  ")
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn every_layout_has_a_line_with_medians_and_ranges() {
    let text = written(&realtime(&LAYOUTS));
    assert_eq!(
        words(&text, "layout", "amp-spin"),
        ["amp-spin", "1,900", "1,900", "52.0 us", "1.96", "1.00 MiB", "98 %, 2 %"]
    );
    let smp = words(&text, "tick", "smp");
    assert_eq!(smp[..5], ["smp", "3,000", "3,000", "0", "0"]);
    // The median of three rounds, above its objective; too few values for the last percentile but one.
    assert_eq!(
        smp[5..],
        ["200 us", "500 us", "1.00 ms!", "2.00 ms", "(4.00 ms)", "5.00 ms", "9.00 us"]
    );
    assert_eq!(words(&text, "tick", "amp-spin")[7], "28.0 us");
    // No deadline, so that none can be missed.
    assert_eq!(words(&text, "compute", "smp")[..5], ["smp", "5,400", "5,400", "0", "1.60 ms"]);
    assert!(text.contains("(...)") && text.contains("!      not what"), "{text}");
    assert!(text.contains("amp-spin has realtime=1 idle=spin;compute=0\n  worker 0 on CPU 0"));
    assert!(!text.contains("OVERSUBSCRIBED"));
}

#[test]
fn nothing_is_wider_than_a_terminal() {
    for line in written(&realtime(&LAYOUTS)).lines() {
        assert!(line.chars().count() <= 120, "{line}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn ranges_are_shown_where_rounds_differ() {
    let made = [("smp", "smp", None, &[12_000.0, 11_000.0, 13_000.0][..])];
    let text = written(&unpredictable(&made));
    assert_eq!(words(&text, "layout", "smp")[1], "12,000 [11,000..13,000]");
    assert!(!text.contains("!      not"), "nothing is to be met: {text}");
}

#[test]
fn a_class_without_requests_shows_how_long_its_tasks_wait() {
    let mut comparison = realtime(&LAYOUTS);
    comparison.classes.push(class("query", "", 200.0));
    for layout in &mut comparison.layouts {
        for turn in &mut layout.turns {
            turn.classes.push(ran(None, &[(0, 7)]));
        }
    }
    let text = written(&comparison);
    assert!(text.contains("query: role query; fixed, 200 us"), "{text}");
    assert_eq!(words(&text, "query", "smp"), ["smp", "21", "-", "-", "-", "-", "-", "-"]);
}

#[test]
fn more_roles_than_cores_is_said_aloud() {
    let mut comparison = realtime(&LAYOUTS);
    comparison.layouts[1].oversubscribed = true;
    let text = written(&comparison);
    assert_eq!(words(&text, "layout", "amp-spin")[0], "amp-spin OVERSUBSCRIBED");
    assert!(text.contains("  OVERSUBSCRIBED: more roles than cores"), "{text}");
}

#[test]
fn without_a_turn_there_is_no_table() {
    let mut comparison = realtime(&LAYOUTS);
    for layout in &mut comparison.layouts {
        layout.turns.clear();
    }
    let text = written(&comparison);
    assert!(text.contains("no turn was completed") && !text.contains("requests/s"), "{text}");
}

#[test]
fn many_workers_are_a_range_and_long_placements_are_cut() {
    let mut comparison = realtime(&LAYOUTS);
    let amp = &mut comparison.layouts[1];
    amp.placement = (0..12).map(|cpu| format!("worker on CPU {cpu}")).collect();
    for turn in &mut amp.turns {
        let worker = turn.workers[0].clone();
        turn.workers.extend(vec![worker; 4]);
        // One of them ran nothing.
        turn.worker_count = 7;
    }
    let text = written(&comparison);
    assert_eq!(words(&text, "layout", "amp-spin").last(), Some(&"98 % [0 %..98 %]"));
    assert!(text.contains("  and 4 workers more"), "{text}");
}

#[test]
fn verdicts_are_wrapped_and_commands_are_not() {
    let text = written(&realtime(&LAYOUTS));
    assert!(text.contains("> realtime: AMP is better"), "{text}");
    assert!(text.contains("\n  sure     all 3 rounds agree\n  command  cargo run\n"), "{text}");
}

#[test]
fn a_sweep_has_a_line_for_each_load() {
    let point = |load, scores: &[f64]| Point {
        load,
        took: load,
        latencies: Vec::new(),
        scores: scores.to_vec(),
        turns: Vec::new(),
    };
    let curve = |layout: &str, points, highest_load| Curve {
        layout: layout.to_owned(),
        executor: if layout == "smp" { "smp" } else { "amp" },
        points,
        highest_load,
    };
    let mut sweep = Sweep {
        workload: "service".to_owned(),
        given: "service".to_owned(),
        classes: vec!["light".to_owned()],
        objectives: vec!["p99 of light < 2 ms".to_owned()],
        full_load: "3,000 requests per second".to_owned(),
        curves: vec![
            curve("smp", vec![point(0.1, &[0.2, 0.3, 0.25]), point(0.6, &[800.0])], Some(0.1)),
            // Interrupted.
            curve("amp", vec![point(0.1, &[0.4])], None),
        ],
        crossovers: vec![Crossover {
            above: "amp".to_owned(),
            below: "smp".to_owned(),
            load: 0.35,
            range: (0.3, 0.4),
            until: 0.6,
            cost_below: Vec::new(),
            gain_above: None,
        }],
    };
    let mut out = Vec::new();
    write_sweep(&mut out, &sweep).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(words(&text, "load", "10 %"), ["10 %", "0.25 [0.20..0.30]", "0.40"]);
    assert_eq!(words(&text, "load", "60 %"), ["60 %", "800.0", "-"]);
    assert_eq!(words(&text, "load", "meets"), ["meets all up to", "10 %", "none"]);
    let words = "from 35 % [30 %..40 %] on smp misses something, amp nothing up to 60 %";
    assert!(text.contains(words), "{text}");
    sweep.crossovers.clear();
    let mut out = Vec::new();
    write_sweep(&mut out, &sweep).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("no crossover"));
}
