//! How events are written. A formatter never fails: what it cannot map goes out
//! in the error envelope.

mod data;
mod envelope;
mod line;
mod raw;
pub mod terminal;

pub use data::Data;
pub use raw::ENVELOPE;

use std::fmt;
use std::str::FromStr;

use estreamer_mio::batch::{Record, RecordKind};

use crate::digest::Digest;

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text as it came, one event a line; bytes in an envelope as base64.
    Lines,
    /// The bytes as they came, each record with its length before it.
    Raw,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ndjson" => Ok(Self::Lines),
            "raw" => Ok(Self::Raw),
            _ => {
                Err("use ndjson (one event a line, as it came) or raw (bytes behind their length)")
            }
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

/// Appends a record of a source whose events come as `data`.
///
/// As lines: an event in text as it is, one in bytes in the envelope
/// `estreamer_data`, anything else in `estreamer_error`. Raw: see [`ENVELOPE`]
/// and the bytes as they are.
pub fn write(
    format: Format,
    data: &Data,
    source: &str,
    record: &Record<'_>,
    digest: Digest,
    out: &mut Vec<u8>,
) {
    match (format, record.kind, data) {
        (Format::Raw, _, _) => raw::append(source, record, digest, out),
        (Format::Lines, RecordKind::Event, Data::Json | Data::Csv) => {
            line::append(record.data, *data == Data::Csv, out);
        }
        (Format::Lines, RecordKind::Event, Data::Other(transform)) => {
            envelope::data(source, transform, record, out);
            out.push(b'\n');
        }
        (Format::Lines, RecordKind::Malformed(_) | RecordKind::Oversize, _) => {
            envelope::error(source, record, digest, out);
            out.push(b'\n');
        }
    }
}

/// About how many bytes a record becomes, to make room for many at once.
pub fn size(format: Format, data: &Data, record: &Record<'_>) -> usize {
    match (format, data) {
        (Format::Raw, _) => record.data.len() + 4,
        (Format::Lines, Data::Json | Data::Csv) => record.data.len() + 1,
        (Format::Lines, Data::Other(_)) => record.data.len().div_ceil(3) * 4 + 160,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::Malformed;
    use estreamer_core::wire::RecordType;

    fn record(kind: RecordKind, data: &[u8]) -> Record<'_> {
        Record {
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
        let flat = Data::Other("FlatBuffer".into());
        for data in [Data::Json, Data::Csv, flat.clone()] {
            let mut out = Vec::new();
            write(Format::Raw, &data, "fmc", &event, Digest::new(0), &mut out);
            assert_eq!(out, b"\0\0\0\x07a\nb\0\r\n\0");
            assert_eq!(out.len(), size(Format::Raw, &data, &event));
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
            &Data::Json,
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
