//! `cef`: ArcSight's Common Event Format, version 0.
//!
//! ```text
//! CEF:0|Cisco|Firepower|-|430003|Connection end|5|rt=1743500735000 src=172.16.3.110 …
//! ```
//!
//! Header: `\` and `|` are escaped. Values: `\` and `=` are escaped, line ends are `\n` and
//! `\r`. A field without a key of CEF keeps its own name; custom keys are legal.

use std::sync::LazyLock;

use super::dialect::Dialect;
use super::facts::Facts;
use super::key_value::{Escape, append, key};
use super::table::{Known, Row, Table};
use crate::event::Value;
use crate::event::special::Special;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("cef.table")));

const HEADER: Escape<4> = Escape {
    special: Special {
        bytes: [b'\\', b'|', b'\r', b'\n'],
        // And NUL, which some readers take for an end.
        below: 1,
    },
    of: |byte| match byte {
        b'\\' => "\\\\",
        b'|' => "\\|",
        _ => " ",
    },
};
const VALUE: Escape<4> = Escape {
    special: Special {
        bytes: [b'\\', b'=', b'\n', b'\r'],
        below: 1,
    },
    of: |byte| match byte {
        b'\\' => "\\\\",
        b'=' => "\\=",
        b'\n' => "\\n",
        b'\r' => "\\r",
        _ => " ",
    },
};

/// CEF.
#[derive(Default)]
pub(super) struct Cef {
    separate: bool,
    buffer: String,
}

impl Cef {
    fn begin_pair(&mut self, out: &mut Vec<u8>) {
        if self.separate {
            out.push(b' ');
        }
        self.separate = true;
    }
}

impl Dialect for Cef {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn begin(&mut self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.separate = false;
        // The version of the product is not in the events, and may not be empty.
        out.extend_from_slice(b"CEF:0|Cisco|Firepower|-|");
        out.extend_from_slice(facts.code_or_type().as_bytes());
        out.push(b'|');
        let message = facts.value(Known::IntrusionRuleMessage);
        let name = message.unwrap_or(Value::Text(facts.title()));
        append(HEADER, name.text(&mut self.buffer), out);
        out.extend_from_slice(match facts.severity() {
            0..=3 => b"|3|",
            4..=5 => b"|5|",
            6..=7 => b"|6|",
            8 => b"|8|",
            _ => b"|9|",
        });
    }

    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        self.begin_pair(out);
        out.extend_from_slice(row.target.as_bytes());
        out.push(b'=');
        append(VALUE, value.text(&mut self.buffer), out);
        if let Some(label) = row.label {
            out.push(b' ');
            out.extend_from_slice(row.target.as_bytes());
            out.extend_from_slice(b"Label=");
            append(VALUE, label, out);
        }
    }

    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.begin_pair(out);
        key(&TABLE, name, out);
        out.push(b'=');
        append(VALUE, value.text(&mut self.buffer), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }
}
