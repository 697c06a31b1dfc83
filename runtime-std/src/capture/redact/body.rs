//! The variable part of a message.

use estreamer_core::Malformed;
use estreamer_core::decode::{Head, Kind};

use super::json::{self, Role};
use super::text::Pseudonyms;

/// Stands for a byte of what is replaced without a pseudonym. It is not the start of a message
/// header.
pub(super) const FILLER: u8 = b'x';

/// The layout of a record may depend on so many bytes at the start of its data.
const EVIDENCE: usize = 48;

/// Replaces the variable part of a message. Its length stays.
pub(super) fn redact(head: &Head, body: &mut [u8], pseudonyms: &mut Pseudonyms) {
    let kept = lengths(head.kind).min(body.len());
    let (_, mut data) = body.split_at_mut(kept);
    if let Kind::Request { .. } = head.kind
        && let Some(end) = data.iter().position(|byte| *byte == 0)
    {
        // The JSON block ends there. One form of the request has a null message behind it.
        let (block, rest) = data.split_at_mut(end);
        rest.iter_mut()
            .filter(|byte| **byte > 1)
            .for_each(|byte| *byte = FILLER);
        data = block;
    }
    let replaced = match head.kind {
        Kind::Event { .. } => readable(data, Role::Event, pseudonyms),
        Kind::Request { .. } => readable(data, Role::Request, pseudonyms),
        Kind::Error { .. } => text(data, pseudonyms),
        _ => None,
    };
    match replaced {
        Some(replaced) if replaced.len() == data.len() => data.copy_from_slice(&replaced),
        _ => {
            pseudonyms
                .key()
                .letters(data, |at, byte| at < EVIDENCE && is_evidence(byte));
            avoid_timestamp(data);
        }
    }
}

/// Replaces bytes of a message that is larger than the window.
pub(super) fn fill(bytes: &mut [u8]) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        if at >= EVIDENCE || !is_evidence(*byte) {
            *byte = FILLER;
        }
    }
    avoid_timestamp(bytes);
}

/// Changes the first byte if the data would look like an archival timestamp, which letters
/// before a zero word do.
fn avoid_timestamp(data: &mut [u8]) {
    if let [first, _, _, _, 0, 0, 0, 0, ..] = data
        && !is_evidence(*first)
    {
        *first = 0xff;
    }
}

/// Returns the bytes at the start of the variable part that are lengths, types and numbers of
/// a header: the layout of a malformed message depends on them.
pub(super) const fn lengths(kind: Kind) -> usize {
    match kind {
        Kind::Malformed(Malformed::RecordLength { .. } | Malformed::BundleOverrun) => 8,
        _ => 0,
    }
}

/// Whether the decoder looks for this byte at the start of the data: what may stand before
/// JSON, and its first byte.
const fn is_evidence(byte: u8) -> bool {
    matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n' | b'{')
}

/// Returns JSON or other text, replaced. Line ends and NULs behind it stay.
fn readable(data: &[u8], role: Role, pseudonyms: &mut Pseudonyms) -> Option<Vec<u8>> {
    let is_end = |byte: &u8| matches!(byte, 0 | b'\r' | b'\n');
    let end = data
        .iter()
        .rposition(|byte| !is_end(byte))
        .map_or(0, |last| last + 1);
    let (content, tail) = data.split_at(end);
    let replaced = json::redact(str::from_utf8(content).ok()?, role, pseudonyms);
    let mut replaced = match replaced {
        Some(replaced) => replaced.into_bytes(),
        None => text(content, pseudonyms)?,
    };
    replaced.extend_from_slice(tail);
    Some(replaced)
}

/// Returns a text, replaced; `None` if it is not a text.
fn text(data: &[u8], pseudonyms: &mut Pseudonyms) -> Option<Vec<u8>> {
    let text = str::from_utf8(data).ok()?;
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    text.trim_end_matches('\0')
        .chars()
        .all(is_text)
        .then(|| pseudonyms.text(text).into_bytes())
}
