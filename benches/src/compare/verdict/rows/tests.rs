//! Rows on outcomes that nobody measured.

use super::*;
use crate::compare::report::Crossover;
use crate::compare::verdict::made_up::{Made, latency, ran, realtime, unpredictable, worker};

const SMP: Made<'_> = ("smp", "smp", None, &[1e6, 1.1e6, 1e6]);
const SPIN: Made<'_> = ("amp-spin", "amp", Some("realtime=1 idle=spin;compute=0"), &[3e4; 3]);
const AMP: Made<'_> = ("amp", "amp", Some("realtime=1;compute=0"), &[9e4, 9e4, 12e4]);
const LENDING: Made<'_> =
    ("amp-lending", "amp", Some("realtime=1 lend=compute;compute=0"), &[6e5; 3]);

const SMP_THROUGHPUT: Made<'_> = ("smp", "smp", None, &[1e4; 3]);
const AMP_THROUGHPUT: Made<'_> = ("amp", "amp", Some("parse=0;render=1"), &[6e3; 3]);

fn both_workloads() -> [Comparison; 2] {
    [unpredictable(&[SMP_THROUGHPUT, AMP_THROUGHPUT]), realtime(&[SMP, SPIN, AMP])]
}

fn rows(comparisons: &[Comparison]) -> Vec<Verdict> {
    of_table(comparisons, &[], &NoiseFloor::default())
}

#[test]
fn all_rows_are_borne_out_where_they_are() {
    let rows = rows(&both_workloads());
    let subjects: Vec<_> = rows.iter().map(|row| row.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "processor equality",
            "task allocation",
            "software complexity",
            "load balancing",
            "use case"
        ]
    );
    for row in &rows {
        assert!(row.text.starts_with("BORNE OUT: "), "{row:#?}");
        assert!(!row.text.contains("NOT"), "{row:#?}");
        assert!(!row.certainty.is_empty() && !row.would_change.is_empty(), "{row:#?}");
        assert!(row.command.contains("-- compare "), "{row:#?}");
    }
    assert_eq!(
        rows[0].text,
        "BORNE OUT: on SMP, 12 of 12 workers ran tasks of every class that had enough of them; on AMP, 18 of 18 ran tasks of a single role"
    );
    assert_eq!(
        rows[1].text,
        "BORNE OUT: on AMP, 0 of 29,400 tasks ran off their role's cores; on SMP, a class's tasks ran on 2 CPUs by 2 workers"
    );
    assert!(
        rows[2].text.contains("AMP at least 2 roles of 2 cores and 0 attributes: `"),
        "{}",
        rows[2].text
    );
    assert!(
        rows[2]
            .text
            .ends_with("on realtime, AMP is 3.0 times worse than AMP (amp-spin) on p99 of tick"),
        "{}",
        rows[2].text
    );
    assert_eq!(
        rows[3].text,
        "BORNE OUT: imbalance, the busiest worker by the mean of all, on unpredictable: SMP 1.01 (workers 98 % to 99 % busy); AMP 1.54 (workers 30 % to 100 % busy)"
    );
    assert_eq!(rows[3].winner.as_deref(), Some("smp"));
    assert!(
        rows[4].text.contains("unpredictable: SMP by 1.67 times on throughput"),
        "{}",
        rows[4].text
    );
    assert!(
        rows[4].text.contains("realtime: AMP (amp-spin) by 33 times on p99 of tick"),
        "{}",
        rows[4].text
    );
    assert!(rows[4].certainty.starts_with("unpredictable: all 3 rounds agree; realtime: all 3"));
    assert!(rows[4].certainty.ends_with("not run: fluctuating, service and game-frame"));
}

#[test]
fn a_worker_of_two_roles_is_not_designated() {
    let mut comparisons = both_workloads();
    comparisons[1].layouts[2].turns[1].workers[0] = worker("compute-0", 0.9, &[1, 900]);
    let row = &rows(&comparisons)[0];
    assert!(row.text.starts_with("NOT BORNE OUT"), "{}", row.text);
    assert!(row.text.contains("17 of 18 ran tasks of a single role"), "{}", row.text);
}

#[test]
fn a_worker_that_was_left_out_is_not_equal() {
    let mut comparisons = both_workloads();
    comparisons[0].layouts[0].turns[0].workers.pop();
    let row = &rows(&comparisons)[0];
    assert!(row.text.starts_with("NOT BORNE OUT: on SMP, 11 of 12 workers"), "{}", row.text);
}

#[test]
fn classes_with_a_handful_of_tasks_say_nothing_about_all_workers() {
    let mut comparisons = both_workloads();
    for turn in &mut comparisons[0].layouts[0].turns {
        turn.classes[1] = ran(Some(latency(1e6, 3)), &[(0, 3)]);
        turn.workers[1].tasks_by_class[1] = 0;
    }
    let rows = rows(&comparisons);
    assert!(rows[0].text.starts_with("BORNE OUT"), "{}", rows[0].text);
    assert!(rows[1].text.starts_with("BORNE OUT"), "{}", rows[1].text);
}

#[test]
fn lending_is_no_violation_and_is_named() {
    let mut comparison = realtime(&[SMP, LENDING]);
    for turn in &mut comparison.layouts[1].turns {
        turn.workers[1].tasks_by_class = vec![1_000, 100];
        turn.classes[1].tasks_by_cpu.insert(1, 100);
    }
    let rows = rows(std::slice::from_ref(&comparison));
    // Nobody is left who would show it.
    assert!(rows[0].text.starts_with("NOT SHOWN"), "{}", rows[0].text);
    assert!(rows[1].text.starts_with("BORNE OUT: on AMP, 0 of 6,000"), "{}", rows[1].text);

    let with_a_strict_one = [comparison, realtime(&[SMP, AMP])];
    let row = &super::of_table(&with_a_strict_one, &[], &NoiseFloor::default())[0];
    assert_eq!(
        row.would_change,
        "lending: on AMP (amp-lending) of realtime, 5.0 % of the tasks ran on a core of another role"
    );
}

#[test]
fn a_task_off_its_cores_is_found() {
    let mut comparisons = both_workloads();
    let class = &mut comparisons[1].layouts[1].turns[2].classes[0];
    class.tasks_by_cpu = [(1, 998), (0, 2)].into();
    let row = &rows(&comparisons)[1];
    assert_eq!(
        row.text,
        "NOT BORNE OUT: on AMP, 2 of 29,400 tasks ran off their role's cores, most of them (2) of tick on AMP (amp-spin) of realtime; on SMP, a class's tasks ran on 2 CPUs by 2 workers"
    );
}

#[test]
fn smp_that_keeps_a_class_on_one_cpu_is_found() {
    let mut comparisons = both_workloads();
    comparisons[0].layouts[0].turns[0].classes[0].tasks_by_cpu = [(1, 8_000)].into();
    assert!(rows(&comparisons)[1].text.starts_with("BORNE OUT"), "a single turn");
    for turn in &mut comparisons[0].layouts[0].turns {
        turn.classes[0].tasks_by_cpu = [(1, 8_000)].into();
    }
    let row = &rows(&comparisons)[1];
    assert!(row.text.starts_with("NOT BORNE OUT"), "{}", row.text);
    assert!(row.text.ends_with("ran on 1 to 2 CPUs by 2 workers"), "{}", row.text);
}

#[test]
fn a_system_that_does_not_tell_the_cpu_shows_nothing() {
    let mut comparisons = both_workloads();
    let turns = comparisons.iter_mut().flat_map(|comparison| &mut comparison.layouts);
    for class in turns.flat_map(|layout| &mut layout.turns).flat_map(|turn| &mut turn.classes) {
        class.tasks_by_cpu.clear();
    }
    assert!(rows(&comparisons)[1].text.starts_with("NOT SHOWN"));
}

#[test]
fn declarations_that_make_no_difference_are_said_to_make_none() {
    let same = ("amp", "amp", Some("realtime=1;compute=0"), SPIN.3);
    let row = &rows(&[realtime(&[SMP, SPIN, same])])[2];
    assert!(
        row.text.ends_with("it did not matter which of the declarations was taken: all draws"),
        "{}",
        row.text
    );
    let row = &rows(&[realtime(&[SMP, AMP])])[2];
    assert!(row.text.ends_with("What another declaration costs was not measured"), "{}", row.text);
}

#[test]
fn imbalance_that_is_none_is_not_borne_out() {
    let mut comparison = unpredictable(&[SMP_THROUGHPUT, AMP_THROUGHPUT]);
    comparison.layouts[1].turns[1].imbalance = 1.0;
    let row = &rows(&[comparison])[3];
    assert!(row.text.starts_with("NOT BORNE OUT"), "{}", row.text);
    assert_eq!(row.winner, None);
    assert!(row.certainty.contains("than 0 of 1 AMP layout"), "{}", row.certainty);
    // Nor is one that nobody would notice, however the rounds agree.
    let mut hardly = unpredictable(&[SMP_THROUGHPUT, AMP_THROUGHPUT]);
    for (layout, imbalance) in hardly.layouts.iter_mut().zip([1.0, 1.001]) {
        layout.turns.iter_mut().for_each(|turn| turn.imbalance = imbalance);
    }
    let row = &rows(&[hardly])[3];
    assert!(row.text.starts_with("NOT BORNE OUT: "), "{}", row.text);
    // A workload that is not about throughput says nothing about it.
    assert!(rows(&[realtime(&[SMP, AMP])])[3].text.starts_with("NOT SHOWN"));
}

#[test]
fn use_cases_that_go_the_other_way_are_exceptions() {
    let slow: Made<'_> = ("amp", "amp", Some("realtime=1;compute=0"), &[2e6; 3]);
    let comparisons = [unpredictable(&[SMP_THROUGHPUT, AMP_THROUGHPUT]), realtime(&[SMP, slow])];
    let row = &rows(&comparisons)[4];
    assert!(row.text.starts_with("BORNE OUT: unpredictable: SMP by"), "{}", row.text);
    assert!(row.text.contains(". NOT BORNE OUT: realtime: SMP by 2.0 times"), "{}", row.text);
    assert!(!row.certainty.contains("OVERSUBSCRIBED"), "{}", row.certainty);
    let mut alone = comparisons[1].clone();
    alone.layouts[1].oversubscribed = true;
    let row = &rows(&[alone])[4];
    assert!(row.certainty.contains("realtime: OVERSUBSCRIBED"), "{}", row.certainty);
    assert!(row.text.starts_with("NOT BORNE OUT: realtime: SMP by 2.0 times"), "{}", row.text);
    assert!(!row.text[1..].contains("NOT BORNE OUT"), "said once: {}", row.text);
}

#[test]
fn amp_alone_is_no_use_case_of_either() {
    let row = rows(&[realtime(&[AMP, SPIN])]).remove(4);
    assert!(row.text.starts_with("NOT SHOWN: "), "{}", row.text);
}

#[test]
fn a_crossover_bears_the_row_out() {
    let crossover = |load, above: &str| Crossover {
        above: above.to_owned(),
        below: "smp".to_owned(),
        load,
        range: (load - 0.02, load + 0.03),
        until: 0.8,
        cost_below: Vec::new(),
        gain_above: Some(2.5),
    };
    let sweep = Sweep {
        workload: "service".to_owned(),
        given: "service".to_owned(),
        classes: Vec::new(),
        objectives: Vec::new(),
        full_load: String::new(),
        curves: Vec::new(),
        crossovers: vec![crossover(0.7, "amp-lending"), crossover(0.45, "amp")],
    };
    let rows = of_table(&[], &[sweep], &NoiseFloor::default());
    let [row] = &rows[..] else { panic!("a sweep says nothing of the others: {rows:#?}") };
    assert!(row.command.ends_with(" -- sweep service"), "{}", row.command);
    assert_eq!(
        row.text,
        "BORNE OUT: service: swept, amp begins to pay at 45 % of the full load [43 %..48 %], where smp misses what is wanted, up to 80 % (2.5 times)"
    );
}

#[test]
fn nothing_measured_shows_nothing_and_says_what_would() {
    let mut interrupted = realtime(&[SMP, AMP]);
    interrupted.layouts.iter_mut().for_each(|layout| layout.turns.clear());
    let alone = realtime(&[SMP]);
    for comparisons in [&[][..], &[interrupted], &[alone]] {
        for row in rows(comparisons) {
            assert!(row.text.starts_with("NOT SHOWN: "), "{row:#?}");
            assert!(row.text.contains("would show it"), "{row:#?}");
            assert!(row.winner.is_none() && row.command.contains("-- compare "), "{row:#?}");
        }
    }
}

#[test]
fn with_one_worker_there_is_nobody_to_be_equal_to() {
    let mut comparisons = both_workloads();
    for comparison in &mut comparisons {
        for turn in &mut comparison.layouts[0].turns {
            turn.worker_count = 1;
            turn.workers.truncate(1);
        }
    }
    let rows = rows(&comparisons);
    for row in [0, 1, 3] {
        assert!(rows[row].text.starts_with("NOT SHOWN"), "{:#?}", rows[row]);
    }
}
