//! Who ran what when.

use std::ops::Range;

use super::axis::Axis;
use super::lanes::{Bar, Lanes};
use super::palette;
use super::window::{self, MOST, Tasks};
use crate::compare::outcome::{LayoutOutcome, Span};
use crate::compare::trace::worker_name;

/// In pixels.
const WIDTH: i32 = 1100;

/// What the layouts' names leave of the width, in pixels, before the names are known.
const INNER: i32 = 960;

/// The charts of a workload.
#[derive(Clone, Debug, Default)]
pub(super) struct Timelines {
    /// What they show, in nanoseconds since the first request was due.
    pub(super) window: Range<u64>,
    /// One for each layout that has a timeline, with the layout's index.
    pub(super) charts: Vec<(usize, Lanes)>,
}

/// The charts, where any layout has a timeline.
pub(super) fn charts(layouts: &[LayoutOutcome]) -> Option<Timelines> {
    let tasks: Vec<Tasks> = layouts.iter().map(Tasks::of).collect();
    let window = window::choose(&tasks, INNER)?;
    let names: Vec<Vec<String>> = layouts
        .iter()
        .zip(&tasks)
        .map(|(layout, tasks)| {
            let workers = (0..=u16::MAX).take(tasks.workers());
            workers.map(|worker| worker_name(layout, worker)).collect()
        })
        .collect();
    let names_width = Lanes::names_width(WIDTH, names.iter().flatten().map(String::as_str));
    let charts = names
        .into_iter()
        .zip(&tasks)
        .enumerate()
        .filter(|(_, (names, _))| !names.is_empty())
        .map(|(layout, (names, tasks))| (layout, chart(names, names_width, tasks, &window)))
        .collect();
    Some(Timelines { window, charts })
}

fn chart(names: Vec<String>, names_width: i32, tasks: &Tasks, window: &Range<u64>) -> Lanes {
    let length = (window.end - window.start) as f64;
    let pixel = length / f64::from(Lanes::inner_width(WIDTH, names_width));
    let mut tolerance = pixel;
    let bars = loop {
        let bars: Vec<Bar> = tasks
            .within(window)
            .flat_map(|(lane, spans)| bars(lane, spans, window, pixel, tolerance))
            .collect();
        if bars.len() <= MOST || tolerance > length {
            break bars;
        }
        tolerance *= 2.0;
    };
    let x = axis(window);
    Lanes { width: WIDTH, names_width, names, x, bars, ranges: Vec::new() }
}

/// In milliseconds, as the trace has them.
fn axis(window: &Range<u64>) -> Axis {
    let (from, to) = (milliseconds(window.start as f64), milliseconds(window.end as f64));
    let length = to - from;
    let decimals = match length {
        5.0.. => 0,
        0.5.. => 1,
        0.05.. => 2,
        _ => 3,
    };
    let label = |value: f64| format!("{value:.decimals$} ms");
    Axis::within("", from..to, 8, label)
}

fn milliseconds(ns: f64) -> f64 {
    ns / 1e6
}

/// A task that is narrower than a pixel becomes a part of the one before it, if that is near; together they have the colour of the
/// longer one. So there are not many more bars than pixels.
fn bars(lane: usize, spans: &[Span], window: &Range<u64>, pixel: f64, tolerance: f64) -> Vec<Bar> {
    let mut merged: Vec<(f64, f64, u16)> = Vec::new();
    for span in spans {
        let from = span.begin_ns.clamp(window.start, window.end) as f64;
        let to = span.end_ns.clamp(window.start, window.end) as f64;
        let near = merged.last_mut().filter(|last| {
            from - last.1 < tolerance
                && (last.1 - last.0 < tolerance || to - from < tolerance)
                && (last.2 == span.class || to - last.0 < tolerance)
        });
        match near {
            Some(last) => {
                if to - from > last.1 - last.0 {
                    last.2 = span.class;
                }
                last.1 = last.1.max(to);
            }
            None => merged.push((from, to, span.class)),
        }
    }
    let bar = |(from, to, class): (f64, f64, u16)| Bar {
        lane,
        from: milliseconds(from),
        // What ran is to be seen, however short it was.
        to: milliseconds(to.max(from + pixel).min(window.end as f64)),
        colour: palette::class(usize::from(class)),
    };
    merged.into_iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(class: u16, begin_ns: u64, end_ns: u64) -> Span {
        Span { worker: 0, cpu: 0, class, begin_ns, end_ns }
    }

    #[test]
    fn what_is_wider_than_a_pixel_stays_as_it_is() {
        let spans = [span(0, 0, 100), span(0, 100, 200), span(1, 250, 900)];
        let bars = bars(0, &spans, &(50..500), 10.0, 10.0);
        let colours = [palette::class(0), palette::class(0), palette::class(1)];
        assert_eq!(bars.iter().map(|bar| bar.colour).collect::<Vec<_>>(), colours);
        assert_eq!((bars[0].from, bars[2].to), (50e-6, 500e-6));
    }

    #[test]
    fn what_is_narrower_becomes_a_part_of_what_is_before_it() {
        let same: Vec<Span> = (0..100).map(|at| span(0, at * 4, at * 4 + 3)).collect();
        assert_eq!(bars(0, &same, &(0..400), 10.0, 10.0).len(), 1);
        let alternating: Vec<Span> =
            (0..100).map(|at| span((at % 2) as u16, at * 4, at * 4 + 3)).collect();
        let bars = bars(0, &alternating, &(0..400), 10.0, 10.0);
        assert!(bars.len() <= 50 && bars.len() > 20, "{}", bars.len());
    }
}
