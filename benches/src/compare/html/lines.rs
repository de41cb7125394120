//! Charts in which each layout is a line.

use plotters::chart::ChartContext;
use plotters::prelude::*;

use super::axis::Axis;
use super::labels::{Anchor, Labels};
use super::palette::{self, BAND, GRID, INK, LIMIT, SOFT, Shape};
use super::plot::{Area, Plot, centred, line, px, text, width_of};

/// The size of such a chart, in pixels.
pub(super) const SIZE: (i32, i32) = (400, 270);

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// A chart. All points are in the axes' units: decades on logarithmic ones.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) limits: Vec<Limit>,
    pub(super) marks: Vec<Mark>,
}

/// One layout.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its index.
    pub(super) layout: usize,
    /// From left to right.
    pub(super) points: Vec<(f64, f64)>,
    /// Points with a marker: where, and the range around it.
    pub(super) markers: Vec<(f64, Marker)>,
}

/// A figure with its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Marker {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

/// What must not be exceeded.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) y: f64,
    /// Where it ends; nothing if it holds everywhere.
    pub(super) until: Option<f64>,
    pub(super) text: String,
}

/// A place on the x axis.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) range: (f64, f64),
    pub(super) text: String,
}

impl Lines {
    /// Draws it.
    pub(super) fn plot(&self) -> anyhow::Result<Plot> {
        Plot::draw(SIZE.0, SIZE.1, |area| self.draw(area))
    }

    fn draw(&self, area: &Area<'_>) -> anyhow::Result<()> {
        let left = self.y.labels().map(width_of).max().unwrap_or_default() + 12;
        // The last label of the x axis is centred below its tick, which may be at the edge.
        let right = self.x.labels().last().map_or(0, width_of) / 2 + 4;
        let mut chart = ChartBuilder::on(area)
            .margin_top(px(26))
            .margin_right(px(right.max(10)))
            .x_label_area_size(px(42))
            .y_label_area_size(px(left))
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        for mark in &self.marks {
            self.band(&mut chart, mark)?;
        }
        chart
            .configure_mesh()
            .axis_style(line(SOFT, 1.0))
            .bold_line_style(line(GRID, 1.0))
            .light_line_style(line(GRID.mix(0.45), 0.75))
            .label_style(text(INK))
            .set_all_tick_mark_size(px(3))
            .draw()?;
        let (plot_x, plot_y) = chart.plotting_area().get_pixel_range();
        area.draw(&Text::new(self.y.name.clone(), (plot_x.start, px(3)), text(SOFT)))?;
        let middle = (plot_x.start + plot_x.end) / 2;
        area.draw(&Text::new(self.x.name.clone(), (middle, px(SIZE.1 - 2)), centred(text(SOFT))))?;
        self.limits(&mut chart)?;
        for line in &self.lines {
            line.draw(&mut chart)?;
        }
        self.texts(area, &chart, &mut Labels::new(plot_x, plot_y))?;
        Ok(())
    }

    fn band(&self, chart: &mut Chart<'_, '_>, mark: &Mark) -> anyhow::Result<()> {
        let within = |x: f64| x.clamp(self.x.range.start, self.x.range.end);
        let corners =
            [(within(mark.range.0), self.y.range.start), (within(mark.range.1), self.y.range.end)];
        chart.draw_series([Rectangle::new(corners, BAND.filled())])?;
        let ends = [(mark.x, self.y.range.start), (mark.x, self.y.range.end)];
        chart.draw_series([PathElement::new(ends, line(LIMIT, 1.25))])?;
        Ok(())
    }

    fn limits(&self, chart: &mut Chart<'_, '_>) -> anyhow::Result<()> {
        for limit in &self.limits {
            let until = self.end_of(limit);
            let ends = [(self.x.range.start, limit.y), (until, limit.y)];
            chart.draw_series([PathElement::new(ends, line(LIMIT, 1.25))])?;
            if limit.until.is_some() {
                let end = EmptyElement::at((until, limit.y))
                    + PathElement::new([(0, 0), (0, px(7))], line(INK, 1.25));
                chart.draw_series([end])?;
            }
        }
        Ok(())
    }

    /// What the limits and marks are called.
    fn texts(
        &self,
        area: &Area<'_>,
        chart: &Chart<'_, '_>,
        labels: &mut Labels,
    ) -> anyhow::Result<()> {
        for line in &self.lines {
            let points = line.points.iter().map(|point| chart.backend_coord(point));
            labels.avoid(&points.collect::<Vec<_>>());
        }
        for limit in &self.limits {
            let (left, y) = chart.backend_coord(&(self.x.range.start, limit.y));
            let (right, _) = chart.backend_coord(&(self.end_of(limit), limit.y));
            let sides = [(left + px(5), false), (right - px(5), true)];
            let anchors = [(y - px(3), true), (y + px(3), false)]
                .into_iter()
                .flat_map(|(y, above)| sides.map(|(x, ends)| Anchor { x, y, ends, above }));
            labels.draw(area, &limit.text, anchors)?;
        }
        for mark in &self.marks {
            let (x, top) = chart.backend_coord(&(mark.x, self.y.range.end));
            let rows = (0..4).map(|row| top + px(4 + row * 17));
            let sides = [(x + px(5), false), (x - px(5), true)];
            let anchors =
                rows.flat_map(|y| sides.map(|(x, ends)| Anchor { x, y, ends, above: false }));
            labels.draw(area, &mark.text, anchors)?;
        }
        Ok(())
    }

    /// Where it ends on the x axis.
    fn end_of(&self, limit: &Limit) -> f64 {
        limit.until.unwrap_or(self.x.range.end).min(self.x.range.end)
    }
}

impl Line {
    fn draw(&self, chart: &mut Chart<'_, '_>) -> anyhow::Result<()> {
        let colour = palette::drawn(palette::layout(self.layout));
        if self.points.len() > 1 {
            chart.draw_series(LineSeries::new(self.points.iter().copied(), line(colour, 2.0)))?;
        }
        for (x, marker) in &self.markers {
            if marker.low < marker.high {
                let ends = [(*x, marker.low), (*x, marker.high)];
                chart.draw_series([PathElement::new(ends, line(colour.mix(0.55), 1.25))])?;
            }
            draw_marker(chart, self.layout, (*x, marker.median))?;
        }
        Ok(())
    }
}

fn draw_marker(chart: &mut Chart<'_, '_>, layout: usize, at: (f64, f64)) -> anyhow::Result<()> {
    let filled = palette::drawn(palette::layout(layout)).filled();
    match palette::shape(layout) {
        Shape::Circle => {
            chart.draw_series([Circle::new(at, px(4), filled)])?;
        }
        Shape::Square => {
            let half = px(7) / 2;
            let square = Rectangle::new([(-half, -half), (half, half)], filled);
            chart.draw_series([EmptyElement::at(at) + square])?;
        }
        Shape::Triangle => {
            chart.draw_series([TriangleMarker::new(at, px(5), filled)])?;
        }
        Shape::Diamond => {
            let half = px(5);
            let corners = vec![(0, -half), (half, 0), (0, half), (-half, 0)];
            chart.draw_series([EmptyElement::at(at) + Polygon::new(corners, filled)])?;
        }
    }
    Ok(())
}
