//! What dialects of keys and values share.

use super::special::Special;
use super::table::Table;

/// How single bytes are escaped. Only ASCII bytes may be.
#[derive(Clone, Copy)]
pub(super) struct Escape<const N: usize> {
    /// What is escaped.
    pub(super) special: Special<N>,
    /// Returns what is written in place of a byte.
    pub(super) of: fn(u8) -> &'static str,
}

/// Appends text with its escapes.
#[inline]
pub(super) fn append<const N: usize>(escape: Escape<N>, text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = escape.special.position(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice((escape.of)(rest[at]).as_bytes());
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends the name of a field that has no place in the table. In place of a character that
/// is not allowed in keys stands `_`. A name that is one of the dialect's own keys gets the
/// prefix `FQE_`, so that no key occurs twice.
pub(super) fn key(table: &Table, name: &str, out: &mut Vec<u8>) {
    if table.is_target(name) {
        out.extend_from_slice(b"FQE_");
    }
    if name.is_empty() {
        out.push(b'_');
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.bytes().all(is_allowed) {
        return out.extend_from_slice(name.as_bytes());
    }
    out.extend(name.chars().map(|c| match u8::try_from(c) {
        Ok(byte) if is_allowed(byte) => byte,
        _ => b'_',
    }));
}
