//! `ecs`: documents of the Elastic Common Schema, one JSON object a line.
//!
//! ```text
//! {"@timestamp":"2025-04-01T09:45:34.000000Z","ecs":{"version":"8.11.0"},"event":{"kind":"event",…
//! ```
//!
//! A field without a place in the schema is text in `cisco.ftd`, under its name in snake case.
//! An index gives a field the type of its first value, so no field has two types: a value that
//! is not what its place needs is text in `cisco.ftd` as well.

use std::fmt::Write;
use std::sync::LazyLock;

use super::dialect::Dialect;
use super::event::{Value, hash};
use super::facts::Facts;
use super::nested::{Layout, Writer};
use super::table::{Row, Table};

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("ecs.table")));
pub(super) static LAYOUT: LazyLock<Layout> = LazyLock::new(|| Layout::new(&TABLE, OWN));

/// Where the schema has no place.
const OWN: &str = "cisco.ftd.";

/// The Elastic Common Schema.
pub(super) struct Ecs {
    writer: Writer,
    /// Hashes of the names of unknown fields that this event has.
    names: Vec<u32>,
    /// The last number that tells two names apart.
    number: u32,
    /// The name of an unknown field, with [`OWN`] before it.
    name: String,
}

impl Default for Ecs {
    fn default() -> Self {
        Self {
            writer: Writer::new(&LAYOUT),
            names: Vec::new(),
            number: 0,
            name: String::new(),
        }
    }
}

impl Dialect for Ecs {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn begin(&mut self, _: &Facts<'_>, out: &mut Vec<u8>) {
        self.names.clear();
        self.number = 0;
        self.writer.begin(out);
    }

    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        self.writer.field(row, value, out);
    }

    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.name.clear();
        self.name.push_str(OWN);
        snake_case(name, &mut self.name);
        if TABLE.is_target(&self.name) {
            self.name.insert_str(OWN.len(), "fqe_");
        }
        // Two names may be one in snake case. Numbers tell them apart.
        let length = self.name.len();
        while self.names.contains(&hash(self.name.as_bytes())) {
            self.name.truncate(length);
            self.number += 1;
            // Writing to a String cannot fail.
            let _ = write!(self.name, "_{}", self.number);
        }
        self.names.push(hash(self.name.as_bytes()));
        self.writer
            .unknown_text(&self.name[OWN.len()..], value, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.writer.end(out);
    }
}

/// Appends a name such as `EVE_ThreatPct` as `eve_threat_pct`. In place of a character that is
/// no ASCII letter or digit stands `_`.
fn snake_case(name: &str, out: &mut String) {
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).map_or(b'_', |before| bytes[before]);
        let begins_word = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || before.is_ascii_uppercase()
                    && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase));
        if begins_word {
            out.push('_');
        }
        match byte {
            _ if byte.is_ascii_alphanumeric() => out.push(byte.to_ascii_lowercase().into()),
            // The rest of a character.
            0x80..=0xbf => {}
            _ => out.push('_'),
        }
    }
    if name.is_empty() {
        out.push('_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        for (name, expected) in [
            ("EVE_ThreatConfidencePct", "eve_threat_confidence_pct"),
            ("URLCategory", "url_category"),
            ("FirewallPolicyUUID", "firewall_policy_uuid"),
            ("FileSHA256", "file_sha256"),
            ("ICMP_Type", "icmp_type"),
            ("Ä.b c", "__b_c"),
            ("", "_"),
        ] {
            let mut out = String::new();
            snake_case(name, &mut out);
            assert_eq!(out, expected, "{name}");
        }
    }
}
