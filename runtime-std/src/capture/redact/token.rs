//! Finds the parts of a text that are replaced as one: addresses, identifiers, words.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Token {
    /// An IPv4 address.
    V4,
    /// An IPv6 address, perhaps with an IPv4 address at its end.
    V6,
    /// Hexadecimal digits, perhaps in groups: a UUID, a MAC address, a digest.
    Hex,
    /// The alphabet of base64, padding included.
    Base64,
    /// Letters, digits, and all that is not ASCII.
    Word,
    /// A number, as a word of digits.
    Number,
    /// What is kept: punctuation, blanks, the scheme of a URL.
    Kept,
}

/// Returns what the text begins with, and the length of it in bytes; at least one character
/// unless the text is empty. `before` is the character before it.
pub(super) fn first(text: &str, before: Option<char>) -> (Token, usize) {
    let Some(character) = text.chars().next() else {
        return (Token::Kept, 0);
    };
    if !before.is_some_and(is_word)
        && (character.is_ascii_hexdigit() || character == ':')
        && let Some(found) = address(text).or_else(|| grouped(text))
    {
        return found;
    }
    if !is_word(character) {
        return (Token::Kept, character.len_utf8());
    }
    // The digits of `%2F` are not part of the word behind them.
    if before == Some('%') && text.len() >= 2 && all_hex(&text.as_bytes()[..2]) {
        return (Token::Hex, 2);
    }
    let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let word = &text[..length];
    if text[length..].starts_with("://") && SCHEMES.contains(&word) {
        return (Token::Kept, length);
    }
    (kind(word), length)
}

/// Returns what a word is.
fn kind(word: &str) -> Token {
    let bytes = word.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) {
        Token::Number
    } else if bytes.len() >= LEAST_HEX && all_hex(bytes) && is_of_one_case(bytes) {
        Token::Hex
    } else {
        Token::Word
    }
}

/// Finds an IP address, perhaps with a port behind it.
fn address(text: &str) -> Option<(Token, usize)> {
    let run = run(text, |byte| {
        byte.is_ascii_hexdigit() || b".:".contains(&byte)
    });
    // The end of a sentence, or what stands before a port.
    let trimmed = run.trim_end_matches(['.', ':']);
    let host = run.split(':').next().unwrap_or(run);
    for part in [run, trimmed, host, host.trim_end_matches('.')] {
        if text[part.len()..].chars().next().is_some_and(is_word) {
            continue;
        }
        if part.parse::<Ipv4Addr>().is_ok() {
            return Some((Token::V4, part.len()));
        }
        if part.parse::<Ipv6Addr>().is_ok() && part.bytes().any(|b| b.is_ascii_hexdigit()) {
            return Some((Token::V6, part.len()));
        }
    }
    None
}

/// Finds a UUID or a MAC address.
fn grouped(text: &str) -> Option<(Token, usize)> {
    let run = run(text, |byte| {
        byte.is_ascii_hexdigit() || b"-:.".contains(&byte)
    });
    GROUPS.iter().find_map(|(separator, groups)| {
        let length = groups.iter().sum::<usize>() + groups.len() - 1;
        let part = run.get(..length)?;
        let ends = !text[length..].chars().next().is_some_and(is_word);
        let fits = part
            .split(*separator)
            .map(|group| (group.len(), all_hex(group.as_bytes())))
            .eq(groups.iter().map(|length| (*length, true)));
        (ends && fits && is_of_one_case(part.as_bytes())).then_some((Token::Hex, length))
    })
}

/// The forms of UUIDs and MAC addresses.
const GROUPS: [(char, &[usize]); 4] = [
    ('-', &[8, 4, 4, 4, 12]),
    (':', &[2; 6]),
    ('-', &[2; 6]),
    ('.', &[4; 3]),
];

/// Schemes of URLs that are kept. Any other one is a word.
const SCHEMES: [&str; 12] = [
    "http", "https", "HTTP", "HTTPS", "ftp", "ftps", "sftp", "ws", "wss", "ldap", "ldaps", "file",
];

/// A word of so many hexadecimal digits is one number.
const LEAST_HEX: usize = 8;

fn run(text: &str, belongs: impl Fn(u8) -> bool) -> &str {
    let length = text.bytes().position(|byte| !belongs(byte));
    &text[..length.unwrap_or(text.len())]
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || !character.is_ascii()
}

fn all_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

fn is_of_one_case(bytes: &[u8]) -> bool {
    !(bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_what_is_replaced_as_one() {
        use Token::{Hex, Kept, Number, V4, V6, Word};
        for (text, expected) in [
            ("10.1.2.3", &[(V4, "10.1.2.3")][..]),
            ("10.1.2.3:80.", &[(V4, "10.1.2.3"), (Number, "80")]),
            ("10.1.2", &[(Number, "10"), (Number, "1"), (Number, "2")]),
            ("::ffff:10.1.2.3", &[(V6, "::ffff:10.1.2.3")]),
            ("fe80::1%eth0", &[(V6, "fe80::1"), (Word, "eth0")]),
            ("[2001:db8::a]:80", &[(V6, "2001:db8::a"), (Number, "80")]),
            ("00:1b:44:11:3a:b7", &[(Hex, "00:1b:44:11:3a:b7")]),
            ("001b.4411.3ab7", &[(Hex, "001b.4411.3ab7")]),
            (
                "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63",
                &[(Hex, "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63")],
            ),
            ("http://a%2Fb1", &[(Word, "a"), (Hex, "2F"), (Word, "b1")]),
            ("acme://a", &[(Word, "acme"), (Word, "a")]),
            (
                "face.book 3c",
                &[(Word, "face"), (Word, "book"), (Word, "3c")],
            ),
            ("ACME\\b\u{f6}b", &[(Word, "ACME"), (Word, "b\u{f6}b")]),
            (
                "x10.1.2.3",
                &[(Word, "x10"), (Number, "1"), (Number, "2"), (Number, "3")],
            ),
            (": :: .", &[]),
        ] {
            let (mut rest, mut before, mut found) = (text, None, Vec::new());
            while !rest.is_empty() {
                let (token, length) = first(rest, before);
                let (part, tail) = rest.split_at(length);
                found.extend((token != Kept).then_some((token, part)));
                (rest, before) = (tail, part.chars().last());
            }
            assert_eq!(found, expected, "{text}");
        }
    }
}
