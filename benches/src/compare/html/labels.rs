//! Texts within a chart: each is put where it hides as little as possible.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::INK;
use super::plot::{Area, px, text, width_of};

/// The height of a text, in pixels.
const HEIGHT: i32 = 16;

/// How near a line may come to a text, in pixels.
const AIR: i32 = 3;

/// What is drawn already, and where texts may be.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    within: Place,
    /// Points of lines, close to each other.
    points: Vec<(i32, i32)>,
    taken: Vec<Place>,
}

/// A rectangle in plotters' units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

/// A point, and on which side of it the text is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) x: i32,
    pub(super) y: i32,
    /// Whether the text ends there, instead of beginning there.
    pub(super) ends: bool,
    /// Whether it is above, instead of below.
    pub(super) above: bool,
}

impl Labels {
    /// Of a chart with these edges.
    pub(super) fn new(x: std::ops::Range<i32>, y: std::ops::Range<i32>) -> Self {
        let within = Place { left: x.start, top: y.start, right: x.end, bottom: y.end };
        Self { within, points: Vec::new(), taken: Vec::new() }
    }

    /// Keeps texts off a line.
    pub(super) fn avoid(&mut self, line: &[(i32, i32)]) {
        self.points.extend(line.first());
        for ends in line.windows(2) {
            let ((x0, y0), (x1, y1)) = (ends[0], ends[1]);
            let steps = ((x1 - x0).abs().max((y1 - y0).abs()) / px(AIR)).max(1);
            let step = |step: i32| (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps);
            self.points.extend((1..=steps).map(step));
        }
    }

    /// Draws a text at the anchor at which it hides least, the first one of several.
    pub(super) fn draw(
        &mut self,
        area: &Area<'_>,
        content: &str,
        anchors: impl IntoIterator<Item = Anchor>,
    ) -> anyhow::Result<()> {
        let best = anchors.into_iter().min_by_key(|anchor| self.hidden(anchor.place(content)));
        let Some(anchor) = best else { return Ok(()) };
        self.taken.push(anchor.place(content));
        let h_pos = if anchor.ends { HPos::Right } else { HPos::Left };
        let v_pos = if anchor.above { VPos::Bottom } else { VPos::Top };
        let style = text(INK).pos(Pos::new(h_pos, v_pos));
        area.draw(&Text::new(content.to_owned(), (anchor.x, anchor.y), style))?;
        Ok(())
    }

    /// How many points a text there hides. Another text, or the chart's edge, counts more than any line.
    fn hidden(&self, place: Place) -> usize {
        let wide = place.grown(px(AIR));
        let points = self.points.iter().filter(|(x, y)| wide.contains(*x, *y)).count();
        let texts = self.taken.iter().filter(|taken| taken.meets(&place)).count();
        let outside = usize::from(!self.within.covers(&place));
        points + (texts + outside) * (self.points.len() + 1)
    }
}

impl Anchor {
    fn place(&self, content: &str) -> Place {
        let (width, height) = (px(width_of(content)), px(HEIGHT));
        let left = if self.ends { self.x - width } else { self.x };
        let top = if self.above { self.y - height } else { self.y };
        Place { left, top, right: left + width, bottom: top + height }
    }
}

impl Place {
    fn grown(self, by: i32) -> Self {
        let Self { left, top, right, bottom } = self;
        Self { left: left - by, top: top - by, right: right + by, bottom: bottom + by }
    }

    fn contains(&self, x: i32, y: i32) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn covers(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }
}

#[cfg(test)]
mod tests {
    use super::super::plot::Plot;
    use super::*;

    /// Where the texts are put, in pixels.
    fn drawn(labels: &mut Labels, contents: &[&str]) -> Vec<(i32, i32)> {
        let anchors = [(10, false), (190, true)].into_iter().flat_map(|(x, ends)| {
            [true, false].map(|above| Anchor { x: px(x), y: px(50), ends, above })
        });
        Plot::draw(200, 100, |area| {
            contents.iter().try_for_each(|content| labels.draw(area, content, anchors.clone()))
        })
        .unwrap();
        labels.taken.iter().map(|place| (place.left / px(1), place.top / px(1))).collect()
    }

    #[test]
    fn the_first_place_is_taken_where_nothing_is_in_the_way() {
        let mut labels = Labels::new(0..px(200), 0..px(100));
        assert_eq!(drawn(&mut labels, &["text"]), [(10, 34)]);
    }

    #[test]
    fn lines_texts_and_edges_are_kept_clear() {
        let mut labels = Labels::new(0..px(200), 0..px(100));
        labels.avoid(&[(px(15), 0), (px(15), px(60))]);
        let right = 190 - width_of("text");
        assert_eq!(drawn(&mut labels, &["text", "text"]), [(right, 34), (right, 50)]);
        let mut low = Labels::new(0..px(200), px(45)..px(100));
        assert_eq!(drawn(&mut low, &["text"]), [(10, 50)]);
    }
}
