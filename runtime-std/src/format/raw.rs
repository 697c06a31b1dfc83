//! Bytes as they came, each record with its length before it.
//!
//! | off | type | field |
//! |---|---|---|
//! | 0 | u32 | bit 31: an error envelope · bits 30–0: bytes that follow |
//! | 4 | n | the event's data, not altered; or the envelope, as JSON |
//!
//! In network byte order, as the protocol is.

use estreamer_mio::buffer::{EventRecord, RecordKind};

use super::envelope;
use crate::digest::Digest;

/// Set in the length of what is no event's data but an error envelope.
pub const ENVELOPE: u32 = 1 << 31;

/// Appends a record.
pub(super) fn append(source: &str, record: &EventRecord<'_>, digest: Digest, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mark = match record.kind {
        RecordKind::Event => {
            out.extend_from_slice(record.data);
            0
        }
        RecordKind::Malformed(_) | RecordKind::Oversize => {
            envelope::error(source, record, digest, out);
            ENVELOPE
        }
    };
    // A record is 16 MiB at most, so its length never reaches the mark.
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&(length | mark).to_be_bytes());
}
