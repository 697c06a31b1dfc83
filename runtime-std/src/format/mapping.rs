//! The mapping table of a dialect, for pages and for `catalog lint`.

use estreamer_core::fqe::EventKind;

use super::Format;
use super::table::{Row, Source};

/// A row of the mapping table of a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingRow {
    /// The field; `None` if the value is worked out or constant.
    pub field: Option<&'static str>,
    /// The field or the value in words.
    pub from: String,
    /// Its place in the dialect.
    pub target: &'static str,
    /// How it is written; empty if it is not changed.
    pub written_as: &'static str,
    /// Whether the field has its home in another row.
    pub is_copy: bool,
    /// The event types of the row.
    pub kinds: Vec<EventKind>,
}

/// Returns the mapping table of a dialect; `None` if the format has none.
pub fn mapping(format: Format) -> Option<Vec<MappingRow>> {
    let rows = &format.dialect()?.table().rows;
    let row = |row: &Row| MappingRow {
        field: match row.source {
            Source::Field(name) => Some(name),
            _ => None,
        },
        from: row.source.shown(),
        target: row.target,
        written_as: row.written_as,
        is_copy: row.is_copy,
        kinds: EventKind::ALL
            .into_iter()
            .filter(|kind| row.is_for_kind(*kind))
            .collect(),
    };
    Some(rows.iter().map(row).collect())
}
