//! Lines over a logarithmic axis, with a mark at each value.

use super::axis::{Axis, Scale, Unit, label, ticks};
use super::{LETTER, SERIES, legend, mark};
use crate::svg::Svg;

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    /// From left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines with common axes.
pub(crate) struct Lines {
    /// What the lower axis has.
    pub(crate) below: String,
    pub(crate) unit: Unit,
    /// The axis on the left; that below is logarithmic.
    pub(crate) left: Axis,
    pub(crate) lines: Vec<Line>,
}

/// Sizes in pixels.
const PLOT: f64 = 210.0;
const LEGEND: f64 = 26.0;
const TICKS: f64 = 20.0;
const BELOW: f64 = 30.0;
/// For half of the last label.
const RIGHT: f64 = 24.0;

impl Lines {
    fn legend_height(&self) -> f64 {
        if self.lines.len() > 1 { LEGEND } else { 6.0 }
    }

    pub(super) fn height(&self) -> f64 {
        self.legend_height() + PLOT + TICKS + BELOW
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines
            .iter()
            .flat_map(|line| line.points.iter().copied())
    }

    pub(super) fn draw(&self, svg: &mut Svg, (x, y): (f64, f64), width: f64) {
        if self.lines.len() > 1 {
            let names = self.lines.iter().map(|line| line.name.as_str());
            legend(svg, (x, y + 8.0), names);
        }
        let values: Vec<f64> = self.points().map(|(_, value)| value).collect();
        let marks = ticks(self.left, &values);
        let labels: Vec<_> = marks
            .iter()
            .map(|tick| label(Unit::Number, *tick))
            .collect();
        let longest = labels.iter().map(String::len).max().unwrap_or(0);
        let (start, end) = (x + longest as f64 * LETTER + 8.0, x + width - RIGHT);
        let (top, bottom) = (y + self.legend_height(), y + self.legend_height() + PLOT);
        let scale = Scale::of_ticks(self.left, &marks);
        // A logarithmic axis has no zero; it is drawn at the lower edge.
        let height = |value: f64| bottom - scale.place(value).clamp(0.0, 1.0) * PLOT;
        for (tick, text) in marks.iter().zip(&labels) {
            let y = height(*tick);
            svg.path("grid", &format!("M{start:.1} {y:.1}H{end:.1}"), "");
            svg.text("end", (start - 6.0, y + 4.0), text);
        }
        let mut measured: Vec<f64> = self.points().map(|(at, _)| at).collect();
        measured.sort_by(f64::total_cmp);
        measured.dedup();
        let scale = Scale::of_values(Axis::Logarithmic, &measured);
        let place = |at: f64| start + 8.0 + scale.place(at) * (end - start - 8.0);
        for at in measured {
            let x = place(at);
            svg.path("grid", &format!("M{x:.1} {top:.1}V{bottom:.1}"), "");
            svg.text("middle", (x, bottom + 16.0), &label(self.unit, at));
        }
        svg.path(
            "axis",
            &format!("M{start:.1} {top:.1}V{bottom:.1}H{end:.1}"),
            "",
        );
        let middle = ((start + end) / 2.0, bottom + TICKS + 15.0);
        svg.text("middle", middle, &self.below);
        for (series, line) in self.lines.iter().enumerate() {
            let points = line.points.iter();
            let points: Vec<_> = points
                .map(|(at, value)| (place(*at), height(*value)))
                .collect();
            let path: Vec<_> = points
                .iter()
                .map(|(x, y)| format!("{x:.1} {y:.1}"))
                .collect();
            let class = format!("l{}", series % SERIES);
            svg.path(&class, &format!("M{}", path.join("L")), "");
            for point in points {
                mark(svg, series, point);
            }
        }
    }

    pub(super) fn described(&self) -> String {
        let line = |line: &Line| {
            let values = line.points.iter().map(|(at, value)| {
                let (at, value) = (label(self.unit, *at), label(Unit::Number, *value));
                format!("{value} at {at}")
            });
            let values = values.collect::<Vec<_>>().join(", ");
            match self.lines.len() {
                1 => values,
                _ => format!("{}: {values}", line.name),
            }
        };
        let lines = self.lines.iter().map(line).collect::<Vec<_>>().join("; ");
        format!("{lines} ({})", self.below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_inside_and_zero_is_at_the_lower_edge() {
        let lines = Lines {
            below: "x".to_owned(),
            unit: Unit::Number,
            left: Axis::Logarithmic,
            lines: vec![Line {
                name: "a".to_owned(),
                points: vec![(1.0, 0.0), (10.0, 0.02), (100.0, 2.0)],
            }],
        };
        let mut svg = Svg::new((400.0, 300.0), "", "");
        lines.draw(&mut svg, (0.0, 0.0), 356.0);
        let text = svg.finish();
        let path = text
            .lines()
            .find(|line| line.contains("class=\"l0\""))
            .unwrap();
        let heights: Vec<f64> = path
            .split(['M', 'L', '"'])
            .filter_map(|point| point.split_once(' ')?.1.parse().ok())
            .collect();
        assert_eq!(heights.len(), 3, "{path}");
        assert_eq!(heights[0], 6.0 + PLOT, "{path}");
        assert!(heights[1] < heights[0] && heights[2] < heights[1], "{path}");
        assert!(heights[2] >= 6.0, "{path}");
    }
}
