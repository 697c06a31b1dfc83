//! A reader of the usual events: strings, whole numbers and words in one object. What it does
//! not take, valid or not, is left to serde_json. It takes nothing that serde_json refuses.

use std::ops::Range;

use super::special::Special;
use super::{EventIndex, Member, ValueKind, hash};

/// What ends a part of a string.
const ENDS: Special<2> = Special {
    bytes: [b'"', b'\\'],
    below: b' ',
};

/// Where the scanner is in an event.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// Reads the members of an event. Returns whether it is one of the usual ones; `index` has
/// some of its members if not.
pub(super) fn scan(text: &str, index: &mut EventIndex) -> bool {
    if u32::try_from(text.len()).is_err() {
        return false;
    }
    let mut scanner = Scanner { text, at: 0 };
    scanner.members(index).is_some() && scanner.at == text.len()
}

impl Scanner<'_> {
    fn members(&mut self, index: &mut EventIndex) -> Option<()> {
        self.take(b'{')?;
        loop {
            self.skip_blanks();
            let (name, false) = self.string()? else {
                // A name with escapes is decoded there.
                return None;
            };
            self.skip_blanks();
            self.take(b':')?;
            self.skip_blanks();
            let (value, kind) = self.value()?;
            if index.is_full() {
                return None;
            }
            index.members.push(Member {
                start: name.start as u32 - 1,
                hash: hash(&self.text.as_bytes()[name.clone()]),
                name: range(name),
                is_decoded: false,
                value: range(value),
                kind,
            });
            self.skip_blanks();
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn value(&mut self) -> Option<(Range<usize>, ValueKind)> {
        let start = self.at;
        let kind = match self.peek()? {
            b'"' => {
                let (value, is_escaped) = self.string()?;
                let kind = match is_escaped {
                    true => ValueKind::Escaped,
                    false => ValueKind::Text,
                };
                return Some((value, kind));
            }
            b'0' => {
                self.at += 1;
                ValueKind::Number
            }
            b'1'..=b'9' => {
                while self.peek()?.is_ascii_digit() {
                    self.at += 1;
                }
                ValueKind::Number
            }
            b't' => self.word(b"true", ValueKind::Word)?,
            b'f' => self.word(b"false", ValueKind::Word)?,
            b'n' => self.word(b"null", ValueKind::Null)?,
            _ => return None,
        };
        Some((start..self.at, kind))
    }

    fn word(&mut self, word: &[u8], kind: ValueKind) -> Option<ValueKind> {
        let rest = &self.text.as_bytes()[self.at..];
        rest.starts_with(word).then(|| self.at += word.len())?;
        Some(kind)
    }

    /// Returns where a string is, without its quotes, and whether it has escapes.
    fn string(&mut self) -> Option<(Range<usize>, bool)> {
        self.take(b'"')?;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            self.at += ENDS.position(self.text.as_bytes().get(self.at..)?)?;
            match self.next()? {
                b'"' => return Some((start..self.at - 1, is_escaped)),
                b'\\' => {
                    is_escaped = true;
                    match self.next()? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                            digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                            self.at += 4;
                        }
                        _ => return None,
                    }
                }
                // A control character.
                _ => return None,
            }
        }
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

fn range(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_what_is_usual_and_nothing_that_is_not_json() {
        let takes = |text: &str| scan(text, &mut EventIndex::default());
        for text in [
            r#"{"a":1}"#,
            r#"{"a" : 0, "b":"x\"\\\u00e4", "c":true,"d":false, "e":null}"#,
        ] {
            assert!(takes(text), "{text}");
        }
        let whole = r#"{"a":"b\n\u1234", "c":10,"d":true,"e":null}"#;
        for end in 0..whole.len() {
            assert!(!takes(&whole[..end]), "{}", &whole[..end]);
        }
        for at in 0..whole.len() {
            for byte in (0u8..128).map(char::from) {
                let text = format!("{}{byte}{}", &whole[..at], &whole[at + 1..]);
                let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
                assert!(is_json || !takes(&text), "{text}");
                let text = format!("{}{byte}{}", &whole[..at], &whole[at..]);
                let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
                assert!(is_json || !takes(&text), "{text}");
            }
        }
    }
}
