//! Which layout does what is wanted up to which load, and where roles begin to pay.

use super::words::{enumerate, percent, times};
use crate::compare::report::{Crossover, Curve, Sweep, Verdict};

/// A highest load that is less than this much above another one is no better: as much as the machine differs from run to run.
const NOTABLE: f64 = 1.1;

/// Says up to which load each layout meets all that is wanted, and from which load on an AMP layout is the better one.
///
/// The winner is the layout of ours with the highest such load, if that is at least a tenth above the best of our other executor. rayon
/// and tokio are mentioned, and cannot win.
pub fn of_sweep(sweep: &Sweep) -> Verdict {
    let mut curves: Vec<&Curve> =
        sweep.curves.iter().filter(|curve| !curve.points.is_empty()).collect();
    curves.sort_by(|one, other| highest(other).total_cmp(&highest(one)));
    let text = match curves.is_empty() {
        true => "nothing was measured: no turn was completed".to_owned(),
        false => {
            let loads: Vec<String> = curves.iter().map(|curve| up_to(curve)).collect();
            format!("{} is met: {}{}", objectives(sweep), enumerate(&loads), crossovers(sweep))
        }
    };
    let best = |executor: &str| curves.iter().find(|curve| curve.executor == executor);
    let winner = best("smp").zip(best("amp")).and_then(|(smp, amp)| {
        let is_better = |one, other| highest(one) > highest(other) * NOTABLE;
        match (is_better(smp, amp), is_better(amp, smp)) {
            (true, _) => Some(smp.layout.clone()),
            (_, true) => Some(amp.layout.clone()),
            _ => None,
        }
    });
    Verdict {
        subject: format!("{} by load", sweep.workload),
        winner,
        text,
        certainty: certainty(sweep),
        would_change: "more cores, of which a reserved one is a smaller part; shorter or fewer of the long tasks, which then \
                       keep others waiting for less; a looser or a tighter objective"
            .to_owned(),
        command: format!("cargo run --release -p benches -- sweep {}", sweep.given),
    }
}

fn highest(curve: &Curve) -> f64 {
    curve.highest_load.unwrap_or(0.0)
}

fn objectives(sweep: &Sweep) -> String {
    enumerate(&sweep.objectives)
}

fn up_to(curve: &Curve) -> String {
    let most = curve.points.last().map_or(0.0, |point| point.took);
    match curve.highest_load {
        None => format!("{} at no load", curve.layout),
        Some(load) if load >= most => format!("{} at all loads", curve.layout),
        Some(load) => format!("{} up to {} of the capacity", curve.layout, percent(load)),
    }
}

fn crossovers(sweep: &Sweep) -> String {
    if sweep.crossovers.is_empty() {
        return ". No AMP layout does at a load at which SMP does not".to_owned();
    }
    sweep.crossovers.iter().map(crossover).collect()
}

fn crossover(crossover: &Crossover) -> String {
    let Crossover { above, below, load, until, cost_below, gain_above, .. } = crossover;
    let (from, to) = (percent(*load), percent(*until));
    let mut text = format!(
        ". {above} begins to pay at {from}: {below} no longer does, {above} does up to {to}"
    );
    if let Some(gain) = gain_above {
        text.push_str(&format!(", {} times as far from the limit", times(*gain)));
    }
    let costs: Vec<String> = cost_below
        .iter()
        .map(|cost| format!("{} times the {}", times(cost.times), cost.what))
        .collect();
    if !costs.is_empty() {
        text.push_str(&format!("; below, it takes {}", enumerate(&costs)));
    }
    text
}

fn certainty(sweep: &Sweep) -> String {
    let turns = |curve: &Curve| curve.points.iter().map(|point| point.turns.len()).min();
    let rounds = sweep.curves.iter().filter_map(turns).min().unwrap_or(0);
    let mut text = format!("{rounds} round{} at each load", if rounds == 1 { "" } else { "s" });
    for Crossover { above, range: (from, to), .. } in &sweep.crossovers {
        let (from, to) = (percent(*from), percent(*to));
        text.push_str(&format!("; by single rounds {above} begins to pay between {from} and {to}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::{Cost, Point};

    fn sweep(highest: [(&str, Option<f64>); 3], crossovers: Vec<Crossover>) -> Sweep {
        let point =
            |load| Point { load, took: load, latencies: vec![], scores: vec![0.5], turns: vec![] };
        let curve = |(layout, highest_load): (&str, Option<f64>)| Curve {
            layout: layout.to_owned(),
            executor: match layout {
                "smp" => "smp",
                "tokio" => "tokio",
                _ => "amp",
            },
            points: vec![point(0.1), point(1.2)],
            highest_load,
        };
        Sweep {
            workload: "service".to_owned(),
            given: "service".to_owned(),
            classes: vec!["light".to_owned()],
            objectives: vec!["p99 of light < 2ms".to_owned()],
            full_load: String::new(),
            curves: highest.map(curve).to_vec(),
            crossovers,
        }
    }

    #[test]
    fn who_meets_what_is_wanted_longest_wins_if_it_is_notable() {
        let of = |loads| of_sweep(&sweep(loads, Vec::new()));
        let verdict = of([("smp", Some(0.3)), ("amp", Some(0.5)), ("tokio", None)]);
        assert_eq!(verdict.winner.as_deref(), Some("amp"));
        assert!(
            verdict.text.starts_with("p99 of light < 2ms is met: amp up to 50 % of"),
            "{verdict:?}"
        );
        assert!(verdict.text.contains("tokio at no load"), "{verdict:?}");
        let verdict = of([("smp", Some(0.5)), ("amp", Some(0.54)), ("tokio", None)]);
        assert_eq!(verdict.winner, None);
        let verdict = of([("smp", Some(0.3)), ("amp", Some(0.31)), ("tokio", Some(1.1))]);
        assert_eq!(verdict.winner, None, "tokio is mentioned, and cannot win");
        let verdict = of([("smp", Some(1.2)), ("amp", None), ("tokio", None)]);
        assert_eq!(verdict.winner.as_deref(), Some("smp"));
        assert!(verdict.text.contains("smp at all loads"), "{verdict:?}");
    }

    #[test]
    fn the_crossover_is_said_with_its_cost_and_its_range() {
        let crossover = Crossover {
            above: "amp".to_owned(),
            below: "smp".to_owned(),
            load: 0.31,
            range: (0.28, 0.33),
            until: 0.5,
            cost_below: vec![Cost { what: "p99 of search".to_owned(), times: 1.5 }],
            gain_above: Some(4.0),
        };
        let loads = [("smp", Some(0.3)), ("amp", Some(0.5)), ("tokio", None)];
        let verdict = of_sweep(&sweep(loads, vec![crossover]));
        for part in [
            "amp begins to pay at 31 %",
            "up to 50 %, 4.0 times",
            "it takes 1.50 times the p99 of search",
        ] {
            assert!(verdict.text.contains(part), "{part}: {verdict:?}");
        }
        assert!(verdict.certainty.contains("between 28 % and 33 %"), "{verdict:?}");
    }

    #[test]
    fn a_sweep_without_turns_says_so() {
        let mut empty = sweep([("smp", None), ("amp", None), ("tokio", None)], Vec::new());
        empty.curves.iter_mut().for_each(|curve| curve.points.clear());
        assert!(of_sweep(&empty).text.contains("nothing was measured"));
    }
}
