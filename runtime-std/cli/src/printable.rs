//! Text from peers and names of files, made safe to show.

/// Escapes what could steer a terminal or look like another line: control characters, and
/// the characters that change the direction of text.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let steers = matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        match character.is_control() || steers {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_other_text_is_not() {
        for (text, expected) in [
            ("größe “x”", "größe “x”"),
            ("a\x1b[2Jb\r\nc\0", "a\\u{1b}[2Jb\\r\\nc\\u{0}"),
            ("\u{9b}31m\u{202e}", "\\u{9b}31m\\u{202e}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }
}
