//! `leef`: QRadar's Log Event Extended Format, version 2.0, with the tab between pairs.
//!
//! ```text
//! LEEF:2.0|Cisco|Firepower|-|430003|x09|devTime=Apr 01 2025 09:45:34.000 GMT<tab>src=172.16.3.110…
//! ```
//!
//! A tab or a line end in a value becomes a blank. A field without a key of LEEF keeps its
//! own name.

use std::sync::LazyLock;

use super::dialect::Dialect;
use super::facts::Facts;
use super::key_value::{Escape, append, key};
use super::table::{Row, Table};
use crate::event::Value;
use crate::event::special::Special;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("leef.table")));

const VALUE: Escape<3> = Escape {
    special: Special {
        bytes: [b'\t', b'\n', b'\r'],
        // And NUL, which some readers take for an end.
        below: 1,
    },
    of: |_| " ",
};

/// LEEF.
#[derive(Default)]
pub(super) struct Leef {
    separate: bool,
    buffer: String,
}

impl Leef {
    fn begin_pair(&mut self, out: &mut Vec<u8>) {
        if self.separate {
            out.push(b'\t');
        }
        self.separate = true;
    }

    fn value(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        out.push(b'=');
        append(VALUE, value.text(&mut self.buffer), out);
    }
}

impl Dialect for Leef {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn begin(&mut self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        self.separate = false;
        // The version of the product is not in the events, and may not be empty.
        out.extend_from_slice(b"LEEF:2.0|Cisco|Firepower|-|");
        out.extend_from_slice(facts.code_or_type().as_bytes());
        out.extend_from_slice(b"|x09|");
    }

    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        self.begin_pair(out);
        out.extend_from_slice(row.target.as_bytes());
        self.value(value, out);
    }

    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.begin_pair(out);
        key(&TABLE, name, out);
        self.value(value, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }
}
