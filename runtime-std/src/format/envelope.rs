//! The error envelope: a record that could not be read as an event, with all
//! there is to know about it.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use estreamer_mio::batch::{Record, RecordKind};

use crate::delivery::digest::Digest;

/// Bytes of the record that are shown; length and digest are always of all.
const SHOWN: usize = 64 << 10;

/// Appends the envelope as one line.
pub(super) fn append(source: &str, record: &Record<'_>, digest: Digest, lines: &mut Vec<u8>) {
    let kind = match record.kind {
        RecordKind::Event => "unreadable",
        RecordKind::Malformed(_) => "malformed",
        RecordKind::Oversize => "oversize",
    };
    let data = &record.data[..record.data.len().min(SHOWN)];
    let envelope = serde_json::json!({
        "estreamer_error": {
            "kind": kind,
            "source": source,
            "record_type": record.record_type.0,
            "archival": record.archival,
            "length": record.length,
            "digest": format!("{digest:?}"),
            "data_base64": STANDARD.encode(data),
        }
    });
    super::infallible(writeln!(lines, "{envelope}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::Malformed;
    use estreamer_core::wire::RecordType;

    #[test]
    fn it_tells_all_there_is_to_know_and_bounds_the_data() {
        let data = vec![0xff; SHOWN + 1];
        let record = Record {
            kind: RecordKind::Malformed(Malformed::RecordLength),
            record_type: RecordType(0),
            archival: None,
            bundle: None,
            length: data.len() as u32,
            data: &data,
        };
        let mut lines = Vec::new();
        append("fmc", &record, Digest(7), &mut lines);
        assert_eq!(lines.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let envelope: serde_json::Value = serde_json::from_slice(&lines).unwrap();
        let error = &envelope["estreamer_error"];
        assert_eq!(error["kind"], "malformed");
        assert_eq!(error["length"], 65_537);
        assert_eq!(error["digest"], "00000000000000000000000000000007");
        let shown = STANDARD.decode(error["data_base64"].as_str().unwrap());
        assert_eq!(shown.unwrap(), data[..SHOWN]);
    }
}
