//! Syslog messages: RFC 5424 and RFC 3164, framed as RFC 6587 and RFC 5425 say.

use std::io::Write;

use estreamer_core::fqe::EventKind;
use time::OffsetDateTime;

use super::RecordInfo;
use crate::output::options::{SyslogFraming, SyslogOptions, SyslogVersion};

/// Writes events as syslog messages.
pub(super) struct SyslogWriter {
    options: SyslogOptions,
}

/// The severity of an intrusion event: warning.
const WARNING: u8 = 4;
/// The severity of every other record: informational.
const INFORMATIONAL: u8 = 6;
/// The maximum lengths of the fields (RFC 5424, section 6).
const MAX_HOSTNAME: usize = 255;
const MAX_APP_NAME: usize = 48;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl SyslogWriter {
    pub(super) fn new(options: &SyslogOptions) -> Self {
        Self {
            options: options.clone(),
        }
    }

    /// Appends an event as a framed message of a stream.
    pub(super) fn append(&self, record: &RecordInfo, event: &[u8], out: &mut Vec<u8>) {
        match self.options.framing {
            SyslogFraming::OctetCounting => {
                // The length is known afterwards; it has at most 8 digits and a space.
                let start = out.len();
                self.message(record, event, out);
                let length = format!("{} ", out.len() - start);
                out.extend_from_slice(length.as_bytes());
                out[start..].rotate_right(length.len());
            }
            SyslogFraming::Newline => {
                let start = out.len();
                self.message(record, event, out);
                // A line end within the message would end it, and so would NUL for some.
                for byte in &mut out[start..] {
                    if matches!(byte, 0 | b'\n' | b'\r') {
                        *byte = b' ';
                    }
                }
                out.push(b'\n');
            }
        }
    }

    /// Appends an event as a message without framing.
    pub(super) fn message(&self, record: &RecordInfo, event: &[u8], out: &mut Vec<u8>) {
        let options = &self.options;
        let severity = match record.kind {
            Some(EventKind::Intrusion) => WARNING,
            _ => INFORMATIONAL,
        };
        let priority = u16::from(options.facility) * 8 + u16::from(severity);
        let host = options.hostname.as_deref().unwrap_or(&record.source);
        let time = record.micros().and_then(utc);
        // Writing to a Vec cannot fail.
        let _ = match options.version {
            SyslogVersion::Rfc5424 => {
                let _ = write!(out, "<{priority}>1 ");
                let _ = match time {
                    Some(time) => write!(
                        out,
                        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                        time.year(),
                        u8::from(time.month()),
                        time.day(),
                        time.hour(),
                        time.minute(),
                        time.second(),
                        time.microsecond()
                    ),
                    None => write!(out, "-"),
                };
                out.push(b' ');
                printable(host, MAX_HOSTNAME, out);
                out.push(b' ');
                printable(&options.app_name, MAX_APP_NAME, out);
                // No process, the event type as the message's type, no structured data.
                let kind = record.kind.map_or("-", EventKind::name);
                write!(out, " - {kind} - ")
            }
            SyslogVersion::Rfc3164 => {
                let time = time.unwrap_or_else(OffsetDateTime::now_utc);
                let _ = write!(
                    out,
                    "<{priority}>{} {:>2} {:02}:{:02}:{:02} ",
                    MONTHS[usize::from(u8::from(time.month()) - 1)],
                    time.day(),
                    time.hour(),
                    time.minute(),
                    time.second()
                );
                printable(host, MAX_HOSTNAME, out);
                out.push(b' ');
                printable(&options.app_name, MAX_APP_NAME, out);
                write!(out, ": ")
            }
        };
        out.extend_from_slice(event);
    }
}

/// Appends a field of the header: printable ASCII without spaces, never empty.
fn printable(text: &str, max: usize, out: &mut Vec<u8>) {
    if text.is_empty() {
        return out.push(b'-');
    }
    let bytes = text.bytes().take(max);
    out.extend(bytes.map(|byte| match byte {
        b'!'..=b'~' => byte,
        _ => b'_',
    }));
}

fn utc(micros: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn record(kind: Option<EventKind>, time: Option<u64>) -> RecordInfo {
        RecordInfo {
            end: 0,
            kind,
            source: "fmc berlin".into(),
            device: None,
            connection: None,
            archival: None,
            time,
            digest: Digest::new(0),
            ordinal: 0,
        }
    }

    fn message(options: &SyslogOptions, record: &RecordInfo, event: &str) -> String {
        let mut out = b"before".to_vec();
        SyslogWriter::new(options).append(record, event.as_bytes(), &mut out);
        String::from_utf8(out.split_off(6)).unwrap()
    }

    #[test]
    fn a_message_has_the_header_of_rfc_5424_and_its_length_before_it() {
        let mut options = SyslogOptions::default();
        let intrusion = record(Some(EventKind::Intrusion), Some(1_744_752_707_709_756));
        let text = "<132>1 2025-04-15T21:31:47.709756Z fmc_berlin estreamer - IntrusionEvent - {}";
        assert_eq!(
            message(&options, &intrusion, "{}"),
            format!("{} {text}", text.len())
        );
        options.framing = SyslogFraming::Newline;
        options.hostname = Some("collector".into());
        let other = record(None, None);
        assert_eq!(
            message(&options, &other, "a\nb"),
            "<134>1 - collector estreamer - - - a b\n"
        );
    }

    #[test]
    fn a_message_has_the_header_of_rfc_3164() {
        let options = SyslogOptions {
            framing: SyslogFraming::Newline,
            version: SyslogVersion::Rfc3164,
            facility: 1,
            ..SyslogOptions::default()
        };
        let connection = record(Some(EventKind::Connection), Some(1_743_465_601_000_000));
        assert_eq!(
            message(&options, &connection, "x"),
            "<14>Apr  1 00:00:01 fmc_berlin estreamer: x\n"
        );
    }
}
