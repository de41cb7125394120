//! Colours: what plotters writes, and what the style sheet makes of it.
//!
//! A drawing has the same text in light and dark. So it is drawn in colours that mean nothing but a name, and the style sheet
//! replaces them by its variables, which follow the reader's theme.

use std::fmt::Write;

use plotters::style::RGBColor;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(1, 1, 1);
/// Text and lines that step back.
pub(super) const SOFT: RGBColor = RGBColor(1, 1, 2);
/// Lines that lead the eye.
pub(super) const GRID: RGBColor = RGBColor(1, 1, 3);
/// What is wanted: the style sheet makes it a dashed line.
pub(super) const LIMIT: RGBColor = RGBColor(1, 1, 4);
/// A range that is marked.
pub(super) const BAND: RGBColor = RGBColor(1, 1, 5);

/// How many colours things are told apart by. Those beyond share them, with another shape.
pub(super) const COLOURS: usize = 7;

/// How many shapes of markers there are. No divisor of [`COLOURS`], so that colour and shape together are unique for long.
const SHAPES: usize = 4;

/// A marker on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// The place of a layout's colour in the style sheet.
pub(super) const fn layout(index: usize) -> usize {
    index % COLOURS
}

/// The place of a class's colour. Classes fill areas, layouts are lines: the former begin with the lighter colours.
pub(super) const fn class(index: usize) -> usize {
    [4, 5, 2, 3, 0, 1, 6][index % COLOURS]
}

/// The colour at this place, as it is drawn.
pub(super) const fn drawn(place: usize) -> RGBColor {
    RGBColor(2, 2, place as u8)
}

/// The shape of a layout's markers.
pub(super) const fn shape(layout: usize) -> Shape {
    match layout % SHAPES {
        0 => Shape::Circle,
        1 => Shape::Square,
        2 => Shape::Triangle,
        _ => Shape::Diamond,
    }
}

/// The rules that replace the drawn colours by the style sheet's variables.
pub(super) fn rules() -> String {
    let named = [(INK, "ink"), (SOFT, "soft"), (GRID, "grid"), (LIMIT, "limit"), (BAND, "band")]
        .map(|(colour, name)| (colour, name.to_owned()));
    let places = (0..COLOURS).map(|place| (drawn(place), format!("c{place}")));
    let mut css = String::new();
    for (RGBColor(red, green, blue), variable) in named.into_iter().chain(places) {
        for property in ["fill", "stroke"] {
            let _ = writeln!(
                css,
                "svg [{property}=\"#{red:02X}{green:02X}{blue:02X}\"]{{{property}:var(--{variable})}}"
            );
        }
    }
    css
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_variable_that_the_rules_name_has_a_light_and_a_dark_value() {
        let css = rules();
        let style = include_str!("style.css");
        let names: HashSet<&str> =
            css.split("var(").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
        assert_eq!(names.len(), 5 + COLOURS);
        for name in names {
            assert_eq!(style.matches(&format!("{name}:")).count(), 2, "{name}");
        }
    }

    #[test]
    fn colour_and_shape_together_are_unique_for_28_layouts() {
        let looks: HashSet<_> =
            (0..28).map(|index| (layout(index), shape(index) as usize)).collect();
        assert_eq!(looks.len(), 28);
        let classes: HashSet<_> = (0..COLOURS).map(class).collect();
        assert_eq!(classes.len(), COLOURS);
    }
}
