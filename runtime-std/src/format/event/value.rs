//! A value of an event.

use super::decode;

/// A value, as the part of the event that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum Value<'a> {
    /// A string without escapes, or text that a mapping made: it may need escapes.
    Text(&'a str),
    /// A string as JSON writes it, with escapes, without its quotes.
    Escaped(&'a str),
    /// A number as written.
    Number(&'a str),
    /// `true` or `false`.
    Word(&'a str),
    /// `null`: as if the member were absent.
    Null,
    /// An array or an object, as JSON.
    Json(&'a str),
}

impl<'a> Value<'a> {
    /// Returns the value as plain text. Escapes are decoded into `buffer`.
    pub(in crate::format) fn text<'b>(self, buffer: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        match self {
            Self::Escaped(escaped) => {
                buffer.clear();
                decode(escaped, buffer);
                buffer
            }
            Self::Text(text) | Self::Number(text) | Self::Word(text) | Self::Json(text) => text,
            Self::Null => "",
        }
    }

    /// Returns the value as a whole number, also if it is written as a string.
    pub(in crate::format) fn number(self) -> Option<u64> {
        match self {
            Self::Number(text) | Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}
