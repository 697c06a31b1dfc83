//! The error message, sent before closing by either side (FQE, Error Message Format).

use super::put;
use crate::{Malformed, ResourceError};
use core::fmt;
use nom::{IResult, Parser, number::be_i32, number::be_u16};

/// Bytes of code and text length.
pub(crate) const FIXED_LEN: usize = 6;

/// An error message (FQE, Error Message Format).
///
/// | off | type | field |
/// |---|---|---|
/// | 0 | i32 | code (the guide prints uint32; every client reads it signed and sends −1) |
/// | 4 | u16 | text length, 0–65535 |
/// | 6 | n | text |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ErrorMessage<'a> {
    /// The error code. The guide recommends −1 for a client's own errors.
    pub code: i32,
    /// The text, usually UTF-8, without a trailing NUL. `emit` truncates it to 65 535
    /// bytes.
    pub text: &'a [u8],
}

impl<'a> ErrorMessage<'a> {
    /// Reads a body. If the text length and the length of the body differ, the smaller
    /// one counts. Trailing NULs are removed.
    ///
    /// # Errors
    /// [`Malformed::ErrorTooShort`] below 6 bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (text, (code, text_length)) = fixed(body).map_err(|_| Malformed::ErrorTooShort)?;
        let length = text.len().min(usize::from(text_length));
        Ok(Self {
            code,
            text: trim_nul(&text[..length]),
        })
    }

    /// Bytes of the body.
    pub fn encoded_len(&self) -> usize {
        FIXED_LEN + self.truncated().len()
    }

    /// Writes the body without a NUL; see [`crate::wire`] for the contract.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        let text = self.truncated();
        put(
            out,
            &[
                &self.code.to_be_bytes(),
                &(text.len() as u16).to_be_bytes(),
                text,
            ],
        )
    }

    fn truncated(&self) -> &'a [u8] {
        &self.text[..self.text.len().min(usize::from(u16::MAX))]
    }
}

/// The streaming parser for code and text length.
pub(crate) fn fixed(input: &[u8]) -> IResult<&[u8], (i32, u16), ()> {
    (be_i32(), be_u16()).parse(input)
}

/// Removes trailing NULs, which some servers count as text.
pub fn trim_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| byte != 0);
    &text[..end.map_or(0, |last| last + 1)]
}

impl fmt::Display for ErrorMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.code, Lossy(self.text))
    }
}

/// Displays bytes as one line of text. Invalid UTF-8 becomes U+FFFD. Control
/// characters, line separators and changes of the writing direction are escaped, so
/// that a peer cannot control the reader's terminal.
#[derive(Debug, Clone, Copy)]
pub struct Lossy<'a>(pub &'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                let is_format =
                    matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
                if character.is_control() || is_format {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    f.write_char(character)?;
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ErrorMessage<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let text = trim_nul(<&[u8]>::arbitrary(u)?);
        Ok(Self {
            code: i32::arbitrary(u)?,
            text: &text[..text.len().min(usize::from(u16::MAX))],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_counted_nul_is_removed() {
        let body = [0, 0, 0, 19, 0, 3, b'N', b'o', 0];
        let error = ErrorMessage::parse(&body).unwrap();
        assert_eq!((error.code, error.text), (19, &b"No"[..]));
    }

    #[test]
    fn a_text_length_beyond_the_body_takes_what_is_there() {
        let body = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'x'];
        let error = ErrorMessage::parse(&body).unwrap();
        assert_eq!((error.code, error.text), (-1, &b"x"[..]));
    }

    #[test]
    fn bytes_after_the_declared_text_are_ignored() {
        let body = [0, 0, 0, 1, 0, 1, b'a', b'b'];
        assert_eq!(ErrorMessage::parse(&body).unwrap().text, b"a");
    }

    #[test]
    fn a_body_without_text_length_is_malformed() {
        assert_eq!(
            ErrorMessage::parse(&[0, 0, 0, 1, 0]),
            Err(Malformed::ErrorTooShort)
        );
    }

    #[test]
    fn a_text_of_the_peer_cannot_control_the_terminal() {
        let text = b"bad \x1b[2J \xff caf\xc3\xa9 \xe2\x80\xae";
        let error = ErrorMessage { code: 7, text };
        assert_eq!(
            error.to_string(),
            "error 7: bad \\u{1b}[2J \u{fffd} caf\u{e9} \\u{202e}"
        );
    }

    #[test]
    fn an_overlong_text_is_truncated_to_the_limit_of_its_length_field() {
        let text = std::vec![b'x'; 70_000];
        let error = ErrorMessage {
            code: -1,
            text: &text,
        };
        let mut out = std::vec![0; error.encoded_len()];
        assert_eq!(error.emit(&mut out), Ok(65_541));
        assert_eq!(ErrorMessage::parse(&out).unwrap().text.len(), 65_535);
    }
}
