//! Explains recorded streams, and formats records as lines.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use estreamer_core::Malformed;
use estreamer_core::fuzzing::Choices;
use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{EventRecord, RecordKind};

use crate::capture;
use crate::config::{Format, OwnedTransform};
use crate::digest::Digest;
use crate::format::csv::Columns;
use crate::format::{Formatter, RecordOrigin};

/// Explains a recorded stream. The first byte selects the options.
pub fn capture(data: &[u8]) {
    let mut choices = Choices::new(data);
    let chunk = 1 + choices.size();
    let stream = choices.rest();
    for explain in [false, true] {
        let mut out = Vec::new();
        let mut slow = Chunks {
            rest: stream,
            chunk,
        };
        let outcome = capture::decode(&mut slow, explain, &mut out);
        if let Ok(left) = outcome {
            assert!(left <= stream.len() as u64, "what is not there whole");
        }
        let text = String::from_utf8(out).expect("it is text");
        let control = |c: char| c.is_control() && c != '\n';
        assert!(
            !text.contains(control),
            "it cannot steer a terminal: {text:?}"
        );
        // A header of eight bytes may become a few lines of text.
        assert!(text.len() <= 1024 + 256 * stream.len(), "in proportion");
    }
}

/// A file that is read in chunks.
struct Chunks<'a> {
    rest: &'a [u8],
    chunk: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = self.chunk.min(out.len());
        (&mut self.rest).take(most as u64).read(out)
    }
}

/// Formats a record as a line: an event unchanged, anything else in the error envelope
/// with all its bytes.
pub fn envelope(data: &[u8]) {
    let mut choices = Choices::new(data);
    let kind = match choices.below(4) {
        0 => RecordKind::Event,
        1 => RecordKind::Oversize,
        2 => RecordKind::Malformed(Malformed::RecordLength {
            record: 9,
            message: 20,
        }),
        _ => RecordKind::Malformed(Malformed::BundleOverrun),
    };
    let record_type = RecordType(choices.word());
    let archival = match choices.word() {
        0 => None,
        second => Some(u32::from(second)),
    };
    let digest = Digest::new(u128::from(choices.word()) << 112 | 1);
    let name = choices.size() % 8;
    let source = String::from_utf8_lossy(choices.bytes(name)).into_owned();
    let body = choices.rest();
    let record = EventRecord {
        kind,
        record_type,
        archival,
        bundle: None,
        length: body.len() as u32,
        data: match kind {
            RecordKind::Oversize => b"",
            _ => body,
        },
    };
    let mut lines = b"before\n".to_vec();
    let origin = RecordOrigin {
        source: &source,
        transform: &OwnedTransform::Json,
        received: 0,
        columns: &Columns::default(),
    };
    Formatter::new(Format::Lines).append(origin, &record, Some(digest), &mut lines);
    let line = lines.strip_prefix(b"before\n").expect("it is appended");
    let line = line.strip_suffix(b"\n").expect("a line has an end");
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "one line");
    if kind == RecordKind::Event {
        let end = body
            .iter()
            .rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n'));
        let text = &body[..end.map_or(0, |last| last + 1)];
        // CR LF is one line end, and a line end is a space.
        let is_second = |at: usize| at > 0 && text[at - 1..=at] == *b"\r\n";
        let bytes = text.iter().enumerate().filter(|(at, _)| !is_second(*at));
        let expected = bytes.map(|(_, byte)| match byte {
            b'\r' | b'\n' => b' ',
            byte => *byte,
        });
        assert!(expected.eq(line.iter().copied()), "as it is");
        return;
    }
    let read: serde_json::Value = serde_json::from_slice(line).expect("it is JSON");
    let error = &read["estreamer_error"];
    assert_eq!(error["source"], *source);
    assert_eq!(error["record_type"], record_type.0);
    assert_eq!(error["archival"].as_u64(), archival.map(u64::from));
    assert_eq!(error["length"], body.len());
    assert_eq!(error["digest"], format!("{digest:?}"));
    let shown = error["data_base64"]
        .as_str()
        .map(|text| STANDARD.decode(text));
    let shown = shown.and_then(Result::ok).expect("it is base64");
    assert_eq!(shown, record.data[..record.data.len().min(64 << 10)]);
}
