//! JSON text.

use super::special::Special;

/// What a string cannot have as it is.
const SPECIAL: Special<2> = Special {
    bytes: [b'"', b'\\'],
    below: b' ',
};

/// What text is appended to.
pub(super) trait Text {
    fn push_text(&mut self, text: &str);
}

impl Text for String {
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Text for Vec<u8> {
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Appends text as the content of a JSON string, without the quotes.
pub(super) fn append(text: &str, out: &mut impl Text) {
    let mut rest = text;
    while let Some(at) = SPECIAL.position(rest.as_bytes()) {
        out.push_text(&rest[..at]);
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' => out.push_text("\\\""),
            b'\\' => out.push_text("\\\\"),
            b'\n' => out.push_text("\\n"),
            b'\r' => out.push_text("\\r"),
            b'\t' => out.push_text("\\t"),
            _ => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                let escape = [b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)];
                out.push_text(str::from_utf8(&escape).unwrap_or_default());
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_text(rest);
}

/// Appends the content of a JSON string. Half a surrogate pair becomes U+FFFD, which every
/// reader accepts. `buffer` is overwritten.
pub(super) fn append_escaped(escaped: &str, buffer: &mut String, out: &mut impl Text) {
    if memchr::memmem::find(escaped.as_bytes(), b"\\u").is_none() {
        return out.push_text(escaped);
    }
    buffer.clear();
    super::event::decode(escaped, buffer);
    append(buffer, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back_as_it_was() {
        let every: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        for text in ["", "plain é😀", "\"\\", &every] {
            let mut json = String::from("\"");
            append(text, &mut json);
            json.push('"');
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn half_a_pair_is_replaced_and_other_escapes_stay() {
        for (escaped, expected) in [
            (r#"\"\\\/\b\f\n\r\t"#, r#"\"\\\/\b\f\n\r\t"#),
            (r"\ud800\u00e4", "\u{fffd}ä"),
            (r"\ud83d\ude00\u0007", "😀\\u0007"),
        ] {
            let mut json = String::new();
            append_escaped(escaped, &mut String::new(), &mut json);
            assert_eq!(json, expected);
        }
    }
}
