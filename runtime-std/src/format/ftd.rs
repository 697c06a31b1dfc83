//! `ftd`: the device's own syslog line for security events, messages 430001 to 430005.
//!
//! ```text
//! <166>2025-04-01T09:45:34Z 172.16.0.10 : %FTD-6-430002: DeviceUUID: …, InstanceID: 1, …
//! ```
//!
//! Readers take the pairs apart at each comma before a key: letters, digits, blanks and `_`,
//! then a colon; some do so without a blank after the comma. A value that holds such a
//! comma is made harmless: the comma becomes a semicolon, and the value is counted.
//! A line end in a value becomes a blank.

use std::io::Write;
use std::sync::LazyLock;

use super::class::EventClass;
use super::dialect::Dialect;
use super::facts::Facts;
use super::key_value::key;
use super::table::{Known, Row, Table};
use crate::event::Value;
use crate::event::special::Special;
use crate::utc;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("ftd.table")));

/// The facility of the devices by default: local4.
const FACILITY: u8 = 20;

/// What may end a value.
const ENDS: Special<3> = Special {
    bytes: [b',', b'\n', b'\r'],
    // And NUL, which some readers take for an end.
    below: 1,
};

/// The device's syslog.
#[derive(Default)]
pub(super) struct Ftd {
    /// Whether the line has no header because the output writes one.
    bare: bool,
    separate: bool,
    /// Values in which a comma was replaced.
    adjusted: u64,
    buffer: String,
}

impl Ftd {
    /// Returns one whose lines have no header.
    pub(super) fn bare() -> Self {
        Self {
            bare: true,
            ..Self::default()
        }
    }

    /// Appends priority, time and host as the device does.
    fn header(&mut self, facts: &Facts<'_>, severity: u8, out: &mut Vec<u8>) {
        self.buffer.clear();
        let second = facts.time().map_or(facts.received, |time| time.second);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "<{}>", FACILITY * 8 + severity);
        if utc::append(second, &mut self.buffer).is_some() {
            out.extend_from_slice(self.buffer.as_bytes());
        }
        out.push(b' ');
        let host = [Known::Device, Known::DeviceIp, Known::DeviceUuid]
            .into_iter()
            .find_map(|known| facts.value(known));
        let host = match &host {
            Some(host) => host.text(&mut self.buffer),
            None => facts.source,
        };
        out.extend(host.bytes().map(|byte| match byte {
            b'!'..=b'~' => byte,
            _ => b'_',
        }));
        out.extend_from_slice(b" : ");
    }

    fn begin_pair(&mut self, out: &mut Vec<u8>) {
        if self.separate {
            out.extend_from_slice(b", ");
        }
        self.separate = true;
    }

    fn value(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(value.text(&mut self.buffer).as_bytes());
        self.adjusted += u64::from(make_harmless(&mut out[start..]));
    }
}

/// Makes sure that no reader takes a part of a value for a pair, or its end for that of the
/// line. Returns whether a comma was replaced.
fn make_harmless(value: &mut [u8]) -> bool {
    let mut at = 0;
    let mut replaced = false;
    while let Some(found) = ENDS.position(&value[at..]) {
        at += found;
        value[at] = match value[at] {
            b',' if begins_key(&value[at + 1..]) => {
                replaced = true;
                b';'
            }
            b',' => b',',
            _ => b' ',
        };
        at += 1;
    }
    replaced
}

/// Returns whether a reader takes this for a key and its colon.
fn begins_key(text: &[u8]) -> bool {
    // Elastic's reader also takes `[`, `\`, `]`, `^` and the backtick for letters, others take
    // letters of any script. Any white space is a blank; a line end and NUL become one.
    let in_key = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || !byte.is_ascii()
            || matches!(byte, b'[' | b'\\' | b']' | b'^' | b'_' | b'`')
            || matches!(byte, 0 | b' ' | b'\t' | 0xa..=0xd)
    };
    let length = text.iter().take_while(|byte| in_key(byte)).count();
    length > 0 && text.get(length) == Some(&b':')
}

impl Dialect for Ftd {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn refusal(&self, facts: &Facts<'_>) -> Option<&'static str> {
        let refusal = "the device's syslog has no message for this event type";
        facts.code().is_none().then_some(refusal)
    }

    fn begin(&mut self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.separate = false;
        let severity = match facts.class() {
            Some(EventClass::Intrusion) => 1,
            Some(EventClass::Malware) => 4,
            Some(EventClass::File) => 5,
            _ => 6,
        };
        if !self.bare {
            self.header(facts, severity, out);
        }
        out.extend_from_slice(b"%FTD-");
        out.push(b'0' + severity);
        out.push(b'-');
        out.extend_from_slice(facts.code().unwrap_or_default().as_bytes());
        out.extend_from_slice(b": ");
    }

    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        self.begin_pair(out);
        out.extend_from_slice(row.target.as_bytes());
        out.extend_from_slice(b": ");
        self.value(value, out);
    }

    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.begin_pair(out);
        key(&TABLE, name, out);
        out.extend_from_slice(b": ");
        self.value(value, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn adjusted(&self) -> u64 {
        self.adjusted
    }
}
