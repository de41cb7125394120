//! A drawing: plotters' SVG, made to fit into the page.

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::TextStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette;

/// plotters counts in whole units. So many of them are a pixel, so that curves are smooth.
const UNITS: i32 = 4;

/// The size of text, in pixels. A drawing that is 400 wide fills a phone, and this can be read there.
const TEXT: f64 = 14.0;

/// plotters divides a text's size by this before it writes it.
const TEXT_SCALE: f64 = 1.24;

/// What one draws on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A finished drawing.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    size: (u32, u32),
    /// The elements in it, as text.
    elements: String,
}

/// What a reader gets who does not see the drawing.
#[derive(Clone, Debug)]
pub(super) struct Caption {
    /// Unique in the page.
    pub(super) id: String,
    /// What it is.
    pub(super) title: String,
    /// What it shows, with the main figures.
    pub(super) description: String,
}

/// So many pixels in plotters' units.
pub(super) const fn px(pixels: i32) -> i32 {
    pixels * UNITS
}

/// Text of the common size.
pub(super) fn text(colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", TEXT * f64::from(UNITS) * TEXT_SCALE).into_font().color(&colour)
}

/// Text whose middle is above a point.
pub(super) fn centred(style: TextStyle<'_>) -> TextStyle<'_> {
    style.pos(Pos::new(HPos::Center, VPos::Bottom))
}

/// A line so many pixels wide.
pub(super) fn line(colour: impl Color, pixels: f64) -> ShapeStyle {
    ShapeStyle {
        color: colour.to_rgba(),
        filled: false,
        stroke_width: (pixels * f64::from(UNITS)).round() as u32,
    }
}

/// About how wide a text of the common size is, in pixels. What is drawn has no font of its own.
pub(super) fn width_of(text: &str) -> i32 {
    (text.chars().count() as f64 * TEXT * 0.58).ceil() as i32
}

/// The end of a text that is too long, which tells names of workers apart.
pub(super) fn shortened(text: &str, pixels: i32) -> String {
    let room = (f64::from(pixels) / (TEXT * 0.58)) as usize;
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let end: String = text.chars().skip(count + 1 - room.max(2)).collect();
    format!("\u{2026}{end}")
}

impl Plot {
    /// Draws on an area of this size in pixels.
    pub(super) fn draw(
        width: i32,
        height: i32,
        draw: impl FnOnce(&Area<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let size = (px(width).unsigned_abs(), px(height).unsigned_abs());
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area)?;
        area.present()?;
        drop(area);
        // The outermost element is written anew. Attributes that say what holds anyway are half of the text.
        let (_, inside) = svg.split_once('>').unwrap_or_default();
        let inside = inside.trim_end().trim_end_matches("</svg>");
        let elements = inside
            .replace(" opacity=\"1\"", "")
            .replace(" stroke=\"none\"", "")
            .replace("\n</", "</");
        Ok(Self { size, elements })
    }

    /// The drawing as a part of the page.
    pub(super) fn show(&self, caption: &Caption) -> Markup {
        let (width, height) = self.size;
        let title = format!("{}-title", caption.id);
        let description = format!("{}-description", caption.id);
        html! {
            svg .plot id=(caption.id) viewBox={ "0 0 " (width) " " (height) } role="img"
                aria-labelledby=(title) aria-describedby=(description)
                xmlns="http://www.w3.org/2000/svg"
            {
                title id=(title) { (caption.title) }
                desc id=(description) { (caption.description) }
                (PreEscaped(&self.elements))
            }
        }
    }
}

/// A small picture of how a layout's lines look.
pub(super) fn line_sample(layout: usize) -> Markup {
    let colour = format!("var(--c{})", palette::layout(layout));
    let marker = match palette::shape(layout) {
        palette::Shape::Circle => "M8 6a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        palette::Shape::Square => "M8.5 2.5h7v7h-7z",
        palette::Shape::Triangle => "M12 1.5l4.5 8h-9z",
        palette::Shape::Diamond => "M12 1l5 5l-5 5l-5 -5z",
    };
    html! {
        svg .sample viewBox="0 0 24 12" width="24" height="12" aria-hidden="true" {
            path d="M0 6h24" style={ "stroke:" (colour) } stroke-width="2" {}
            path d=(marker) style={ "fill:" (colour) } {}
        }
    }
}

/// A small picture of how a class's areas look.
pub(super) fn area_sample(class: usize) -> Markup {
    html! {
        svg .sample viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" {
            rect width="12" height="12" rx="2" style={ "fill:var(--c" (palette::class(class)) ")" } {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_keeps_its_end() {
        assert_eq!(shortened("amp-tick-0", 200), "amp-tick-0");
        assert_eq!(shortened("a-very-long-role-name-12", 66), "\u{2026}name-12");
        assert_eq!(shortened("abc", 0), "\u{2026}c");
    }

    #[test]
    fn what_is_written_in_a_drawing_is_escaped() {
        let plot = Plot::draw(10, 10, |area| {
            area.draw(&Text::new("<script>&\"", (0, 0), text(palette::INK)))?;
            Ok(())
        })
        .unwrap();
        let caption = Caption {
            id: "p".to_owned(),
            title: "<b>".to_owned(),
            description: "a & b".to_owned(),
        };
        let shown = plot.show(&caption).into_string();
        assert!(shown.contains("&lt;script&gt;&amp;&quot;"), "{shown}");
        assert!(!shown.contains("<script>") && !shown.contains("<b>"), "{shown}");
        assert!(roxmltree::Document::parse(&shown).is_ok(), "{shown}");
    }
}
