//! The bytes as received, each record preceded by its length.
//!
//! | off | type | field |
//! |---|---|---|
//! | 0 | u32 | bit 31: an error envelope · bits 30–0: bytes that follow |
//! | 4 | n | the data of the event, unchanged; or the envelope, as JSON |
//!
//! In network byte order.

use estreamer_mio::buffer::{EventRecord, RecordKind};

use super::envelope;
use crate::digest::Digest;

/// This bit is set in the length of an error envelope.
pub const ENVELOPE: u32 = 1 << 31;

/// Appends a record.
pub(super) fn append(
    source: &str,
    record: &EventRecord<'_>,
    digest: Option<Digest>,
    out: &mut Vec<u8>,
) {
    framed(out, |out| match record.kind {
        RecordKind::Event => {
            out.extend_from_slice(record.data);
            0
        }
        RecordKind::Malformed(_) | RecordKind::Oversize => {
            envelope::error(source, record, digest, None, out);
            ENVELOPE
        }
    });
}

/// Appends a line that is an error envelope.
pub(super) fn append_envelope(line: &[u8], out: &mut Vec<u8>) {
    framed(out, |out| {
        out.extend_from_slice(line);
        ENVELOPE
    });
}

/// Appends what `append` does, with its length before it and the mark that it returns.
fn framed(out: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>) -> u32) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mark = append(out);
    // A record is 16 MiB at most, so its length never reaches the mark.
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&(length | mark).to_be_bytes());
}
