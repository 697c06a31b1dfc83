//! Pictures as SVG: text, boxes and paths, and what they have in common.

use std::fmt::{Display, Write};

/// A picture in the making.
pub(crate) struct Svg(String);

impl Svg {
    /// Begins a picture of a size in pixels. `style` has CSS for light, then for dark.
    pub(crate) fn new((width, height): (f64, f64), title: &str, style: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\">\n<title>{title}</title>\n\
             <style>\n{style}</style>\n"
        ))
    }

    /// Adds an element as it is written.
    pub(crate) fn element(&mut self, element: impl Display) {
        let _ = writeln!(self.0, "{element}");
    }

    /// Says in words what is to be seen.
    pub(crate) fn description(&mut self, text: &str) {
        self.element(format_args!("<desc>{}</desc>", escaped(text)));
    }

    /// A line of text.
    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let text = escaped(text);
        self.element(format_args!(
            r#"<text class="{class}" x="{x:.0}" y="{y:.0}">{text}</text>"#
        ));
    }

    /// A box with round corners.
    pub(crate) fn rectangle(
        &mut self,
        class: &str,
        radius: u32,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
    ) {
        self.element(format_args!(
            r#"<rect class="{class}" rx="{radius}" x="{x:.0}" y="{y:.0}" width="{width:.0}" height="{height:.0}"/>"#
        ));
    }

    /// A path, with other attributes after a space.
    pub(crate) fn path(&mut self, class: &str, path: &str, more: &str) {
        self.element(format_args!(r#"<path class="{class}" d="{path}"{more}/>"#));
    }

    pub(crate) fn finish(self) -> String {
        self.0 + "</svg>\n"
    }
}

/// A text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_element() {
        let mut svg = Svg::new((10.0, 20.0), "a < b", "");
        svg.text("label", (1.0, 2.0), "a & </text>");
        let text = svg.finish();
        assert!(text.contains("<title>a &lt; b</title>"), "{text}");
        assert!(text.contains(">a &amp; &lt;/text&gt;</text>"), "{text}");
    }
}
