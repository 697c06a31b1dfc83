//! What dialects of keys and values share.

use super::table::Table;
use crate::event::hash;

/// How single bytes are escaped. Only ASCII bytes may be.
#[derive(Clone, Copy)]
pub(super) struct Escape {
    /// Returns what is written in place of a byte.
    pub(super) of: fn(u8) -> Option<&'static str>,
}

/// Appends text with its escapes.
#[inline]
pub(super) fn append(escape: Escape, text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some((at, escaped)) = rest
        .iter()
        .enumerate()
        .find_map(|(at, byte)| Some((at, (escape.of)(*byte)?)))
    {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(escaped.as_bytes());
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
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
    out.extend(name.chars().map(|c| match c {
        _ if c.is_ascii_alphanumeric() => c as u8,
        _ => b'_',
    }));
}
