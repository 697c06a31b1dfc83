//! What a dialect is.

use super::facts::Facts;
use super::table::{Row, Table};
use crate::event::Value;

/// A dialect: how the fields of an event are written. It has a mapping table, in which each
/// field has its place; the dialect itself only knows the punctuation.
///
/// For each event, [`begin`](Self::begin) is called once, then [`field`](Self::field) for
/// every row with a value, in the order of the table, then [`unknown`](Self::unknown) for
/// every other member in the order of the event, then [`end`](Self::end). None of them may
/// fail. What they append is one record with its line end.
pub(super) trait Dialect: Send {
    /// Returns the mapping table.
    fn table(&self) -> &'static Table;

    /// Returns why the dialect has no place for such an event at all. It goes to the error
    /// envelope then.
    fn refusal(&self, _facts: &Facts<'_>) -> Option<&'static str> {
        None
    }

    /// Begins an event.
    fn begin(&mut self, facts: &Facts<'_>, out: &mut Vec<u8>);

    /// Writes the value of a row.
    fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>);

    /// Writes a member that has no place in the table, or whose value does not fit there.
    fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>);

    /// Ends the event.
    fn end(&mut self, out: &mut Vec<u8>);

    /// Returns the number of values so far that could not be written as they are.
    fn adjusted(&self) -> u64 {
        0
    }
}
