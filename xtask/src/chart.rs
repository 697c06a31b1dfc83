//! Charts as SVG: bars, and lines over a logarithmic axis; readable in light and in dark.

mod axis;
mod bars;
mod lines;

pub(crate) use axis::{Axis, Unit, grouped};
pub(crate) use bars::Bars;
pub(crate) use lines::{Line, Lines};

use crate::svg::Svg;

/// One picture.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// The last line: machine and date.
    pub(crate) footer: String,
    pub(crate) panels: Vec<Panel>,
}

/// A part of a picture, with axes of its own.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) plot: Plot,
}

pub(crate) enum Plot {
    /// Over the whole width.
    Bars(Bars),
    /// Two beside each other.
    Lines(Lines),
}

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
const HEAD: f64 = 44.0;
const FOOT: f64 = 30.0;
const PANEL_TITLE: f64 = 22.0;
/// The width of a letter at most, of the size of labels.
const LETTER: f64 = 7.0;
/// The same in titles.
#[cfg(test)]
const TITLE_LETTER: f64 = 7.5;

/// Colours of the series, which also differ in their marks.
const STYLE: &str = "  text { font: 12px system-ui, sans-serif; fill: #1f2933 }
  .title { font-weight: 600; font-size: 16px }
  .panel { font-weight: 600; font-size: 13px }
  .end { text-anchor: end } .middle { text-anchor: middle }
  .foot { font-size: 11px; fill: #52606d }
  .back { fill: #ffffff; stroke: #cbd2d9 }
  .grid { fill: none; stroke: #e4e7eb } .axis { fill: none; stroke: #7b8794 }
  .f0 { fill: #1f6fb4 } .f1 { fill: #c2570c } .f2 { fill: #1a7f5a } .f3 { fill: #8a4fbf }
  .l0 { stroke: #1f6fb4 } .l1 { stroke: #c2570c } .l2 { stroke: #1a7f5a } .l3 { stroke: #8a4fbf }
  .l0, .l1, .l2, .l3 { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .foot { fill: #9aa5b1 }
    .back { fill: #161b22; stroke: #3e4c59 }
    .grid { stroke: #323f4b } .axis { stroke: #9aa5b1 }
    .f0 { fill: #5aa9e6 } .f1 { fill: #f0954a } .f2 { fill: #4cc38a } .f3 { fill: #bf8cf0 }
    .l0 { stroke: #5aa9e6 } .l1 { stroke: #f0954a } .l2 { stroke: #4cc38a } .l3 { stroke: #bf8cf0 }
  }
";
/// As many as there are colours.
const SERIES: usize = 4;

impl Chart {
    /// Draws the picture.
    pub(crate) fn draw(&self) -> String {
        let places = self.places();
        let bottom = places.iter().map(|(_, y, panel)| y + panel.height());
        let height = bottom.fold(HEAD, f64::max) + FOOT;
        let mut svg = Svg::new((WIDTH, height), &self.title, STYLE);
        let described = self.panels.iter().map(Panel::described);
        svg.description(&described.collect::<Vec<_>>().join("\n"));
        svg.rectangle("back", 8, (0.5, 0.5), (WIDTH - 1.0, height - 1.0));
        svg.text("title", (MARGIN, 28.0), &self.title);
        for (x, y, panel) in places {
            svg.text("panel", (x, y + 14.0), &panel.title);
            let place = (x, y + PANEL_TITLE);
            match &panel.plot {
                Plot::Bars(bars) => bars.draw(&mut svg, place, WIDTH - 2.0 * MARGIN),
                Plot::Lines(lines) => lines.draw(&mut svg, place, column()),
            }
        }
        svg.text("foot", (MARGIN, height - 12.0), &self.footer);
        svg.finish()
    }

    /// Where each panel is.
    fn places(&self) -> Vec<(f64, f64, &Panel)> {
        let mut places: Vec<(f64, f64, &Panel)> = Vec::new();
        let mut y = HEAD;
        let mut is_right = false;
        for panel in &self.panels {
            let is_half = matches!(panel.plot, Plot::Lines(_));
            let x = match is_half && is_right {
                true => MARGIN + column() + MARGIN,
                false => MARGIN,
            };
            places.push((x, y, panel));
            is_right = is_half && !is_right;
            if !is_right {
                y += panel.height();
            }
        }
        places
    }
}

/// The width of one of two columns.
fn column() -> f64 {
    (WIDTH - 3.0 * MARGIN) / 2.0
}

impl Panel {
    fn height(&self) -> f64 {
        PANEL_TITLE
            + match &self.plot {
                Plot::Bars(bars) => bars.height(),
                Plot::Lines(lines) => lines.height(),
            }
    }

    /// All values, for those who do not see the picture.
    fn described(&self) -> String {
        let values = match &self.plot {
            Plot::Bars(bars) => bars.described(),
            Plot::Lines(lines) => lines.described(),
        };
        format!("{}: {values}.", self.title)
    }
}

/// Names of series with their marks, from left to right.
fn legend<'a>(svg: &mut Svg, (x, y): (f64, f64), names: impl Iterator<Item = &'a str>) {
    let mut x = x + 6.0;
    for (series, name) in names.enumerate() {
        mark(svg, series, (x, y));
        svg.text("label", (x + 10.0, y + 4.0), name);
        x += legend_width(name);
    }
}

fn legend_width(name: &str) -> f64 {
    name.chars().count() as f64 * LETTER + 30.0
}

/// Whether a title and the names of series fit into a panel.
#[cfg(test)]
pub(crate) fn has_room(title: &str, names: &[&str], is_half: bool) -> bool {
    let width = if is_half {
        column()
    } else {
        WIDTH - 2.0 * MARGIN
    };
    let letters = title.chars().count() as f64 * TITLE_LETTER;
    let legend: f64 = names.iter().map(|name| legend_width(name)).sum();
    names.len() <= SERIES && letters <= width && legend <= width
}

/// The mark of a series: a disc, a square, a triangle or a diamond.
fn mark(svg: &mut Svg, series: usize, (x, y): (f64, f64)) {
    let path = match series % SERIES {
        0 => format!("M{:.1} {y:.1}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4.0),
        1 => format!("M{:.1} {:.1}h8v8h-8z", x - 4.0, y - 4.0),
        2 => format!("M{:.1} {:.1}h10l-5 -9z", x - 5.0, y + 4.0),
        _ => format!("M{:.1} {y:.1}l5 -5l5 5l-5 5z", x - 5.0),
    };
    svg.path(&format!("f{}", series % SERIES), &path, "");
}
