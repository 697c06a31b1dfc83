//! Strings of JSON with their escapes. A string keeps its length and the place of each escape.

use std::fmt::Write;

/// How a character is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// As it is.
    Plain,
    /// As a backslash and one more character.
    Short,
    /// As `\u` and four digits, or two of them.
    Unicode { is_upper: bool },
    /// As `\u` and four digits that are half a surrogate pair: the first or the second one.
    Half { is_first: bool },
}

/// Returns the string between the quotes, replaced by `replace`, which gets its text and
/// returns another one with characters of the same lengths. Punctuation and control characters
/// have to stay.
pub(super) fn replaced(raw: &str, replace: impl FnOnce(&str) -> String) -> String {
    if !raw.contains('\\') {
        return replace(raw);
    }
    let (mut text, mut forms) = (String::new(), Vec::new());
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let (character, form, length) = match first {
            '\\' => escape(rest),
            other => (other, Written::Plain, other.len_utf8()),
        };
        text.push(character);
        forms.push((form, &rest[..length]));
        rest = &rest[length..];
    }
    let mut out = String::with_capacity(raw.len());
    for (character, (form, raw)) in replace(&text).chars().zip(forms) {
        match form {
            Written::Plain => out.push(character),
            Written::Short => out.push_str(raw),
            Written::Unicode { is_upper } => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string succeeds.
                    let _ = match is_upper {
                        true => write!(out, "\\u{unit:04X}"),
                        false => write!(out, "\\u{unit:04x}"),
                    };
                }
            }
            Written::Half { is_first } => {
                out.push_str(if is_first { "\\ud800" } else { "\\udc00" });
            }
        }
    }
    out
}

/// Returns the text of a string between its quotes. Half a surrogate pair becomes U+FFFD.
pub(super) fn text(raw: &str) -> String {
    let mut text = String::new();
    crate::event::decode(raw, &mut text);
    text
}

/// Reads the escape that a valid string goes on with: its character, how it is written, and
/// its length.
fn escape(rest: &str) -> (char, Written, usize) {
    let Some(first) = unit(rest) else {
        let character = rest[1..].chars().next();
        let character = match character.unwrap_or('\\') {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            other => other,
        };
        return (character, Written::Short, rest.len().min(2));
    };
    let pair = unit(rest.get(6..).unwrap_or_default());
    let units = [first, pair.unwrap_or(0)];
    let is_upper = |length: usize| rest[..length].bytes().any(|byte| byte.is_ascii_uppercase());
    match char::decode_utf16(units).next() {
        Some(Ok(character)) => {
            let length = 6 * character.len_utf16();
            let is_upper = is_upper(length);
            (character, Written::Unicode { is_upper }, length)
        }
        _ => {
            let is_first = first < 0xdc00;
            (char::REPLACEMENT_CHARACTER, Written::Half { is_first }, 6)
        }
    }
}

/// Returns the number of an escape such as `\u00e9`.
fn unit(rest: &str) -> Option<u16> {
    u16::from_str_radix(rest.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replaces each letter by another one of its length.
    fn other(text: &str) -> String {
        let other = |character: char| match character {
            'a'..='z' => 'x',
            'A'..='Z' => 'X',
            '\u{80}'..='\u{7ff}' => '\u{436}',
            '\u{800}'..='\u{ffff}' => '\u{4e00}',
            '\u{10000}'.. => '\u{20000}',
            kept => kept,
        };
        text.chars().map(other).collect()
    }

    #[test]
    fn escapes_stay_where_they_are_and_have_the_same_length() {
        for (raw, expected) in [
            ("bob", "xxx"),
            (r#"ACME\\b\"b\n\/"#, r#"XXXX\\x\"x\n\/"#),
            (r"\u0062\u000a\u00e9", r"\u0078\u000a\u0436"),
            (r"\u00E9", r"\u0436"),
            (r"\ud83d\ude00x", r"\ud840\udc00x"),
            (r"\ude00\ud83d\ud83d\u0062", r"\udc00\ud800\ud800\u0078"),
            ("\u{e9}\\t\u{1f600}", "\u{436}\\t\u{20000}"),
        ] {
            assert_eq!(replaced(raw, other), expected);
            assert_eq!(raw.len(), expected.len());
        }
    }
}
