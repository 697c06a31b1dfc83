//! Redacts recorded streams.

use estreamer_core::fuzzing::Choices;
use serde::de::IgnoredAny;

use crate::capture::{CaptureError, Redacted, RedactionKey, decode, redact as redact_stream};

/// Redacts a recorded stream, and one event with a secret in it. The first byte selects: an
/// even number, the stream is the rest; an odd number, the rest is a name of a field and what
/// is around its secret value, separated by the byte 255.
pub fn redact(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.byte() % 2 {
        0 => stream(choices.rest()),
        _ => secret(choices.rest()),
    }
}

/// Asserts that a redacted stream has the same messages, and that the key decides.
fn stream(stream: &[u8]) {
    let first = redacted(b"key", stream);
    assert_eq!(redacted(b"key", stream), first, "it is stable");
    let Some((out, end)) = first else {
        return;
    };
    assert_eq!(out.len(), stream.len());
    let (before, after) = (heads(stream), heads(&out));
    assert_eq!(before, after, "the structure stays");
    if matches!(end, Redacted::Lost(_)) {
        return;
    }
    // What was redacted can be redacted again.
    let again = redacted(b"other", &out).map(|(again, end)| (heads(&again), end));
    assert_eq!(again, Some((after, end)));
}

/// Asserts that a word does not come through, wherever it is.
fn secret(data: &[u8]) {
    const SECRET: &str = "Zq7vKx0wJ9hTb4";
    let mut parts = data.split(|byte| *byte == 255).map(String::from_utf8_lossy);
    let mut part = || parts.next().unwrap_or_default();
    let (name, before, after) = (part(), part(), part());
    if name.contains(SECRET) {
        // Names of fields are kept.
        return;
    }
    let value = format!("{before}{SECRET}{after}");
    let event = serde_json::json!({
        name: value, "Deep": [{ value.as_str(): value }], "PacketData": value,
    });
    let json = event.to_string();
    for data in [&json, &value, &json[1..]] {
        for kind in [EVENT, ERROR] {
            let redacted = redacted(b"key", &message(kind, data.as_bytes()));
            let (out, _) = redacted.expect("it is a message");
            let found = out
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes());
            assert!(!found, "{}", String::from_utf8_lossy(&out));
            if *data == json && kind == EVENT {
                let event = &out[24..];
                let read = serde_json::from_slice::<IgnoredAny>(event);
                assert!(read.is_ok(), "{}", String::from_utf8_lossy(event));
            }
        }
    }
}

/// Returns a redacted stream and its end; `None` if it is not a stream.
fn redacted(key: &[u8], stream: &[u8]) -> Option<(Vec<u8>, Redacted)> {
    let mut out = Vec::new();
    match redact_stream(&mut &*stream, RedactionKey::new(key), &mut out) {
        Ok(end) => Some((out, end)),
        Err(CaptureError::Peer(_)) => {
            assert!(out.is_empty());
            None
        }
        Err(error) => panic!("memory is read and written: {error}"),
    }
}

/// Returns type, length and reading of each message of a stream, and how it ends. What the
/// messages hold is left out.
fn heads(stream: &[u8]) -> (Vec<String>, Option<u64>) {
    let mut out = Vec::new();
    let end = decode(&mut &*stream, true, &mut out).ok();
    let text = String::from_utf8(out).expect("it is text");
    let kept = |line: &&str| !HELD.iter().any(|name| line.starts_with(name));
    let heads = text.lines().filter(kept).map(|line| {
        let first = line.get(8..).unwrap_or_default().split_whitespace().next();
        let end = match first.unwrap_or_default() {
            // The line of another message shows what is in it: its address, its services.
            first if !line.starts_with(' ') && !SHOWN.contains(&first) => line.find(first),
            "error" => line.find(": "),
            // A bundle in a bundle has no meaning.
            "bundle" if line[8..].starts_with("    ") => line.find("bundle"),
            _ => None,
        };
        line[..end.unwrap_or(line.len())].to_owned()
    });
    (heads.collect(), end)
}

/// The beginnings of lines about what a message holds.
const HELD: [&str; 7] = [
    "          data ",
    "          text ",
    "          raw bytes ",
    "          body",
    "          JSON block ",
    "          services ",
    "          bodies ",
];

/// The first words of lines about messages that show nothing of what these hold, or behind a
/// colon.
const SHOWN: [&str; 5] = ["event", "bundle", "null", "error", "malformed:"];

const EVENT: u8 = 4;
const ERROR: u8 = 1;

/// Returns a message with this variable part.
fn message(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut out = vec![0, 1, 0, kind];
    if kind == EVENT {
        out.extend((length + 16).to_be_bytes());
        out.extend(500_u32.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend([0x65, 0, 0, 0, 0, 0, 0, 0]);
    } else {
        out.extend((length + 6).to_be_bytes());
        out.extend([0, 0, 0, 1]);
        out.extend((length as u16).to_be_bytes());
    }
    out.extend_from_slice(data);
    out
}
