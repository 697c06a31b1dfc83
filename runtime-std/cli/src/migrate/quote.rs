//! Texts in TOML.

use serde_json::Value;

/// A text as TOML writes it. Strings of JSON are strings of TOML, but for DEL.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_of_toml() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}"), r#""a\"b\\c\n\u007f""#);
    }
}
