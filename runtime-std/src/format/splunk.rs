//! `splunk`: events as Splunk's HTTP Event Collector takes them, one JSON object a line.
//!
//! ```text
//! {"time":1743500734.000000,"host":"…","source":"fmc","sourcetype":"cisco:sfw:estreamer","event":{…}}
//! ```

use std::io::Write;

/// The source type that Splunk's app for these events reads.
pub const SOURCETYPE: &str = "cisco:sfw:estreamer";

/// What the collector is told about an event.
pub struct HecEvent<'a> {
    /// Its time in microseconds since 1970.
    pub micros: Option<u64>,
    /// The device.
    pub host: &'a str,
    /// The name of the source.
    pub source: &'a str,
    /// How Splunk reads it.
    pub sourcetype: &'a str,
    /// Where Splunk stores it; `None` leaves that to the token.
    pub index: Option<&'a str>,
    /// Whether the event is a JSON object; anything else goes as a string.
    pub is_object: bool,
}

impl HecEvent<'_> {
    /// Appends an event as a line.
    pub fn append(&self, event: &[u8], out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(micros) = self.micros {
            let (seconds, part) = (micros / 1_000_000, micros % 1_000_000);
            // Writing to a Vec cannot fail.
            let _ = write!(out, "\"time\":{seconds}.{part:06},");
        }
        for (name, value) in [
            ("host", Some(self.host)),
            ("source", Some(self.source)),
            ("sourcetype", Some(self.sourcetype)),
            ("index", self.index),
        ] {
            if let Some(value) = value {
                let _ = write!(out, "\"{name}\":");
                let _ = serde_json::to_writer(&mut *out, value);
                out.push(b',');
            }
        }
        out.extend_from_slice(b"\"event\":");
        match self.is_object {
            true => {
                let start = out.len();
                out.extend_from_slice(event);
                // A line end between tokens is white space.
                for byte in &mut out[start..] {
                    if matches!(byte, b'\r' | b'\n') {
                        *byte = b' ';
                    }
                }
            }
            false => {
                let _ = serde_json::to_writer(&mut *out, &String::from_utf8_lossy(event));
            }
        }
        out.extend_from_slice(b"}\n");
    }
}
