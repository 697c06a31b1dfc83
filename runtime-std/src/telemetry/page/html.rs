//! Text as HTML. Whatever is not written here is escaped.

use std::fmt::Write;

/// A document in the making.
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    /// Adds HTML as it is: for text of this program only.
    pub(super) fn raw(&mut self, html: &'static str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// Adds text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Control characters, and those that change the direction of text.
                '\u{0}'..='\u{1f}'
                | '\u{7f}'..='\u{9f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => {
                    // Writing to a String cannot fail.
                    let _ = write!(self.0, "{}", character.escape_unicode());
                }
                other => self.0.push(other),
            }
        }
        self
    }

    /// Adds an element with a class, if there is one, and a text.
    pub(super) fn element(&mut self, name: &'static str, class: &'static str, text: &str) {
        self.raw("<").raw(name);
        if !class.is_empty() {
            self.raw(" class=\"").raw(class).raw("\"");
        }
        self.raw(">").text(text).raw("</").raw(name).raw(">");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_peer_stays_text() {
        let mut html = Html::new();
        html.element(
            "p",
            "x",
            "<script>alert('a' & \"b\")\u{1b}[2J\u{202e}</script>",
        );
        assert_eq!(
            html.finish(),
            "<p class=\"x\">&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)\\u{1b}[2J\
             \\u{202e}&lt;/script&gt;</p>"
        );
    }
}
