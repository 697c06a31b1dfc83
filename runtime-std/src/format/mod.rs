//! The formats of events. Formatting never fails: a record that is not an event becomes an
//! error envelope.
//!
//! To add a format, add a variant to [`Format`] and a file in this folder.

mod envelope;
mod line;
mod raw;
pub mod terminal;
mod transform;

pub use raw::ENVELOPE;
pub use transform::OwnedTransform;

use std::fmt;
use std::str::FromStr;

use estreamer_mio::buffer::{EventRecord, RecordKind};

use crate::digest::Digest;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Text as received, one event a line; binary data as base64 in an envelope.
    Lines,
    /// The bytes as received, each record preceded by its length.
    Raw,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ndjson" => Ok(Self::Lines),
            "raw" => Ok(Self::Raw),
            _ => Err(
                "use ndjson (one event a line, as received) or raw (bytes preceded by their length)",
            ),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "ndjson",
            Self::Raw => "raw",
        })
    }
}

/// Appends a record of a source with this transform to `out`.
///
/// As lines: a text event unchanged, a binary event in the envelope `estreamer_data`,
/// anything else in the envelope `estreamer_error`. As raw: see [`ENVELOPE`].
pub fn write(
    format: Format,
    transform: &OwnedTransform,
    source: &str,
    record: &EventRecord<'_>,
    digest: Digest,
    out: &mut Vec<u8>,
) {
    match (format, record.kind, transform) {
        (Format::Raw, _, _) => raw::append(source, record, digest, out),
        (Format::Lines, RecordKind::Event, OwnedTransform::Json | OwnedTransform::Csv) => {
            line::append(record.data, *transform == OwnedTransform::Csv, out);
        }
        (Format::Lines, RecordKind::Event, OwnedTransform::Other(name)) => {
            envelope::data(source, name, record, out);
            out.push(b'\n');
        }
        (Format::Lines, RecordKind::Malformed(_) | RecordKind::Oversize, _) => {
            envelope::error(source, record, digest, out);
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::Malformed;
    use estreamer_core::wire::RecordType;

    fn record(kind: RecordKind, data: &[u8]) -> EventRecord<'_> {
        EventRecord {
            kind,
            record_type: RecordType::CONNECTION,
            archival: Some(1),
            bundle: None,
            length: data.len() as u32,
            data,
        }
    }

    #[test]
    fn bytes_come_out_of_either_format_as_they_went_in() {
        let event = record(RecordKind::Event, b"a\nb\0\r\n\0");
        let flat = OwnedTransform::Other("FlatBuffer".into());
        for data in [OwnedTransform::Json, OwnedTransform::Csv, flat.clone()] {
            let mut out = Vec::new();
            write(Format::Raw, &data, "fmc", &event, Digest::new(0), &mut out);
            assert_eq!(out, b"\0\0\0\x07a\nb\0\r\n\0");
        }
        let mut out = Vec::new();
        write(
            Format::Lines,
            &flat,
            "fmc",
            &event,
            Digest::new(0),
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"estreamer_data\":{\"source\":\"fmc\",\"record_type\":71,\"archival\":1,\
             \"transform\":\"FlatBuffer\",\"length\":7,\"data_base64\":\"YQpiAA0KAA==\"}}\n"
        );
    }

    #[test]
    fn an_error_envelope_among_raw_records_is_marked_in_its_length() {
        let malformed = record(RecordKind::Malformed(Malformed::RecordTooShort), b"xy");
        let mut out = Vec::new();
        write(
            Format::Raw,
            &OwnedTransform::Json,
            "fmc",
            &malformed,
            Digest::new(0),
            &mut out,
        );
        let length = u32::from_be_bytes([out[0], out[1], out[2], out[3]]);
        assert_eq!(length, ENVELOPE | (out.len() - 4) as u32);
        assert!(out[4..].starts_with(b"{\"estreamer_error\":{"));
        assert!(out.ends_with(b"\"eHk=\"}}"));
    }
}
