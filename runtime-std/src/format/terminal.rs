//! Events on a terminal: control characters are escaped.

use std::borrow::Cow;
use std::io::Write;

/// Escapes text for a terminal. Control characters become `\u001b` as in JSON, and bytes
/// that are not UTF-8 become `\x9b`. Line ends and tabs stay. Use it for terminals only;
/// pipes and files get the bytes unchanged.
pub fn visible(text: &[u8]) -> Cow<'_, [u8]> {
    if is_harmless(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = Vec::with_capacity(text.len() + text.len() / 8 + 16);
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            // Writing to a Vec cannot fail.
            let _ = match is_control(character) {
                true => write!(shown, "\\u{:04x}", u32::from(character)),
                false => write!(shown, "{character}"),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    Cow::Owned(shown)
}

/// Returns whether nothing needs escaping. ASCII text is checked without decoding.
fn is_harmless(text: &[u8]) -> bool {
    let plain = |&byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    text.iter().all(plain)
        || std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(is_control))
}

/// Returns whether a character is a C0 or C1 control character other than LF and tab.
fn is_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_the_rest_is_as_it_came() {
        for (text, shown) in [
            (&b"{\"a\":1}\n"[..], "{\"a\":1}\n"),
            (b"a\tb\n", "a\tb\n"),
            ("grün €\n".as_bytes(), "grün €\n"),
            (b"\x1b[2J\x07", "\\u001b[2J\\u0007"),
            (b"\0\x7f\r", "\\u0000\\u007f\\u000d"),
            ("\u{9b}2J".as_bytes(), "\\u009b2J"),
            (b"\x9b2J\xff", "\\x9b2J\\xff"),
            (b"half \xc3", "half \\xc3"),
        ] {
            assert_eq!(String::from_utf8_lossy(&visible(text)), shown);
        }
        assert!(matches!(visible("grün\n".as_bytes()), Cow::Borrowed(_)));
    }

    #[test]
    fn no_byte_of_any_text_steers_a_terminal() {
        for first in 0..=255 {
            for second in 0..=255 {
                let text = [first, second];
                let shown = visible(&text);
                let text = std::str::from_utf8(&shown).unwrap();
                assert!(!text.chars().any(is_control), "{first} {second}");
            }
        }
    }
}
