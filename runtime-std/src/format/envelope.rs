//! Envelopes: JSON objects around records that are not text. They need no allocation
//! besides the output.

use base64::display::Base64Display;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use estreamer_mio::buffer::{EventRecord, RecordKind};
use serde::{Serialize, Serializer};

use super::{RecordOrigin, selected};
use crate::digest::Digest;
use crate::event::{Event, Unfit};
use crate::filter::FieldSelection;

/// The maximum number of bytes of an unreadable record in its envelope. Length and digest
/// cover all bytes.
const MAX_DATA: usize = 64 << 10;

/// The envelope of a record that is not a valid event.
#[derive(Serialize)]
struct Unreadable<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    source: &'a str,
    record_type: u16,
    archival: Option<u32>,
    length: u32,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "debugged")]
    digest: Option<Digest>,
    data_base64: Base64<'a>,
}

/// The envelope of a binary event.
#[derive(Serialize)]
struct BinaryEvent<'a> {
    source: &'a str,
    record_type: u16,
    archival: Option<u32>,
    transform: &'a str,
    length: u32,
    data_base64: Base64<'a>,
}

/// The single member of the JSON object.
#[derive(Serialize)]
enum EnvelopeLine<'a> {
    #[serde(rename = "estreamer_error")]
    Error(Unreadable<'a>),
    #[serde(rename = "estreamer_data")]
    Data(BinaryEvent<'a>),
}

/// Appends an unreadable record as a JSON object, without line end. `unfit` is why an event
/// cannot be mapped.
pub(super) fn error(
    source: &str,
    record: &EventRecord<'_>,
    digest: Option<Digest>,
    unfit: Option<&Unfit>,
    out: &mut Vec<u8>,
) {
    let kind = match record.kind {
        RecordKind::Event => "unreadable",
        RecordKind::Malformed(_) => "malformed",
        RecordKind::Oversize => "oversize",
    };
    append(
        &EnvelopeLine::Error(Unreadable {
            kind,
            reason: unfit.map(Unfit::to_string),
            source,
            record_type: record.record_type.0,
            archival: record.archival,
            length: record.length,
            digest,
            data_base64: Base64(&record.data[..record.data.len().min(MAX_DATA)]),
        }),
        out,
    );
}

/// Appends an event of another transform than JSON and CSV as a JSON object
/// with all its bytes, without line end.
pub(super) fn data(source: &str, transform: &str, record: &EventRecord<'_>, out: &mut Vec<u8>) {
    append(
        &EnvelopeLine::Data(BinaryEvent {
            source,
            record_type: record.record_type.0,
            archival: record.archival,
            transform,
            length: record.length,
            data_base64: Base64(record.data),
        }),
        out,
    );
}

/// The envelope of an event of the format `ndjson+envelope`, but for the event itself.
#[derive(Serialize)]
struct Head<'a> {
    source: &'a str,
    record_type: u16,
    archival: Option<u32>,
    received: u64,
}

/// Appends the selected fields of an event in an object that says where it comes from,
/// without line end.
/// `received` is in UNIX seconds.
pub(super) fn event(
    source: &str,
    record: &EventRecord<'_>,
    received: u64,
    event: &Event<'_>,
    fields: Option<&FieldSelection>,
    out: &mut Vec<u8>,
) {
    begin(source, record, received, out);
    selected::append(event, fields, out);
    out.push(b'}');
}

/// Appends an event that is text, but not JSON, as a string in such an object.
fn text(source: &str, record: &EventRecord<'_>, received: u64, text: &str, out: &mut Vec<u8>) {
    begin(source, record, received, out);
    append(&text, out);
    out.push(b'}');
}

/// Appends an event that is text as a line of its own.
///
/// # Errors
/// It is not UTF-8; nothing is appended then.
pub(super) fn line(
    origin: RecordOrigin<'_>,
    record: &EventRecord<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let data = str::from_utf8(record.data);
    let data = data.map_err(|error| Unfit::NotUtf8(error.valid_up_to()))?;
    let data = data.trim_end_matches(['\0', '\r', '\n']);
    text(origin.source, record, origin.received, data, out);
    out.push(b'\n');
    Ok(())
}

fn begin(source: &str, record: &EventRecord<'_>, received: u64, out: &mut Vec<u8>) {
    let head = Head {
        source,
        record_type: record.record_type.0,
        archival: record.archival,
        received,
    };
    append(&head, out);
    out.pop();
    out.extend_from_slice(b",\"event\":");
}

fn append(line: &impl Serialize, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, line);
    debug_assert!(written.is_ok(), "writing to memory cannot fail");
}

/// Bytes that serialize as base64.
struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown: Base64Display<'_, '_, GeneralPurpose> = Base64Display::new(self.0, &STANDARD);
        serializer.collect_str(&shown)
    }
}

fn debugged<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
    match digest {
        Some(digest) => serializer.collect_str(&format_args!("{digest:?}")),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use estreamer_core::Malformed;
    use estreamer_core::wire::RecordType;

    #[test]
    fn an_error_tells_all_there_is_to_know_and_bounds_the_data() {
        let data = vec![0xff; MAX_DATA + 1];
        let record = EventRecord {
            kind: RecordKind::Malformed(Malformed::RecordTooShort),
            record_type: RecordType(0),
            archival: None,
            bundle: None,
            length: data.len() as u32,
            data: &data,
        };
        let mut line = Vec::new();
        error("fmc", &record, Some(Digest::new(7)), None, &mut line);
        let envelope: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let error = &envelope["estreamer_error"];
        assert_eq!(error["kind"], "malformed");
        assert_eq!(error["length"], 65_537);
        assert_eq!(error["digest"], "00000000000000000000000000000007");
        let shown = STANDARD.decode(error["data_base64"].as_str().unwrap());
        assert_eq!(shown.unwrap(), data[..MAX_DATA]);
    }

    #[test]
    fn bytes_are_all_there_and_a_name_cannot_break_out() {
        let data: Vec<u8> = (0..=255).cycle().take(MAX_DATA * 2).collect();
        let record = EventRecord {
            kind: RecordKind::Event,
            record_type: RecordType::FILE,
            archival: Some(1_750_000_000),
            bundle: None,
            length: data.len() as u32,
            data: &data,
        };
        let mut line = Vec::new();
        super::data("fmc\"\n", "FlatBuffer", &record, &mut line);
        let envelope: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let bytes = &envelope["estreamer_data"];
        assert_eq!(bytes["source"], "fmc\"\n");
        assert_eq!(bytes["record_type"], 500);
        assert_eq!(bytes["archival"], 1_750_000_000);
        assert_eq!(bytes["transform"], "FlatBuffer");
        assert_eq!(bytes["length"], 131_072);
        let all = STANDARD.decode(bytes["data_base64"].as_str().unwrap());
        assert_eq!(all.unwrap(), data);
        assert!(!line.contains(&b'\n'));
    }
}
