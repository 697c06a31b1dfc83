//! JSON strings.

/// Appends the text of a valid JSON string without its quotes. Half a surrogate pair
/// becomes U+FFFD.
pub(crate) fn decode(escaped: &str, text: &mut String) {
    let mut rest = escaped;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (character, length) = escape(&rest[at..]);
        text.push(character);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
}

/// Returns the character of an escape and the length of the escape in bytes.
fn escape(escape: &str) -> (char, usize) {
    let character = match escape.as_bytes()[1] {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(escape),
        // A quote, a slash or a backslash.
        other => char::from(other),
    };
    (character, 2)
}

fn unicode(escape: &str) -> (char, usize) {
    let first = unit(escape);
    if let Some(character) = first.and_then(char::from_u32) {
        return (character, 6);
    }
    let both = |high: u32, low: u32| {
        let is_pair = (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
        is_pair.then(|| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    };
    let second = escape.get(6..).and_then(unit);
    let pair = first.zip(second).and_then(|(high, low)| both(high, low));
    match pair.and_then(char::from_u32) {
        Some(character) => (character, 12),
        None => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// Returns the number of an escape such as `\u00e9`.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_what_they_mean_and_half_a_pair_a_replacement() {
        for (escaped, expected) in [
            ("", ""),
            ("plain é😀", "plain é😀"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"a\u00E9b\u0000", "aéb\0"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\\u0041", r"\u0041"),
        ] {
            let mut text = String::new();
            decode(escaped, &mut text);
            assert_eq!(text, expected, "{escaped}");
        }
    }
}
