//! What dialects of keys and values share.

use super::event::hash;
use super::table::Table;

/// How single bytes are escaped. Only ASCII bytes may be.
#[derive(Clone, Copy)]
pub(super) struct Escape {
    /// Returns what is written in place of a byte.
    pub(super) of: fn(u8) -> Option<&'static str>,
}

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// Appends text with its escapes.
#[inline]
pub(super) fn append(escape: Escape, text: &str, out: &mut Vec<u8>) {
    let (mut written, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let block = &bytes[at..bytes.len().min(at + BLOCK)];
        // Without an early end, so that the compiler compares all bytes of a block at once.
        let is_plain = !block
            .iter()
            .fold(false, |any, byte| any | (escape.of)(*byte).is_some());
        if !is_plain {
            for (offset, byte) in block.iter().enumerate() {
                if let Some(escaped) = (escape.of)(*byte) {
                    out.extend_from_slice(&bytes[written..at + offset]);
                    out.extend_from_slice(escaped.as_bytes());
                    written = at + offset + 1;
                }
            }
        }
        at += block.len();
    }
    out.extend_from_slice(&bytes[written..]);
}

/// Appends the name of a field that has no place in the table. In place of a character that
/// is not allowed in keys stands `_`. A name that is one of the dialect's own keys gets the
/// prefix `FQE_`, so that no key occurs twice.
pub(super) fn key(table: &Table, name: &str, out: &mut Vec<u8>) {
    if table.is_target(hash(name), name) {
        out.extend_from_slice(b"FQE_");
    }
    if name.is_empty() {
        out.push(b'_');
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = name;
    while let Some(at) = rest.find(|c| !is_allowed(c)) {
        out.extend_from_slice(rest[..at].as_bytes());
        out.push(b'_');
        let length = rest[at..].chars().next().map_or(0, char::len_utf8);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest.as_bytes());
}
