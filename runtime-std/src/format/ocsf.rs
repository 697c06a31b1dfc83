//! `ocsf`: events of the Open Cybersecurity Schema Framework 1.7, one JSON object a line.
//!
//! ```text
//! {"class_uid":4001,"category_uid":4,"activity_id":1,"type_uid":400101,"time":1743500734000,…
//! ```
//!
//! A field without a place in the class, and a value that its place cannot hold, is in
//! `unmapped` under its own name, as it came.

use std::sync::LazyLock;

use super::dialect::Dialect;
use super::event::Value;
use super::facts::Facts;
use super::nested::{Layout, Writer};
use super::table::{Row, Table};

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("ocsf.table")));
pub(super) static LAYOUT: LazyLock<Layout> = LazyLock::new(|| Layout::new(&TABLE, "unmapped."));

/// The Open Cybersecurity Schema Framework.
pub(super) struct Ocsf {
    writer: Writer,
}

impl Default for Ocsf {
    fn default() -> Self {
        Self {
            writer: Writer::new(&LAYOUT),
        }
    }
}

impl Dialect for Ocsf {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn begin(&mut self, _: &Facts<'_>, out: &mut Vec<u8>) {
        self.writer.begin(out);
    }

    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        self.writer.field(row, value, out);
    }

    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.writer.unknown(name, value, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.writer.end(out);
    }
}
