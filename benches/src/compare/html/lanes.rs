//! Charts in which each worker is a lane.

use plotters::prelude::*;

use super::axis::Axis;
use super::palette::{GRID, INK, SOFT, drawn};
use super::plot::{Area, Plot, line, px, shortened, text, width_of};

/// Such a chart.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// In pixels.
    pub(super) width: i32,
    /// How much of the width is for names. Charts that are compared have the same.
    pub(super) names_width: i32,
    /// What the lanes are called, from top to bottom.
    pub(super) names: Vec<String>,
    pub(super) x: Axis,
    pub(super) bars: Vec<Bar>,
    /// The lane, and from where to where.
    pub(super) ranges: Vec<(usize, f64, f64)>,
}

/// A part of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) lane: usize,
    pub(super) from: f64,
    pub(super) to: f64,
    /// The place of its colour.
    pub(super) colour: usize,
}

/// From the right end of the lanes to the edge of the drawing, in pixels: half of the last tick's name has room.
const RIGHT: i32 = 36;

/// Above the lanes, in pixels.
const TOP: i32 = 9;

/// Below the lanes, in pixels: the ticks' names.
const BELOW: i32 = 26;

impl Lanes {
    /// How much of the width these names need.
    pub(super) fn names_width<'a>(width: i32, names: impl Iterator<Item = &'a str>) -> i32 {
        names.map(width_of).max().unwrap_or_default().min(width * 2 / 5) + 12
    }

    /// How much of the width the lanes have for themselves, in pixels.
    pub(super) const fn inner_width(width: i32, names_width: i32) -> i32 {
        width - RIGHT - names_width
    }

    /// The distance of two lanes in pixels: many workers have narrow ones.
    fn pitch(&self) -> i32 {
        (320 / self.names.len().max(1) as i32).clamp(3, 22)
    }

    /// Draws it.
    pub(super) fn plot(&self) -> anyhow::Result<Plot> {
        let height = TOP + self.pitch() * self.names.len() as i32 + BELOW;
        Plot::draw(self.width, height, |area| self.draw(area))
    }

    fn draw(&self, area: &Area<'_>) -> anyhow::Result<()> {
        let pitch = self.pitch();
        // Lanes that are too narrow for text are named now and then.
        let stride = (15 + pitch - 1) / pitch;
        let centres = (0..self.names.len()).map(|lane| lane as f64 + 0.5);
        let names = centres.zip(&self.names).step_by(stride as usize);
        let names = names.map(|(at, name)| (at, shortened(name, self.names_width - 12))).collect();
        let y = Axis::with_ticks("", self.names.len() as f64..0.0, names);
        let mut chart = ChartBuilder::on(area)
            .margin_top(px(TOP))
            .margin_right(px(RIGHT))
            .x_label_area_size(px(BELOW))
            .y_label_area_size(px(self.names_width))
            .build_cartesian_2d(self.x.clone(), y)?;
        let inset = if pitch > 8 { 0.14 } else { 0.1 };
        let tracks = (0..self.names.len()).map(|lane| {
            let (top, bottom) = (lane as f64 + inset, lane as f64 + 1.0 - inset);
            let corners = [(self.x.range.start, top), (self.x.range.end, bottom)];
            Rectangle::new(corners, GRID.mix(0.4).filled())
        });
        chart.draw_series(tracks)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .axis_style(line(SOFT, 1.0))
            .bold_line_style(line(GRID, 1.0))
            .label_style(text(INK))
            .set_all_tick_mark_size(px(3))
            .draw()?;
        let bars = self.bars.iter().map(|bar| {
            let (top, bottom) = (bar.lane as f64 + inset, bar.lane as f64 + 1.0 - inset);
            let colour = drawn(bar.colour);
            Rectangle::new([(bar.from, top), (bar.to, bottom)], colour.filled())
        });
        chart.draw_series(bars)?;
        // In narrow lanes they would cover the bars.
        let ranges = self.ranges.iter().filter(|_| pitch > 8).map(|(lane, from, to)| {
            let middle = *lane as f64 + 0.5;
            PathElement::new([(*from, middle), (*to, middle)], line(INK, 1.25))
        });
        chart.draw_series(ranges)?;
        Ok(())
    }
}
