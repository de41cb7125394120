//! Verdicts on outcomes that nobody measured.

use super::made_up::{Made, realtime, unpredictable};
use super::of_comparison;
use crate::compare::outcome::Comparison;
use crate::compare::report::Verdict;
use crate::noise::{CpuNoise, NoiseFloor};

const SMP: Made<'_> = ("smp", "smp", None, &[1.0e6, 1.5e6, 0.8e6, 1.04e6, 1.1e6]);
const SPIN: Made<'_> = ("amp-spin", "amp", Some("realtime=1 idle=spin;compute=0"), &[28e3; 5]);
const AMP: Made<'_> = ("amp", "amp", Some("realtime=1;compute=0"), &[90e3; 5]);
const RAYON: Made<'_> = ("rayon", "rayon", None, &[2e6; 5]);
const TOKIO: Made<'_> = ("tokio", "tokio", None, &[1.04e6; 5]);

fn noise(p99_delay_ns: u64) -> NoiseFloor {
    let cpu = CpuNoise { lost_share: 0.03, p99_delay_ns, ..CpuNoise::default() };
    NoiseFloor { watched_s: 0.5, cpus: vec![cpu] }
}

fn quiet(comparison: &Comparison) -> Verdict {
    of_comparison(comparison, &NoiseFloor::default())
}

#[test]
fn the_better_one_is_named_with_figures_and_everybody_else_beside_it() {
    let comparison = realtime(&[SMP, AMP, SPIN, RAYON, TOKIO]);
    let verdict = of_comparison(&comparison, &noise(20_000));
    assert_eq!(verdict.subject, "realtime");
    assert_eq!(verdict.winner.as_deref(), Some("amp-spin"));
    assert_eq!(
        verdict.text,
        "AMP (amp-spin) by 37 times on p99 of tick: 28.0 us against 1.04 ms of SMP (29 to 54 times in 5 rounds). \
         Beside SMP: amp 12 times better, rayon 1.92 times worse, tokio a draw"
    );
    assert_eq!(
        verdict.certainty,
        "all 5 rounds agree; spread: AMP (amp-spin) 28.0 us to 28.0 us, SMP 800 us to 1.50 ms; \
         the machine's own noise is 20.0 us at p99"
    );
    assert_eq!(
        verdict.would_change,
        "AMP (amp-spin)'s compute core is 98 % busy: where compute grows, requests of compute wait there; \
         where throughput counts, SMP has 1.47 times as much: 2,800/s against 1,900/s; \
         a task of compute takes 50 times as long as one of tick: the closer they are, the less a shared core delays; \
         with 2 cores a reserved one is 50 % of the capacity; with 16 it would be 6.2 %"
    );
    assert_eq!(verdict.command, "cargo run --release -p benches -- compare realtime");
}

#[test]
fn what_is_better_than_the_machine_is_certain_only_down_to_the_machine() {
    let verdict = of_comparison(&realtime(&[SMP, SPIN]), &noise(40_000));
    assert_eq!(verdict.winner.as_deref(), Some("amp-spin"));
    assert!(
        verdict.certainty.ends_with(
            "the machine's own noise is 40.0 us at p99, more than the value of AMP (amp-spin): no more than 26 times is certain"
        ),
        "{}",
        verdict.certainty
    );
}

#[test]
fn below_the_noise_a_small_difference_is_a_draw_and_so_is_any_in_few_rounds() {
    let near: Made<'_> = ("amp", "amp", Some("realtime=1;compute=0"), &[0.7e6; 5]);
    let verdict = of_comparison(&realtime(&[SMP, near]), &noise(2_000_000));
    assert_eq!(verdict.winner, None);
    assert_eq!(
        verdict.text,
        "a draw on p99 of tick between AMP and SMP: 700 us against 1.04 ms (1.14 to 2.1 times in 5 rounds)"
    );
    assert!(verdict.certainty.starts_with("both are below the machine's own noise"));
    assert!(verdict.would_change.starts_with("more rounds or a quieter machine"));

    let two = [("smp", "smp", None, &[1e6; 2][..]), ("amp", "amp", None, &[28e3; 2][..])];
    assert_eq!(of_comparison(&realtime(&two), &noise(2_000_000)).winner, None);
}

#[test]
fn below_the_noise_a_great_difference_counts_if_all_rounds_agree() {
    let verdict = of_comparison(&realtime(&[SMP, SPIN]), &noise(2_000_000));
    assert_eq!(verdict.winner.as_deref(), Some("amp-spin"));
    assert!(
        verdict.certainty.contains("the machine's own noise is 2.00 ms at p99, more than both values: the rounds agree all the same"),
        "{}",
        verdict.certainty
    );
}

#[test]
fn the_first_layout_wins_against_the_best_of_the_others() {
    let amps: [Made<'_>; 2] = [
        ("amp", "amp", Some("parse=0;render=1"), &[6e3; 3]),
        ("amp-lending", "amp", Some("parse=0;render=1 lend=parse"), &[9e3; 3]),
    ];
    let smp = ("smp", "smp", None, &[1.0e4, 1.1e4, 1.2e4][..]);
    let rayon = ("rayon", "rayon", None, &[2e4; 3][..]);
    let verdict = quiet(&unpredictable(&[smp, amps[0], amps[1], rayon]));
    // rayon is better still, and mentioned, and cannot win.
    assert_eq!(verdict.winner.as_deref(), Some("smp"));
    assert_eq!(
        verdict.text,
        "SMP by 1.22 times on throughput: 11,000/s against 9,000/s of AMP (amp-lending) (1.11 to 1.33 times in 3 rounds). \
         Beside SMP: amp 1.83 times worse, rayon 1.82 times better"
    );
    assert!(
        verdict
            .would_change
            .contains("parse has 80 % of the work and 50 % of AMP (amp-lending)'s cores"),
        "{}",
        verdict.would_change
    );
    assert!(!verdict.would_change.contains("where throughput counts"), "it does already");
}

#[test]
fn rounds_that_disagree_are_a_draw() {
    let amp =
        ("amp", "amp", Some("realtime=1;compute=0"), &[0.9e6, 0.9e6, 0.9e6, 0.9e6, 0.9e6][..]);
    let verdict = quiet(&realtime(&[SMP, amp]));
    assert_eq!(verdict.winner, None);
    assert!(
        verdict.certainty.starts_with("the rounds do not agree: AMP is better in 4 of 5"),
        "{}",
        verdict.certainty
    );
}

#[test]
fn one_that_is_certainly_better_comes_before_one_that_may_be() {
    let lucky = ("lucky", "amp", Some("realtime=1;compute=0"), &[1e3, 1e3, 1e3, 1e3, 9e6][..]);
    let verdict = quiet(&realtime(&[SMP, lucky, AMP]));
    assert_eq!(verdict.winner.as_deref(), Some("amp"));
    assert!(verdict.text.ends_with("Beside SMP: lucky a draw"), "{}", verdict.text);
}

#[test]
fn few_rounds_are_said_to_be_few() {
    let cut = |(name, executor, roles, values): Made<'static>, rounds| -> Made<'static> {
        (name, executor, roles, &values[..rounds])
    };
    let verdict = quiet(&realtime(&[cut(SMP, 1), cut(AMP, 1)]));
    assert_eq!(verdict.winner.as_deref(), Some("amp"));
    assert!(verdict.text.ends_with("(in a single round)"), "{}", verdict.text);
    assert!(verdict.certainty.starts_with("a single round, so nothing is known of the spread"));
    let verdict = quiet(&realtime(&[cut(SMP, 2), cut(AMP, 2)]));
    assert!(verdict.certainty.starts_with("both rounds agree, but two are few"));
    let close = ("amp", "amp", Some("realtime=1;compute=0"), &[0.95e6, 1.45e6][..]);
    let verdict = quiet(&realtime(&[cut(SMP, 2), close]));
    assert_eq!(verdict.winner, None);
    assert!(verdict.certainty.starts_with("only 2 rounds, in which they are within 10 %"));
}

#[test]
fn a_layout_that_was_interrupted_takes_no_part() {
    let mut comparison = realtime(&[SMP, AMP, SPIN]);
    comparison.layouts[2].turns.clear();
    let verdict = quiet(&comparison);
    assert_eq!(verdict.winner.as_deref(), Some("amp"));
    comparison.layouts[0].turns.clear();
    let verdict = quiet(&comparison);
    assert_eq!(verdict.winner, None);
    assert_eq!(verdict.text, "only AMP was measured: p99 of tick is 90.0 us");
    comparison.layouts[1].turns.clear();
    let verdict = quiet(&comparison);
    assert_eq!(verdict.text, "nothing was measured: no turn was completed");
    assert_eq!((verdict.certainty.as_str(), verdict.would_change.as_str()), ("", ""));
}

#[test]
fn strangers_alone_are_not_judged() {
    let verdict = quiet(&realtime(&[RAYON, TOKIO]));
    assert_eq!(
        (verdict.winner, verdict.text.as_str()),
        (None, "neither of our executors was measured")
    );
}

#[test]
fn a_stranger_that_comes_first_is_not_the_measure() {
    let verdict = quiet(&realtime(&[RAYON, SMP, SPIN]));
    assert!(verdict.text.contains("against 1.04 ms of SMP"), "{}", verdict.text);
    assert!(verdict.text.ends_with("Beside SMP: rayon 1.92 times worse"), "{}", verdict.text);
}

#[test]
fn a_goal_without_values_is_no_reason_to_panic() {
    let mut comparison = realtime(&[SMP, AMP]);
    for class in comparison.layouts.iter_mut().flat_map(|layout| &mut layout.turns) {
        class.classes[0].latency = None;
    }
    let verdict = quiet(&comparison);
    assert_eq!(verdict.text, "no request of the goal's class was measured");
}

#[test]
fn a_layout_without_values_is_not_passed_over() {
    let mut comparison = realtime(&[SMP, AMP]);
    for turn in &mut comparison.layouts[1].turns {
        turn.classes[0].latency = None;
    }
    let verdict = quiet(&comparison);
    assert_eq!(
        verdict.text,
        "p99 of tick of SMP is 1.04 ms; with AMP, no request of that class came in the measured time"
    );
    comparison.layouts.swap(0, 1);
    assert_eq!(quiet(&comparison).text, verdict.text);
}

#[test]
fn what_the_figures_leave_out_is_said() {
    let mut comparison = realtime(&[SMP, AMP]);
    comparison.layouts[1].oversubscribed = true;
    for turn in &mut comparison.layouts[1].turns {
        let class = &mut turn.classes[0];
        (class.refused, class.ended) = (30, 950);
        class.feeding = class.latency.clone();
    }
    for turn in comparison.layouts.iter_mut().flat_map(|layout| &mut layout.turns) {
        let latency = turn.classes[0].latency.as_mut().unwrap();
        latency.count = 40;
    }
    let certainty = quiet(&comparison).certainty;
    for part in [
        "p99 is that of single values",
        "AMP refused 3.0 % of the requests",
        "with AMP, 2.0 % of the requests had not ended when the turn was over",
        "with AMP, requests were handed over up to 90.0 us late at p99",
        "AMP is OVERSUBSCRIBED",
    ] {
        assert!(certainty.contains(part), "{part} is missing in {certainty}");
    }
    assert!(!certainty.contains("SMP refused"), "{certainty}");
}

#[test]
fn a_layout_that_ends_nothing_loses_by_a_number() {
    let smp = ("smp", "smp", None, &[1e4; 3][..]);
    let amp = ("amp", "amp", Some("parse=0;render=1"), &[0.0; 3][..]);
    let verdict = quiet(&unpredictable(&[smp, amp]));
    assert_eq!(verdict.winner.as_deref(), Some("smp"));
    assert!(verdict.text.starts_with("SMP by 10000 times on throughput"), "{}", verdict.text);
}

#[test]
fn the_throughput_verdict_names_what_the_machine_took() {
    let smp = ("smp", "smp", None, &[1e4; 3][..]);
    let amp = ("amp", "amp", Some("parse=0;render=1"), &[6e3; 3][..]);
    let verdict = of_comparison(&unpredictable(&[smp, amp]), &noise(0));
    assert!(
        verdict.certainty.ends_with("the machine itself took up to 3.0 % of a CPU's time"),
        "{}",
        verdict.certainty
    );
}
