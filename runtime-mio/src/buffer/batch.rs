//! Records that are handed over together.

use super::pool::Arena;
use super::record::{EventRecord, RecordPlace};

/// Records of one connection, in the memory that they were received into.
///
/// Dropping the batch gives that memory back to its [`Pool`](super::Pool).
#[derive(Debug)]
pub struct Batch {
    /// `None` in a batch without records.
    arena: Option<Arena>,
    units: u64,
}

impl Batch {
    pub(super) fn new(mut arena: Option<Arena>, units: u64) -> Self {
        if let Some(arena) = &mut arena {
            arena.seal();
        }
        Self { arena, units }
    }

    /// Returns how many units of the connection were received up to the last
    /// record of this batch; see
    /// [`ClientSession`](estreamer_core::session::ClientSession).
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Returns the records in the order in which they arrived.
    pub fn records(&self) -> impl ExactSizeIterator<Item = EventRecord<'_>> {
        self.places().iter().map(|place| self.at(place))
    }

    /// Returns the record with this index.
    pub fn record(&self, index: usize) -> Option<EventRecord<'_>> {
        Some(self.at(self.places().get(index)?))
    }

    fn places(&self) -> &[RecordPlace] {
        self.arena.as_ref().map_or(&[], |arena| &arena.records)
    }

    fn at(&self, place: &RecordPlace) -> EventRecord<'_> {
        place.record(self.arena.as_deref().unwrap_or_default())
    }
}
