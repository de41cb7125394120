//! Which part of the timelines is shown.
//!
//! All layouts of a workload show the same part, as they got the same requests at the same times.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::compare::outcome::{LayoutOutcome, Span};

/// How long the part may be, in microseconds.
const LENGTHS_US: [u64; 11] = [40_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20];

/// At least so much is shown however short the tasks of some class are, in microseconds, as long as there are not too many.
const ENOUGH_US: u64 = 5_000;

/// More tasks than these in one lane cannot be told apart.
const MOST_IN_LANE: f64 = 160.0;

/// More tasks than these in one layout make the page heavy.
pub(super) const MOST: usize = 2_000;

/// What is shown is chosen among parts that overlap so many times.
const OVERLAP: u64 = 4;

/// No more parts than these are looked at, however long the timelines are.
const PARTS: u64 = 1_000;

/// One layout's tasks, those of each worker in the order in which they ran.
pub(super) struct Tasks {
    lanes: Vec<Vec<Span>>,
    /// The highest class's index, and one more.
    classes: usize,
}

impl Tasks {
    /// Those of a layout's timeline.
    pub(super) fn of(layout: &LayoutOutcome) -> Self {
        let count = layout.timeline.iter().map(|span| usize::from(span.worker) + 1).max();
        let mut lanes = vec![Vec::new(); count.unwrap_or_default()];
        for span in layout.timeline.iter().filter(|span| span.begin_ns <= span.end_ns) {
            lanes[usize::from(span.worker)].push(*span);
        }
        for lane in &mut lanes {
            lane.sort_by_key(|span| (span.begin_ns, span.end_ns));
        }
        let classes = layout.timeline.iter().map(|span| usize::from(span.class) + 1).max();
        Self { lanes, classes: classes.unwrap_or_default() }
    }

    /// How many workers.
    pub(super) fn workers(&self) -> usize {
        self.lanes.len()
    }

    /// For each worker those that ran at some time in `window`.
    pub(super) fn within(&self, window: &Range<u64>) -> impl Iterator<Item = (usize, &[Span])> {
        let (start, end) = (window.start, window.end);
        self.lanes.iter().enumerate().map(move |(worker, lane)| {
            // One worker's tasks follow each other, so they end in the order in which they begin.
            let from = lane.partition_point(|span| span.end_ns <= start);
            let to = lane.partition_point(|span| span.begin_ns < end);
            (worker, lane.get(from..to).unwrap_or_default())
        })
    }

    fn all(&self) -> impl Iterator<Item = &Span> {
        self.lanes.iter().flatten()
    }
}

/// The part that shows most: as many classes on as many layouts as possible, and among those the one in which they alternate most.
/// Nothing if nothing ran.
pub(super) fn choose(layouts: &[Tasks], pixels: i32) -> Option<Range<u64>> {
    let begin = layouts.iter().flat_map(Tasks::all).map(|span| span.begin_ns).min()?;
    let end = layouts.iter().flat_map(Tasks::all).map(|span| span.end_ns).max()?.max(begin + 1);
    let length = length(layouts, begin..end, pixels).min(end - begin);
    let step = (length / OVERLAP).max((end - begin - length) / PARTS).max(1);
    let last = (end - begin - length) / step;
    let window = |position: u64| begin + position * step..begin + position * step + length;
    (0..=last)
        .map(window)
        .max_by_key(|window| (shown(layouts, window), std::cmp::Reverse(window.start)))
}

/// As long as the shortest tasks can be seen and all can be told apart.
fn length(layouts: &[Tasks], all: Range<u64>, pixels: i32) -> u64 {
    let duration = (all.end - all.start) as f64;
    let densest = layouts
        .iter()
        .map(|tasks| {
            let count = tasks.all().count() as f64;
            let in_lane = count / tasks.workers().max(1) as f64 / MOST_IN_LANE;
            in_lane.max(count / MOST as f64)
        })
        .fold(f64::MIN_POSITIVE, f64::max);
    let legible = shortest_ns(layouts) as f64 * f64::from(pixels);
    let longest = legible.max((ENOUGH_US * 1_000) as f64).min(duration / densest);
    let lengths = LENGTHS_US.map(|length| length * 1_000);
    lengths
        .into_iter()
        .find(|length| *length as f64 <= longest)
        .unwrap_or(lengths[lengths.len() - 1])
}

/// The median duration of the class whose tasks are the shortest.
fn shortest_ns(layouts: &[Tasks]) -> u64 {
    let classes: BTreeSet<u16> =
        layouts.iter().flat_map(Tasks::all).map(|span| span.class).collect();
    let median = |class: u16| {
        let of_class = layouts.iter().flat_map(Tasks::all).filter(|span| span.class == class);
        let mut durations: Vec<u64> = of_class.map(|span| span.end_ns - span.begin_ns).collect();
        let middle = durations.len() / 2;
        *durations.select_nth_unstable(middle).1
    };
    classes.into_iter().map(median).min().unwrap_or_default()
}

/// How many classes on how many layouts, and how often one follows another on the same worker.
fn shown(layouts: &[Tasks], window: &Range<u64>) -> (usize, usize) {
    let (mut classes, mut changes) = (0, 0);
    for tasks in layouts {
        let mut seen = vec![false; tasks.classes];
        for (_, spans) in tasks.within(window) {
            for span in spans {
                seen[usize::from(span.class)] = true;
            }
            changes += spans.windows(2).filter(|pair| pair[0].class != pair[1].class).count();
        }
        classes += seen.into_iter().filter(|seen| *seen).count();
    }
    (classes, changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(worker: u16, class: u16, begin_us: u64, end_us: u64) -> Span {
        Span { worker, cpu: worker, class, begin_ns: begin_us * 1_000, end_ns: end_us * 1_000 }
    }

    fn tasks(spans: &[Span]) -> Tasks {
        Tasks::of(&LayoutOutcome {
            name: "smp".to_owned(),
            executor: "smp",
            roles: None,
            oversubscribed: false,
            placement: Vec::new(),
            turns: Vec::new(),
            timeline: spans.to_vec(),
        })
    }

    #[test]
    fn nothing_is_chosen_where_nothing_ran() {
        assert_eq!(choose(&[], 900), None);
        assert_eq!(choose(&[tasks(&[])], 900), None);
    }

    #[test]
    fn the_part_with_most_classes_is_chosen() {
        let mut spans: Vec<Span> =
            (0..1_000).map(|at| span(0, 0, at * 1_000, at * 1_000 + 900)).collect();
        spans.push(span(1, 1, 700_000, 700_500));
        let window = choose(&[tasks(&spans)], 900).unwrap();
        assert_eq!(window.end - window.start, 40_000_000);
        assert!(window.start < 700_500_000 && window.end > 700_000_000, "{window:?}");
    }

    #[test]
    fn short_tasks_are_shown_for_a_short_time() {
        let spans: Vec<Span> = (0..100_000).map(|at| span(0, 0, at, at + 1)).collect();
        let window = choose(&[tasks(&spans)], 900).unwrap();
        assert_eq!(window, 0..100_000);
    }

    #[test]
    fn one_task_of_no_duration_is_shown() {
        let window = choose(&[tasks(&[span(3, 0, 5, 5)])], 900).unwrap();
        assert!(window.start < window.end, "{window:?}");
    }
}
