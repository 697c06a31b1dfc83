//! Horizontal bars from zero on, with their values.

use super::axis::{Axis, Scale, Unit, label, ticks};
use super::{LETTER, SERIES, legend};
use crate::svg::Svg;

/// A group of bars for each row, one bar for each series.
pub(crate) struct Bars {
    pub(crate) series: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<f64>)>,
}

/// Sizes in pixels.
const BAR: f64 = 14.0;
const BETWEEN_ROWS: f64 = 8.0;
const LEGEND: f64 = 20.0;
/// For the value at the end of the longest bar.
const VALUE: f64 = 70.0;
const BELOW: f64 = 12.0;

impl Bars {
    fn row_height(&self) -> f64 {
        self.series.len() as f64 * BAR + BETWEEN_ROWS
    }

    fn legend_height(&self) -> f64 {
        if self.series.len() > 1 { LEGEND } else { 0.0 }
    }

    pub(super) fn height(&self) -> f64 {
        self.legend_height() + self.rows.len() as f64 * self.row_height() + BELOW
    }

    pub(super) fn draw(&self, svg: &mut Svg, (x, y): (f64, f64), width: f64) {
        let longest = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let start = x + longest.unwrap_or(0) as f64 * LETTER + 8.0;
        let room = x + width - VALUE - start;
        let values = self.rows.iter().flat_map(|(_, values)| values);
        let values: Vec<f64> = values.copied().collect();
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let scale = Scale::of_values(Axis::Linear, &[most]);
        if self.series.len() > 1 {
            legend(
                svg,
                (start, y + 8.0),
                self.series.iter().map(String::as_str),
            );
        }
        let top = y + self.legend_height();
        let bottom = top + self.rows.len() as f64 * self.row_height();
        for tick in ticks(Axis::Linear, &values) {
            if tick > 0.0 && tick <= most {
                let x = start + scale.place(tick) * room;
                svg.path("grid", &format!("M{x:.1} {top:.1}V{bottom:.1}"), "");
            }
        }
        for (index, (name, values)) in self.rows.iter().enumerate() {
            let y = top + index as f64 * self.row_height() + BETWEEN_ROWS / 2.0;
            let middle = y + values.len() as f64 * BAR / 2.0 + 4.0;
            svg.text("end", (start - 8.0, middle), name);
            for (series, value) in values.iter().enumerate() {
                let y = y + series as f64 * BAR;
                let length = scale.place(*value) * room;
                let class = format!("f{}", series % SERIES);
                svg.rectangle(&class, 2, (start, y + 1.0), (length.max(1.0), BAR - 2.0));
                let end = (start + length + 5.0, y + BAR - 3.0);
                svg.text("label", end, &label(Unit::Number, *value));
            }
        }
        svg.path("axis", &format!("M{start:.1} {top:.1}V{bottom:.1}"), "");
    }

    pub(super) fn described(&self) -> String {
        let row = |(name, values): &(String, Vec<f64>)| {
            let values = values.iter().zip(&self.series).map(|(value, series)| {
                let value = label(Unit::Number, *value);
                match self.series.len() {
                    1 => value,
                    _ => format!("{value} ({series})"),
                }
            });
            format!("{name} {}", values.collect::<Vec<_>>().join(" and "))
        };
        self.rows.iter().map(row).collect::<Vec<_>>().join("; ")
    }
}
