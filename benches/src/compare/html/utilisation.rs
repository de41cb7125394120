//! How busy each worker was.

use super::axis::Axis;
use super::figures;
use super::format;
use super::lanes::{Bar, Lanes};
use super::palette;
use crate::compare::outcome::LayoutOutcome;
use crate::rounds::Spread;

/// In pixels.
const WIDTH: i32 = 400;

/// The charts of those layouts whose workers ran anything, each with the layout's index.
pub(super) fn charts(layouts: &[LayoutOutcome]) -> Vec<(usize, Lanes)> {
    let workers: Vec<_> =
        layouts.iter().map(|layout| figures::utilisation(&layout.turns)).collect();
    let names_width = Lanes::names_width(WIDTH, workers.iter().flatten().map(|(name, _)| *name));
    let workers = workers.iter().enumerate().filter(|(_, workers)| !workers.is_empty());
    workers.map(|(layout, workers)| (layout, chart(layout, workers, names_width))).collect()
}

fn chart(layout: usize, workers: &[(&str, Spread)], names_width: i32) -> Lanes {
    // Somewhat more than 1 is what the clock gives, not what a worker did.
    let part = |value: f64| value.clamp(0.0, 1.0);
    let bar = |(lane, (_, spread)): (usize, &(&str, Spread))| Bar {
        lane,
        from: 0.0,
        to: part(spread.median),
        colour: palette::layout(layout),
    };
    let bars = workers.iter().enumerate().map(bar).collect();
    let ranges = workers.iter().enumerate();
    let ranges = ranges.map(|(lane, (_, spread))| (lane, part(spread.min), part(spread.max)));
    let ranges = ranges.filter(|(_, low, high)| low < high).collect();
    let names = workers.iter().map(|(name, _)| (*name).to_owned()).collect();
    let x = Axis::within("", 0.0..1.0, 4, format::percent);
    Lanes { width: WIDTH, names_width, names, x, bars, ranges }
}
