//! Says where each field of an event goes.

use std::io::Write;

use super::Format;
use super::dialect::Dialect;
use super::event::Value;
use super::facts::Facts;
use super::table::{Row, Table};

/// A dialect that prints where another one puts each field, and then writes its output.
pub(super) struct Explain {
    format: Format,
    dialect: Box<dyn Dialect>,
    /// The record.
    record: Vec<u8>,
}

impl Explain {
    pub(super) fn boxed(format: Format, dialect: Box<dyn Dialect>) -> Box<dyn Dialect> {
        Box::new(Self {
            format,
            dialect,
            record: Vec::new(),
        })
    }
}

impl Dialect for Explain {
    fn table(&self) -> &'static Table {
        self.dialect.table()
    }

    fn refusal(&self, facts: &Facts<'_>) -> Option<&'static str> {
        self.dialect.refusal(facts)
    }

    fn begin(&mut self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.record.clear();
        self.dialect.begin(facts, &mut self.record);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{}, written as {}", facts.title(), self.format);
        if let Some(kind) = facts.kind() {
            let (format, name) = (self.format, kind.name());
            let _ = write!(out, " by the table {name} in docs/formats/{format}.md");
        }
        out.extend_from_slice(b":\n");
    }

    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        let start = self.record.len();
        self.dialect.field(row, value, &mut self.record);
        let how = match row.written_as {
            "" => String::new(),
            how => format!(" ({how})"),
        };
        let (from, written) = (row.source.shown(), written(&self.record[start..]));
        let _ = writeln!(out, "  {from} -> {}{how}: {written}", row.target);
    }

    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        let start = self.record.len();
        self.dialect.unknown(name, value, &mut self.record);
        let written = written(&self.record[start..]);
        let (name, format) = (name.escape_debug(), self.format);
        let _ = writeln!(out, "  `{name}` has no place in {format}: {written}");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.dialect.end(&mut self.record);
        out.push(b'\n');
        out.extend_from_slice(&self.record);
    }

    fn adjusted(&self) -> u64 {
        self.dialect.adjusted()
    }
}

/// Returns what was written for a field, without what ends the one before it.
fn written(record: &[u8]) -> String {
    let is_end = |c: char| matches!(c, '}' | ']' | ',') || c.is_whitespace();
    let text = String::from_utf8_lossy(record);
    text.trim_start_matches(is_end).trim_end().to_owned()
}
