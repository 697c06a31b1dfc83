//! How events are written. A formatter never fails: what it cannot map goes out
//! in the error envelope.

mod envelope;
mod line;

use std::io;

use estreamer_mio::batch::{Record, RecordKind};

use crate::config::{Data, Format};
use crate::delivery::digest::Digest;

/// Appends a record in an output's form.
pub fn write(
    _format: Format,
    _data: &Data,
    source: &str,
    record: &Record<'_>,
    digest: Digest,
    bytes: &mut Vec<u8>,
) {
    ndjson(source, record, digest, bytes);
}

/// Appends a record as one line of JSON: an event as it is, anything else in the
/// error envelope.
pub fn ndjson(source: &str, record: &Record<'_>, digest: Digest, lines: &mut Vec<u8>) {
    match record.kind {
        RecordKind::Event => line::append(record.data, lines),
        RecordKind::Malformed(_) | RecordKind::Oversize => {
            envelope::append(source, record, digest, lines);
        }
    }
}

/// What a full vector cannot be: an output that never fails.
fn infallible(result: io::Result<()>) {
    debug_assert!(result.is_ok(), "memory does not fail");
}
